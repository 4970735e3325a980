//! Deletes: soft here, by proof from there, never over an edit, and never undone by a late answer.

use jobs::creatio::conflict::{Conflict, RECORD};
use jobs::creatio::{Chosen, Decision, Sort, Status, conflict, mapping};
use serde_json::{Value, json};
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::support::{CREATIO, House, lead};

async fn pair(house: &House) -> (Uuid, Uuid) {
    let id = house.insert("lead", lead(1)).await;
    // Others, so that one that goes is no large sweep.
    for nth in 2..5 {
        house.insert("lead", lead(nth)).await;
    }
    house.synced().await;
    (id, house.record(Sort::Lead, id).await.remote_id.unwrap())
}

async fn settled(house: &House) {
    for _ in 0..3 {
        house.synced().await;
    }
}

#[tokio::test]
async fn what_is_deleted_there_is_marked_here_and_stays_so() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, remote_id) = pair(&house).await;
    house.remove("Lead", remote_id);

    settled(&house).await;

    assert_ne!(
        house.row("lead", id).await["deleted_at"],
        Value::Null,
        "{}",
        house.story().await
    );
    let record = house.record(Sort::Lead, id).await;
    assert_eq!(
        (record.state.as_str(), record.status),
        ("tombstone", Status::Success)
    );
    assert_eq!(house.journal().await[0].event, "deleted_local");
    house.assert_quiet().await;
    assert_eq!(house.vendor.count("Lead"), 3);
}

#[tokio::test]
async fn a_record_that_is_only_hidden_is_deleted_nowhere() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, remote_id) = pair(&house).await;
    house
        .vendor
        .change(sim::creatio::Change::deny(
            "Lead",
            Some(super::support::guid(remote_id)),
            sim::creatio::Right::Read,
        ))
        .unwrap();
    house
        .edit("lead", id, json!({"company": "Grand Inn"}))
        .await;

    house.reconciled().await;

    assert_eq!(house.row("lead", id).await["deleted_at"], Value::Null);
    let record = house.record(Sort::Lead, id).await;
    assert_eq!(
        (record.state.as_str(), record.status),
        ("active", Status::Pending),
        "{record:?}"
    );
}

#[tokio::test]
async fn what_is_deleted_here_stays_there_unless_the_mapping_says_otherwise() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, _) = pair(&house).await;
    house.delete("lead", id).await;
    settled(&house).await;
    assert_eq!(house.vendor.count("Lead"), 4);
    assert_eq!(house.record(Sort::Lead, id).await.state, "unlinked");
    house.assert_quiet().await;

    let house = House::empty().await;
    let _worker = house.worker();
    let (id, _) = pair(&house).await;
    enable(
        &house,
        &mapping::DEFAULT.replace(
            "on_local_delete = \"unlink\"",
            "on_local_delete = \"follow\"",
        ),
    )
    .await;
    settled(&house).await;
    house.delete("lead", id).await;
    settled(&house).await;
    assert_eq!(house.vendor.count("Lead"), 3, "{}", house.story().await);
    assert_eq!(house.record(Sort::Lead, id).await.state, "tombstone");
    house.assert_quiet().await;
}

#[tokio::test]
async fn an_edit_of_what_was_deleted_there_is_a_persons_to_settle() {
    for (take, leads, is_deleted) in [(Chosen::Local, 4, false), (Chosen::Creatio, 3, true)] {
        let house = House::empty().await;
        let _worker = house.worker();
        let (id, remote_id) = pair(&house).await;
        house.remove("Lead", remote_id);
        house
            .edit("lead", id, json!({"company": "Grand Inn"}))
            .await;
        settled(&house).await;
        let found = gone_there(&house).await;
        assert_eq!(house.vendor.count("Lead"), 3);

        let mut tx = house.env.pool.begin().await.unwrap();
        let word = conflict::Word {
            by: "nok",
            note: None,
            seen: None,
        };
        conflict::resolve(&mut tx, found.id, &Decision::Take(take), word)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        settled(&house).await;

        assert_eq!(
            house.vendor.count("Lead"),
            leads,
            "{take:?}\n{}",
            house.story().await
        );
        assert_eq!(
            house.row("lead", id).await["deleted_at"] != Value::Null,
            is_deleted,
            "{take:?}"
        );
        house.assert_quiet().await;
    }
}

#[tokio::test]
async fn a_record_put_back_here_is_made_there_again() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, remote_id) = pair(&house).await;
    house.remove("Lead", remote_id);
    settled(&house).await;

    sqlx::query("update sync.lead set deleted_at = null where id = $1")
        .bind(id)
        .execute(&house.env.pool)
        .await
        .unwrap();
    settled(&house).await;

    assert_eq!(house.vendor.count("Lead"), 4, "{}", house.story().await);
    assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
    house.assert_quiet().await;
}

#[tokio::test]
async fn a_delete_there_after_an_update_that_was_not_answered_is_a_persons_to_settle() {
    for kind in [
        Kind::StatusAfter { status: 504 },
        Kind::ShortBatch { keep: 0 },
    ] {
        let house = House::empty().await;
        let _worker = house.worker();
        let (id, remote_id) = pair(&house).await;
        let fault = Fault::new(kind).on_path("$batch").after(1).times(1);
        house.vendor.inject(fault);
        house
            .edit("lead", id, json!({"company": "Grand Inn"}))
            .await;
        house.reconciled().await;
        let in_doubt = "select count(*) from sync.intent where state = 'unknown'";
        assert_eq!(house.count(in_doubt).await, 1, "{}", house.story().await);
        house.remove("Lead", remote_id);

        settled(&house).await;

        gone_there(&house).await;
        assert_eq!(house.count(in_doubt).await, 0, "{}", house.story().await);
        house.assert_quiet().await;
    }
}

/// The only conflict: a record that is no more at Creatio.
async fn gone_there(house: &House) -> Conflict {
    let mut all = house.conflicts().await;
    assert_eq!(all.len(), 1, "{all:?}\n{}", house.story().await);
    let found = all.remove(0);
    assert_eq!(
        (found.field.as_str(), found.gone.as_deref()),
        (RECORD, Some("remote"))
    );
    found
}

pub(super) async fn enable(house: &House, text: &str) {
    let checked = mapping::check(&house.env, CREATIO, text).await.unwrap();
    let checked = checked.unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut tx = house.env.pool.begin().await.unwrap();
    mapping::enable(&mut tx, &checked, "nok").await.unwrap();
    tx.commit().await.unwrap();
}
