//! `soundtrack.sync_zones`: a killed worker's successor goes on at the page, and no run stays behind.

use std::time::Duration;

use engine::{Actor, State};
use futures::StreamExt as _;
use jobs::run::{Partition, Status};
use sim::soundtrack::{Fault, FaultKind};

use crate::support::House;

impl House {
    /// Holds that page of the account back, once, for longer than any test.
    fn hold_page(&self, account: &str, nth: u32) {
        let slow = Fault::new(FaultKind::Slow { delay_ms: 600_000 });
        self.remote
            .inject(slow.on_account(account).after(nth - 1).times(1));
    }
}

#[tokio::test]
async fn r8_a_killed_workers_successor_resumes_at_the_page() {
    futures::stream::iter(1..=5)
        .for_each_concurrent(3, killed_at_page)
        .await;
}

async fn killed_at_page(nth: u32) {
    let house = House::with_pages_of(10).await;
    let (company, account) = house.company_with(50).await;
    house.hold_page(&account, nth);
    let first = house.worker();
    let enqueued = house.enqueue(company).await;
    house
        .until("the page is asked for", async || {
            house.remote.stats().calls == u64::from(nth)
        })
        .await;

    drop(first);
    let _second = house.worker();
    let job = house.end_of(enqueued).await;

    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    // Five pages, and the one that was never answered: nothing was walked again.
    assert_eq!(house.remote.stats().calls, 6, "page {nth}");
    let run = house.latest_run(company).await;
    assert_eq!(
        (run.status, run.pages, run.walks),
        (Status::Succeeded, 5, 1)
    );
    assert_eq!((run.counters.created, run.counters.duplicate), (50, 0));
    let attempts = house.engine().attempts(job.id).await.unwrap();
    assert_eq!(attempts[0].outcome, "crashed");
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r8_a_failed_page_is_tried_again_and_not_the_walk() {
    let house = House::with_pages_of(10).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(30).await;

    let broken = Fault::new(FaultKind::HttpStatus { status: 502 });
    house
        .remote
        .inject(broken.on_account(&account).after(2).times(1));
    let summary = house.synced(company).await;

    assert_eq!((summary.created, summary.pages), (30, 3));
    assert_eq!(house.remote.stats().calls, 4);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r8_a_worker_that_leaves_in_good_order_leaves_the_walk_at_its_page() {
    let house = House::with_pages_of(10).await;
    let (company, account) = house.company_with(50).await;
    house.hold_page(&account, 3);
    let mut options = crate::support::options(4);
    options.shutdown = Duration::from_millis(100);
    let first = engine::testing::run_worker(house.engine(), house.registry(), options);
    let enqueued = house.enqueue(company).await;
    house.pages_applied(company, 2).await;
    house
        .until("the third page is asked for", async || {
            house.remote.stats().calls == 3
        })
        .await;

    first.stop().await;
    let left = house.engine().job(enqueued.id).await.unwrap().unwrap();
    let _second = house.worker();
    let job = house.end_of(enqueued).await;

    assert_eq!(
        (left.state, left.failed, left.crashes),
        (State::Available, 0, 0)
    );
    assert_eq!((job.state, job.failed), (State::Completed, 0));
    assert_eq!(house.latest_run(company).await.pages, 5);
    assert_eq!(house.remote.stats().calls, 6);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r11_no_run_of_a_crashed_worker_stays_in_progress() {
    let house = House::with_pages_of(10).await;
    let (company, account) = house.company_with(50).await;
    house.hold_page(&account, 3);
    let first = house.worker();
    let crashed = house.enqueue(company).await;
    house.pages_applied(company, 2).await;
    house
        .until("the third page is asked for", async || {
            house.remote.stats().calls == 3
        })
        .await;

    // The worker dies and a person cancels its job before anybody takes it back.
    drop(first);
    let actor = Actor::new("ops", "test");
    house
        .engine()
        .cancel(crashed.id, &actor, "by hand")
        .await
        .unwrap();
    let _second = house.worker();
    assert_eq!(house.end_of(crashed).await.state, State::Cancelled);
    assert_eq!(house.latest_run(company).await.status, Status::Running);
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.pages, summary.synced),
        (5, 50),
        "the next sync goes on with the run"
    );
    assert_eq!(house.remote.stats().calls, 6);
    let runs = jobs::run::list(&house.env.pool, &of(company), 10)
        .await
        .unwrap();
    assert_eq!(
        runs.data.iter().map(|run| run.status).collect::<Vec<_>>(),
        [Status::Succeeded]
    );
    let pages: i64 = sqlx::query_scalar("select count(*) from sync.page")
        .fetch_one(&house.env.pool)
        .await
        .unwrap();
    assert_eq!(pages, 0);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn a_walk_that_is_too_old_begins_again_in_the_same_run() {
    let house = House::with_pages_of(10).await;
    let (company, account) = house.company_with(50).await;
    house.hold_page(&account, 3);
    let first = house.worker();
    let enqueued = house.enqueue(company).await;
    house.pages_applied(company, 2).await;
    house
        .until("the third page is asked for", async || {
            house.remote.stats().calls == 3
        })
        .await;

    drop(first);
    sqlx::query("update sync.run set touched_at = now() - interval '1 hour'")
        .execute(&house.env.pool)
        .await
        .unwrap();
    let _second = house.worker();
    let job = house.end_of(enqueued).await;

    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    let run = house.latest_run(company).await;
    assert_eq!((run.walks, run.pages), (2, 7));
    assert_eq!((run.counters.created, run.counters.duplicate), (50, 20));
    assert_eq!(house.remote.stats().calls, 8);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn two_jobs_of_one_company_never_walk_at_once() {
    let house = House::with_pages_of(10).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(30).await;
    let slow = Fault::new(FaultKind::Slow { delay_ms: 1_000 });
    house
        .remote
        .inject(slow.on_account(&account).after(1).times(1));
    // Whoever enqueues by hand gives no unique key.
    let job = || {
        engine::NewJob::of(&jobs::soundtrack::SyncZones {
            company_id: company,
        })
    };
    let first = house.engine().enqueue(job()).await.unwrap();
    house.pages_applied(company, 1).await;

    let second = house.engine().enqueue(job()).await.unwrap();
    let (first, second) = (house.end_of(first).await, house.end_of(second).await);

    assert_eq!(
        (first.state, second.state),
        (State::Completed, State::Completed)
    );
    assert_eq!(second.failed, 0, "to wait for the other costs no attempt");
    let runs = jobs::run::list(&house.env.pool, &of(company), 10)
        .await
        .unwrap();
    let counted: Vec<_> = runs
        .data
        .iter()
        .map(|run| (run.counters.created, run.counters.unchanged, run.pages))
        .collect();
    assert_eq!(counted, [(0, 30, 3), (30, 0, 3)]);
}

#[tokio::test]
async fn a_page_of_a_worker_that_lost_its_job_is_not_applied() {
    let house = House::with_pages_of(10).await;
    let (company, account) = house.company_with(30).await;
    let slow = Fault::new(FaultKind::Slow { delay_ms: 1_500 });
    house
        .remote
        .inject(slow.on_account(&account).after(1).times(1));
    let mut options = crate::support::options(1);
    options.heartbeat = Duration::from_secs(60);
    options.lease = Duration::from_secs(300);
    let late = engine::testing::run_worker(house.engine(), house.registry(), options);
    let enqueued = house.enqueue(company).await;
    house
        .until("the second page is asked for", async || {
            house.remote.stats().calls == 2
        })
        .await;

    // Its lease is over for everybody else, and it does not know.
    sqlx::query("update engine.running set lease_until = now() where id = $1")
        .bind(enqueued.id)
        .execute(&house.env.pool)
        .await
        .unwrap();
    let _second = house.worker();
    let job = house.end_of(enqueued).await;
    house
        .until("the late worker is refused", async || {
            late.counts().refused() > 0
        })
        .await;

    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    let run = house.latest_run(company).await;
    assert_eq!(
        (run.pages, run.counters.created, run.counters.duplicate),
        (3, 30, 0)
    );
    house.assert_true(company, &account).await;
}

fn of(company: i64) -> jobs::run::Filter {
    jobs::run::Filter {
        partition: Some(Partition::Company(company)),
        ..jobs::run::Filter::default()
    }
}
