//! A dry run tells each change field by field, and writes nothing on either side.

use jobs::creatio::Sort;
use jobs::creatio::preview::{Change, Preview, preview};
use serde_json::json;
use sim::creatio::Config;

use super::support::{CREATIO, House, lead};

async fn previewed(house: &House) -> (Preview, Vec<Change>) {
    let (calls, sums) = (house.vendor.log().len(), checksums(house).await);
    let mut changes = Vec::new();
    let told = preview(&house.env, CREATIO, |change| changes.push(change))
        .await
        .unwrap();

    // What the vendor saw of it was reads, and a token.
    for call in &house.vendor.log()[calls..] {
        let is_read = call.method == "GET" || call.path.ends_with("/connect/token");
        assert!(is_read, "{call:?}");
    }
    assert_eq!(checksums(house).await, sums);
    (told, changes)
}

/// Of every table that a sync may write, but for the token.
async fn checksums(house: &House) -> Vec<String> {
    let tables = [
        "contact",
        "lead",
        "activity",
        "participant",
        "dirty",
        "dirty_mark",
        "observed",
        "link",
        "intent",
        "conflict",
        "journal",
        "operation",
        "mapping",
        "site",
        "run",
        "stream",
        "page",
        "quarantine",
        "history",
    ];
    let mut sums = Vec::new();
    for table in tables {
        let sql = format!(
            "select '{table} ' || coalesce(md5(string_agg(t::text || t.ctid::text, ' ' order by t.ctid)), '') from sync.{table} t"
        );
        sums.push(
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&house.env.pool)
                .await
                .unwrap(),
        );
    }
    sums
}

#[tokio::test]
async fn a_dry_run_tells_every_change_field_by_field_and_writes_nothing() {
    let house = House::empty().await;
    let (edited, disputed, remote_id) = {
        let worker = house.worker();
        let edited = house.insert("lead", lead(1)).await;
        let disputed = house.insert("lead", lead(2)).await;
        house.synced().await;
        let remote_id = house.record(Sort::Lead, disputed).await.remote_id.unwrap();
        worker.stop().await;
        (edited, disputed, remote_id)
    };
    house
        .edit("lead", edited, json!({"company": "Grand Inn"}))
        .await;
    house.edit("lead", disputed, json!({"budget": "10"})).await;
    house.set(
        "Lead",
        remote_id,
        json!({"Budget": "20", "Website": "inn.example"}),
    );
    let made = house.insert("lead", lead(3)).await;
    let theirs = house.add("Lead", json!({"Contact": "Eve"}));

    let (told, changes) = previewed(&house).await;

    let of = |id: uuid::Uuid| changes.iter().find(|one| one.local_id == Some(id)).unwrap();
    let push = of(edited);
    assert_eq!(
        (push.verb.as_str(), push.direction.as_deref()),
        ("update", Some("to_creatio"))
    );
    assert_eq!(
        json!(push.differences()),
        json!({"company": ["Grand Inn", "Grand Inn"]})
    );
    assert_eq!(push.fields[0].theirs, "Inn");
    let both: Vec<_> = of(disputed)
        .fields
        .iter()
        .map(|one| (one.field.as_str(), one.act.as_str()))
        .collect();
    assert_eq!(both, [("budget", "conflict"), ("website", "pull")]);
    assert_eq!(of(made).verb, "create");
    let pulled = changes
        .iter()
        .find(|one| one.remote_id.is_some_and(|id| id.to_string() == theirs))
        .unwrap();
    assert_eq!(
        (pulled.verb.as_str(), pulled.direction.as_deref()),
        ("create", Some("from_creatio"))
    );
    let counts = told.counts;
    assert_eq!(
        (
            counts.created_in_creatio,
            counts.created_here,
            counts.updated_in_creatio,
            counts.updated_here,
            counts.conflicts
        ),
        (1, 1, 1, 1, 1),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_dry_run_of_a_first_import_says_what_the_import_then_does() {
    let config = Config {
        leads: 40,
        contacts: 30,
        activities: 10,
        ..Config::default()
    };
    let house = House::with(config).await;
    // One that is there already, by its address.
    house
        .insert(
            "contact",
            json!({"full_name": "Mine", "email": "person2@example.test"}),
        )
        .await;
    house
        .insert(
            "contact",
            json!({"full_name": "New", "email": "new@inn.example"}),
        )
        .await;

    let (told, _) = previewed(&house).await;
    let _worker = house.worker();
    let counts = house.synced().await;

    assert_eq!(
        told.counts.created_here, counts.created_here,
        "{told:?} {counts:?}"
    );
    assert_eq!(told.counts.created_in_creatio, counts.created_in_creatio);
    let (again, changes) = previewed(&house).await;
    assert_eq!(changes, [], "{again:?}");
}
