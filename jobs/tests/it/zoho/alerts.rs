//! What a person should look at is an alert until it is mended, and no longer.

use jobs::held::{self, Status as HeldStatus};
use jobs::run::Status;
use sim::wire::Fault;
use sim::zoho::ItemPatch;

use super::support::House;

impl House {
    /// The present alerts, each with what it is about.
    async fn alerts(&self) -> Vec<(String, String)> {
        let alerts = jobs::alert::list(self.engine()).await.unwrap();
        let named = alerts.into_iter().map(|one| (one.alert, one.subject));
        named.collect()
    }

    fn spoil(&self, ids: &[String]) {
        for id in ids {
            let odd = ItemPatch {
                rate: Some("\"odd\"".into()),
                ..ItemPatch::default()
            };
            self.change(id, odd);
        }
    }
}

async fn three_failures(house: &House) {
    let forbidden = Fault::json(403, serde_json::json!({"code": 0, "message": "x"}));
    house.vendor().inject(forbidden.on_path("/items"));
    for _ in 0..3 {
        house
            .run(jobs::zoho::sync_of(crate::connection::ZOHO, false, "test"))
            .await;
    }
}

fn alert(rule: &str, subject: &str) -> (String, String) {
    (rule.to_owned(), subject.to_owned())
}

#[tokio::test]
async fn a_held_sweep_is_an_alert_until_a_person_rejects_it_and_marks_nothing() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;
    let quiet = house.alerts().await;
    for id in &house.ids()[..12] {
        house.delete(id);
    }
    house.synced().await;
    let run = house.latest_run().await;
    let alerts = jobs::alert::list(house.engine()).await.unwrap();

    let mut tx = house.env.pool.begin().await.unwrap();
    let by = ("nok", Some("their listing was broken"));
    let done = held::reject(&mut tx, run.id, by).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = house.env.pool.begin().await.unwrap();
    let late = held::approve(&mut tx, run.id, ("nok", None)).await;
    tx.rollback().await.unwrap();
    let after = house.alerts().await;

    assert_eq!((run.status, quiet), (Status::Held, vec![]));
    assert_eq!(
        (alerts.len(), alerts[0].alert.as_str()),
        (1, "sweep_held"),
        "{alerts:?}"
    );
    assert!(
        alerts[0].message.contains("12 of 55 rows"),
        "{}",
        alerts[0].message
    );
    assert_eq!((done.status, done.marked), (HeldStatus::Rejected, 0));
    assert_eq!(
        (done.decided_by.as_deref(), done.reason.as_deref()),
        (Some("nok"), by.1)
    );
    assert_eq!(late.unwrap_err().code(), "decided");
    assert_eq!((house.gone().await, after), (vec![], vec![]));

    house.synced().await;
    let again = house.latest_run().await;
    assert_eq!((again.status, again.held), (Status::Held, 12));
    assert_eq!(house.alerts().await.len(), 1, "the next walk asks again");
}

#[tokio::test]
async fn a_quarantine_that_grows_or_lasts_is_an_alert() {
    let house = House::of(55).await;
    let _worker = house.worker();
    let ids = house.ids();
    house.spoil(&ids[..9]);
    house.synced().await;
    let few = house.alerts().await;

    house.spoil(&ids[9..10]);
    house.synced().await;
    let many = house.alerts().await;
    house
        .sql("update sync.quarantine set first_seen_at = now() - interval '25 hours'")
        .await;
    let lasting = house.alerts().await;
    house
        .sql("update sync.quarantine set status = 'ignored', ignored_by = 'nok', ignored_because = 'theirs'")
        .await;

    assert_eq!(few, []);
    assert_eq!(many, [alert("quarantine_growing", jobs::zoho::STREAM)]);
    assert_eq!(lasting, [alert("quarantine_lasting", jobs::zoho::STREAM)]);
    assert_eq!(house.alerts().await, []);
}

#[tokio::test]
async fn three_runs_in_a_row_that_fail_are_an_alert_until_one_does_not() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    let forbidden = Fault::json(403, serde_json::json!({"code": 0, "message": "x"}));
    house.vendor().inject(forbidden.on_path("/items"));
    let mut seen = Vec::new();
    for _ in 0..3 {
        house
            .run(jobs::zoho::sync_of(crate::connection::ZOHO, false, "test"))
            .await;
        seen.push(house.alerts().await);
    }
    let message = jobs::alert::list(house.engine()).await.unwrap()[0]
        .message
        .clone();
    house.vendor().clear_faults();

    house.synced().await;

    assert_eq!(
        seen,
        [
            vec![],
            vec![],
            vec![alert("runs_failing", jobs::zoho::STREAM)]
        ]
    );
    assert!(message.contains("forbidden"), "{message}");
    assert_eq!(house.alerts().await, []);
}

#[tokio::test]
async fn failures_of_a_week_ago_are_no_alert_any_more() {
    let house = House::of(5).await;
    let _worker = house.worker();
    three_failures(&house).await;
    let fresh = house.alerts().await;

    house
        .sql("update sync.run set ended_at = now() - interval '8 days'")
        .await;

    assert_eq!(fresh, [alert("runs_failing", jobs::zoho::STREAM)]);
    assert_eq!(house.alerts().await, []);
}

#[tokio::test]
async fn a_thousand_runs_over_chosen_items_hide_no_listing_that_fails() {
    let house = House::of(5).await;
    let _worker = house.worker();
    three_failures(&house).await;

    house
        .sql(
            "insert into sync.run (stream, connection, job_id, scope, mode, status, ended_at) \
             select stream, connection, job_id, scope, 'chosen', status, now() \
             from (select * from sync.run order by id desc limit 1) last, generate_series(1, 1000)",
        )
        .await;

    assert_eq!(
        house.alerts().await,
        [alert("runs_failing", jobs::zoho::STREAM)]
    );
}

#[tokio::test]
async fn a_bad_record_that_lasts_does_not_make_runs_fail() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.spoil(&house.ids()[..1]);
    for _ in 0..3 {
        house.synced().await;
    }
    let run = house.latest_run().await;
    let of_records = house.alerts().await;

    house.sql("update sync.run set sweep = 'unproven'").await;
    let of_walks = house.alerts().await;
    // One without an id is itself why nothing is proven.
    house
        .sql("update sync.quarantine set is_named = false")
        .await;

    assert_eq!((run.status, run.counters.quarantined), (Status::Partial, 1));
    assert_eq!(of_records, []);
    assert_eq!(of_walks, [alert("runs_failing", jobs::zoho::STREAM)]);
    assert_eq!(house.alerts().await, []);
}
