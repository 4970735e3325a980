//! A record that the database does not take fails no other, and no page for ever.

use engine::State;
use jobs::run::Status;
use jobs::zoho::sync_of;
use sim::zoho::ItemPatch;

use super::support::House;
use crate::connection::ZOHO;

/// The operator's own rule, which no schema of ours knows.
const RULE: &str =
    "alter table sync.product add constraint no_curse check (name not like 'Cursed%')";

impl House {
    fn curse(&self, ids: &[&String]) {
        for (nth, id) in ids.iter().enumerate() {
            let name = Some(format!("Cursed {nth}"));
            let patch = ItemPatch {
                name,
                ..ItemPatch::default()
            };
            self.change(id, patch);
        }
    }
}

#[tokio::test]
async fn records_that_the_database_refuses_are_set_aside_and_the_rest_of_the_page_is_kept() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.sql(RULE).await;
    let ids = house.ids();
    house.curse(&[&ids[3], &ids[11], &ids[30]]);

    let first = house.synced().await;
    let run = house.latest_run().await;
    // One that is stored already is refused as it changes.
    house.curse(&[&ids[5]]);
    let price = ItemPatch {
        rate: Some("77".into()),
        ..ItemPatch::default()
    };
    house.change(&ids[6], price);
    house.synced().await;
    let second = house.latest_run().await;

    assert_eq!((first.created, first.failed), (42, 3));
    assert!(
        first.errors[0].ends_with("row is not one that the database takes (no_curse)"),
        "{:?}",
        first.errors
    );
    assert_eq!((run.status, run.counters.fetched), (Status::Partial, 45));
    assert_eq!(
        (second.counters.updated, second.counters.quarantined),
        (1, 4)
    );
    assert_eq!(second.orphaned, 0);
    assert_ne!(house.product(&ids[5]).await.name, "Cursed 0");
    assert!(house.history(&ids[3]).await.is_empty());
    let raw: serde_json::Value =
        sqlx::query_scalar("select raw from sync.quarantine where key = $1")
            .bind(&ids[11])
            .fetch_one(&house.env.pool)
            .await
            .unwrap();
    assert_eq!(raw["name"], "Cursed 1");

    house
        .sql("alter table sync.product drop constraint no_curse")
        .await;
    house.synced().await;
    assert_eq!(house.latest_run().await.status, Status::Succeeded);
    house.assert_true().await;
}

#[tokio::test]
async fn a_rule_that_refuses_a_whole_page_stops_the_run_and_is_named() {
    // More than are borne, so that it is not told as too many bad ones.
    let house = House::with(25, 25).await;
    let _worker = house.worker();
    house
        .sql("alter table sync.product add constraint nothing_goes check (false) not valid")
        .await;

    let job = house.run(sync_of(ZOHO, false, "test")).await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("page_refused"))
    );
    let run = house.latest_run().await;
    let error = run.error.clone().unwrap_or_default();
    assert!(error.contains("refused 25 of them"), "{error}");
    assert!(
        error.contains("(nothing_goes)") && error.contains("constraint"),
        "{error}"
    );
    assert!(!error.contains("remote"), "it is not the remote: {error}");
    assert_eq!((run.status, run.pages), (Status::Failed, 0));
    let kept: i64 = sqlx::query_scalar("select count(*) from sync.quarantine")
        .fetch_one(&house.env.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}
