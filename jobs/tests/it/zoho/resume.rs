//! A killed worker's successor goes on at the page, from whatever state was left.

use engine::State;
use futures::StreamExt as _;
use jobs::run::Status;
use jobs::zoho::sync_of;
use sim::wire::{Fault, Kind};

use super::support::House;
use crate::connection::ZOHO;

/// Kills the worker while it waits for a page, after so many have committed, and lets another one finish.
async fn killed_after(pages: u32) -> House {
    let house = House::of(105).await;
    let slow = Fault::new(Kind::Slow { delay_ms: 600_000 });
    house
        .vendor()
        .inject(slow.on_path("/items").after(pages).times(1));
    let first = house.worker();
    let id = house.enqueue(sync_of(ZOHO, false, "test")).await;
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    let waits = || {
        let stats = house.vendor().stats();
        let listed = stats
            .by_path
            .iter()
            .filter(|(path, _)| path.contains("/items"));
        let ended: u64 = listed.map(|(_, calls)| calls).sum();
        ended == u64::from(pages) && stats.calls > ended + 1
    };
    while !waits() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "page {pages} is never asked for"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    drop(first);
    let _second = house.worker();
    let job = house.end_of(id).await;

    assert_eq!(job.state, State::Completed, "{pages}: {:?}", job.error);
    let attempts = house.engine().attempts(job.id).await.unwrap();
    assert_eq!(attempts[0].outcome, "crashed");
    house
}

#[tokio::test]
async fn r8_a_kill_after_each_page_resumes_there_and_walks_nothing_twice() {
    // Seven pages of twenty, less what overlaps.
    let cases = futures::stream::iter(0..6);
    let one = async |pages| {
        let house = killed_after(pages).await;

        let run = house.latest_run().await;
        assert_eq!((run.status, run.walks), (Status::Succeeded, 1), "{pages}");
        assert_eq!(
            (run.counters.created, run.counters.duplicate),
            (105, 0),
            "killed after {pages}"
        );
        assert_eq!(
            house.calls(),
            usize::try_from(run.pages).unwrap(),
            "killed after {pages}: the page that was never answered is no call that ended"
        );
        house.assert_true().await;
    };
    cases.for_each_concurrent(3, one).await;
}

#[tokio::test]
async fn r11_a_run_that_was_left_is_taken_over_by_the_next_job() {
    let house = House::of(105).await;
    house
        .vendor()
        .inject(Fault::status(503).on_path("/items").after(3).times(2));
    let _worker = house.worker();

    let dead = house.run(sync_of(ZOHO, false, "test")).await;
    let summary = house.synced().await;

    assert_eq!(dead.state, State::Dead);
    assert_eq!(summary.total, 105);
    house.assert_true().await;
    let running: i64 = sqlx::query_scalar("select count(*) from sync.run where status = 'running'")
        .fetch_one(&house.env.pool)
        .await
        .unwrap();
    assert_eq!(running, 0);
}

#[tokio::test]
async fn r7_a_token_that_runs_out_on_the_way_is_renewed_once() {
    let house = House::of(105).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.inner.mints();

    house.a_while_later().await;
    house.vendor().expire_access_tokens();
    let summary = house.synced().await;

    assert_eq!(summary.total, 105);
    assert_eq!(house.inner.mints() - before, 1);
}
