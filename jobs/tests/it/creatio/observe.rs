//! `creatio.observe`: what Creatio has is seen page by page, and what differs is marked.

use jobs::creatio::{Sort, observe_of};
use serde_json::json;

use super::support::{CREATIO, House};

async fn observed(house: &House, changed: bool) -> serde_json::Value {
    house
        .done(observe_of(CREATIO, Sort::Lead, changed, "test"))
        .await
}

#[tokio::test]
async fn what_changed_is_marked_once_and_nothing_else_is_written() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.add("Lead", json!({"Contact": "Ann"}));
    house.add("Lead", json!({"Contact": "Bob"}));

    let first = observed(&house, true).await;
    let marks = house.count("select count(*) from sync.dirty_mark").await;
    let again = observed(&house, true).await;
    house.set("Lead", id.parse().unwrap(), json!({"Contact": "Anna"}));
    let third = observed(&house, true).await;

    assert_eq!((&first["seen"], &first["changed"]), (&json!(2), &json!(2)));
    assert_eq!(marks, 2);
    assert_eq!(again["changed"], 0, "{again}");
    assert_eq!(third["changed"], 1, "{third}");
    assert_eq!(house.count("select count(*) from sync.dirty_mark").await, 3);
    assert_eq!(house.count("select count(*) from sync.lead").await, 0);
    assert_eq!(house.writes(), 0);
}

#[tokio::test]
async fn a_save_that_changes_no_mapped_field_marks_nothing() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.add("Lead", json!({"Contact": "Ann"}));
    observed(&house, false).await;

    house.set(
        "Lead",
        id.parse().unwrap(),
        json!({"Address": "Main Street 1"}),
    );
    let again = observed(&house, true).await;

    assert_eq!(again["changed"], 0, "{again}");
    assert_eq!(house.count("select count(*) from sync.dirty_mark").await, 1);
}

#[tokio::test]
async fn only_a_complete_walk_says_that_a_record_is_gone() {
    let house = House::empty().await;
    let _worker = house.worker();
    let ids: Vec<String> = (0..12)
        .map(|nth| house.add("Lead", json!({"Contact": format!("Ann {nth}")})))
        .collect();
    observed(&house, false).await;
    house.remove("Lead", ids[3].parse().unwrap());

    let changed = observed(&house, true).await;
    let gone_then = house
        .count("select count(*) from sync.observed where gone_at is not null")
        .await;
    let all = observed(&house, false).await;

    assert_eq!((changed["gone"].as_i64(), gone_then), (Some(0), 0));
    assert_eq!(all["gone"], 1, "{all}");
    assert_eq!(
        house
            .count("select count(*) from sync.observed where gone_at is not null")
            .await,
        1
    );
}

/// Observed leads, of which one is gone since.
async fn missing_one(house: &House) -> String {
    let ids: Vec<String> = (0..12)
        .map(|nth| house.add("Lead", json!({"Contact": format!("Ann {nth}")})))
        .collect();
    observed(house, false).await;
    house.remove("Lead", ids[3].parse().unwrap());
    ids[3].clone()
}

#[tokio::test]
async fn g8_a_record_that_was_written_since_the_run_began_is_not_gone() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = missing_one(&house).await;
    sqlx::query(
        "update sync.observed set updated_at = now() + interval '1 hour' where remote_id::text = $1",
    )
    .bind(&id)
    .execute(house.database.pool())
    .await
    .unwrap();

    let walked = observed(&house, false).await;

    assert_eq!(walked["gone"], 0, "{walked}");
}

#[tokio::test]
async fn g8_a_record_in_quarantine_is_not_gone() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = missing_one(&house).await;
    sqlx::query(
        "insert into sync.quarantine (stream, connection, key, is_named, field, expected, raw, run_id) \
         values ('creatio.leads', $1, $2, true, 'Contact', 'a text', '{}', 1)",
    )
    .bind(CREATIO)
    .bind(&id)
    .execute(house.database.pool())
    .await
    .unwrap();

    let first = observed(&house, false).await;
    let second = observed(&house, false).await;

    assert_eq!((&first["gone"], &second["gone"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn g8_a_record_whose_create_is_in_doubt_is_not_gone() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = missing_one(&house).await;
    let doubt = "with l as ( \
             insert into sync.link (connection, stream, remote_id) values ($1, 'creatio.leads', $2::uuid) returning id) \
         insert into sync.intent (op_id, link_id, remote_id, verb, payload, fields, hash, state, job_id, sent_at) \
         select gen_random_uuid(), id, $2::uuid, 'create', '{}', '{}', '', 'unknown', gen_random_uuid(), now() from l";
    sqlx::query(doubt)
        .bind(CREATIO)
        .bind(&id)
        .execute(house.database.pool())
        .await
        .unwrap();

    let walked = observed(&house, false).await;

    assert_eq!(walked["gone"], 0, "{walked}");
}

/// A time of modification that only a wrong clock can have said.
const FAR: &str = "2999-01-01T00:00:00Z";

#[tokio::test]
async fn a_record_of_the_far_future_is_seen_and_moves_no_watermark_past_creatios_clock() {
    let house = House::empty().await;
    let _worker = house.worker();
    let marked = "select count(*) from sync.stream \
        where name = 'creatio.leads' and watermark_at between '2026-01-01' and '2026-01-02'";
    house.add("Lead", json!({"Contact": "Ann", "ModifiedOn": FAR}));
    let id = house.add("Lead", json!({"Contact": "Bob"}));

    let all = observed(&house, true).await;
    let after_all = house.count(marked).await;
    let ahead = json!({"Contact": "Bobby", "ModifiedOn": FAR});
    house.set("Lead", id.parse().unwrap(), ahead);
    let changed = observed(&house, true).await;
    let after_changed = house.count(marked).await;
    house.add("Lead", json!({"Contact": "Eve"}));
    let next = observed(&house, true).await;
    house.set("Lead", id.parse().unwrap(), json!({"Contact": "Rob"}));
    let mended = observed(&house, true).await;

    assert_eq!((&all["seen"], &all["changed"]), (&json!(2), &json!(2)));
    assert_eq!(changed["changed"], 1, "{changed}");
    assert_eq!((after_all, after_changed), (1, 1));
    assert_eq!(
        next["changed"], 1,
        "what changes now is still asked for: {next}"
    );
    assert_eq!(mended["changed"], 1, "a time that is put right: {mended}");
    assert_eq!((&mended["failed"], house.writes()), (&json!(0), 0));
}

#[tokio::test]
async fn a_record_that_the_database_refuses_is_kept_with_its_fields() {
    let house = House::empty().await;
    let _worker = house.worker();
    house
        .sql(
            "alter table sync.observed add constraint no_curse \
             check (fields ->> 'Contact' not like 'Cursed%')",
        )
        .await;
    house.add("Lead", json!({"Contact": "Ann"}));
    let id = house.add("Lead", json!({"Contact": "Cursed Bob"}));

    let walked = observed(&house, false).await;

    let (key, raw): (String, serde_json::Value) =
        sqlx::query_as("select key, raw from sync.quarantine")
            .fetch_one(house.database.pool())
            .await
            .unwrap();
    assert_eq!((&walked["seen"], &walked["failed"]), (&json!(1), &json!(1)));
    assert_eq!((key, &raw["Contact"]), (id, &json!("Cursed Bob")));
}
