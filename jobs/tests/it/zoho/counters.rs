//! Every record that was fetched ends in exactly one counter, and a run that cannot say where is no run to believe.

use engine::State;
use jobs::run::Status;
use sim::wire::{Fault, Kind};
use sim::zoho::ItemPatch;

use super::support::House;
use crate::connection::ZOHO;

/// A worker is killed at the fourth page of six, of an organisation of whose items one is gone; what happens then.
async fn interrupted(between: &'static str) -> (House, engine::JobView) {
    let house = House::of(105).await;
    {
        let worker = house.worker();
        house.synced().await;
        worker.stop().await;
    }
    house.delete(&house.ids()[2]);
    let slow = Fault::new(Kind::Slow { delay_ms: 600_000 });
    house
        .vendor()
        .inject(slow.on_path("/items").after(3).times(1));
    let first = house.worker();
    let job = house
        .enqueue(jobs::zoho::sync_of(ZOHO, false, "test"))
        .await;
    house.struck().await;
    drop(first);

    house.sql(between).await;
    let second = house.successor();
    let job = house.end_of(job).await;
    second.stop().await;
    (house, job)
}

#[tokio::test]
async fn a_run_that_cannot_account_for_a_record_fails_and_marks_nothing() {
    let (house, job) =
        interrupted("update sync.run set unchanged = unchanged - 1 where status = 'running'").await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("miscounted"))
    );
    let run = house.latest_run().await;
    assert_eq!(
        (run.status, run.code.as_deref(), run.pages),
        (Status::Failed, Some("miscounted"), 3)
    );
    assert!(house.gone().await.is_empty());

    let _worker = house.worker();
    house.synced().await;
    assert_eq!(
        house.gone().await.len(),
        1,
        "the next run counts from the beginning"
    );
}

#[tokio::test]
async fn a_run_that_an_older_version_began_goes_on() {
    let (house, job) =
        interrupted("update sync.run set fetched = null where status = 'running'").await;

    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    let run = house.latest_run().await;
    assert_eq!((run.status, run.orphaned), (Status::Succeeded, 1));
}

#[tokio::test]
async fn fetched_is_the_sum_of_what_became_of_the_records() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    let ids = house.ids();
    let rate = |rate: &str| ItemPatch {
        rate: Some(rate.into()),
        ..ItemPatch::default()
    };
    house.change(&ids[1], rate("\"odd\""));
    house.change(&ids[2], rate("77"));
    house.delete(&ids[3]);
    house.add("New");

    house.synced().await;

    let run = house.latest_run().await;
    let counters = run.counters;
    assert_eq!(run.walks, 2);
    assert_eq!(counters.fetched, 2 * 45);
    assert_eq!(
        (counters.created, counters.updated, counters.quarantined),
        (1, 1, 1)
    );
    assert_eq!((counters.unchanged, counters.duplicate), (42, 45));

    house.synced_items(&[&ids[3], &ids[4], "1"]).await;
    let counters = house.latest_run().await.counters;
    assert_eq!((counters.fetched, counters.gone), (3, 1));
    assert_eq!((counters.unchanged, counters.quarantined), (1, 1));
}
