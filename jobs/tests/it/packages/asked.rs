//! How syncs are asked for: one a minute, those that somebody waits for first, bulk ones with a pause.

use std::time::Duration;

use engine::testing::run_worker;
use engine::{Answer, Enqueued};
use jiff::Timestamp;
use jobs::packages::{SyncAll, sync_all_of};
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::House;
use crate::connection::until;
use crate::support::{PATIENCE, options, registry};

impl House {
    async fn logs_in(&self, profile: Uuid) -> Enqueued {
        let job = self.at_login(profile).await;
        self.engine().enqueue(job).await.unwrap()
    }

    /// For all that keys know, so much later.
    async fn later(&self, seconds: i32) {
        sqlx::query("update engine.key set expires_at = expires_at - make_interval(secs => $1)")
            .bind(f64::from(seconds))
            .execute(&self.env.pool)
            .await
            .unwrap();
    }

    /// One job at a time.
    fn narrow_worker(&self) -> engine::testing::WorkerGuard {
        run_worker(self.engine(), registry(&self.env, 3), options(1))
    }

    /// A bulk sync of one profile a chunk, whose first chunk waits for the CRM.
    async fn begun_bulk(&self, profiles: u64, pause_ms: u32) {
        self.many(profiles).await;
        self.crm.inject(Fault::new(Kind::Silence));
        let asked = SyncAll {
            only_new: true,
            batch_size: 1,
            pause_ms,
            ..SyncAll::default()
        };
        let bulk = sync_all_of(&asked, "test");
        self.engine().enqueue(bulk).await.unwrap();
        until("the first chunk asks", async || self.crm.stats().calls > 0).await;
    }

    /// Chunks that have yet to begin.
    async fn waiting_chunks(&self) -> Vec<Uuid> {
        let sql =
            "select id from engine.pending where kind = 'packages.sync_chunk' and attempt = 0";
        let all = sqlx::query_scalar(sql).fetch_all(&self.env.pool).await;
        all.unwrap()
    }

    /// Since when a job that has run did.
    async fn begun_at(&self, id: Uuid) -> Timestamp {
        self.engine().wait(id, PATIENCE).await.unwrap();
        let job = self.engine().job(id).await.unwrap().unwrap();
        job.started_at.expect("it has begun")
    }
}

#[tokio::test]
async fn the_same_job_stands_for_a_minute_after_its_end_and_no_longer() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    let _worker = house.worker();
    let first = house.logs_in(profile).await;
    assert_eq!(first.answer, Answer::Inserted);
    let state = house.engine().wait(first.id, PATIENCE).await.unwrap();
    assert!(state.is_terminal());

    let at_once = house.logs_in(profile).await;
    house.later(45).await;
    let soon = house.logs_in(profile).await;
    house.later(15).await;
    let later = house.logs_in(profile).await;

    assert_eq!((at_once.id, at_once.answer), (first.id, Answer::Kept));
    assert_eq!((soon.id, soon.answer), (first.id, Answer::Kept));
    assert_eq!(later.answer, Answer::Inserted);
    assert_ne!(later.id, first.id);
}

#[tokio::test]
async fn somebody_who_logs_in_is_synced_before_the_chunks_that_waited_already() {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    let _worker = house.narrow_worker();
    house.begun_bulk(5, 0).await;
    let one_runs = async || house.waiting_chunks().await.len() == 4;
    until("one of them runs", one_runs).await;
    let waiting = house.waiting_chunks().await;

    let login = house.logs_in(profile).await;
    house.crm.clear_faults();
    let begun = house.begun_at(login.id).await;

    let mut after = 0;
    for chunk in waiting {
        after += usize::from(house.begun_at(chunk).await > begun);
    }
    // A worker that has met no job with a key for a while sees the first of them with one claim, and takes it with the next.
    assert!(after >= 3, "{after} of 4");
}

#[tokio::test]
async fn the_beginnings_of_chunks_are_planned_a_pause_apart() {
    let house = House::new().await;
    let _worker = house.narrow_worker();
    house.begun_bulk(4, 30_000).await;

    let planned: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from p.run_at - j.created_at)::float8 from engine.pending p \
         join engine.job j on j.id = p.id where j.kind = 'packages.sync_chunk' order by p.run_at",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();

    let pause = Duration::from_secs(30).as_secs_f64();
    assert_eq!(planned.len(), 3, "the first runs");
    for (nth, after) in (1_u32..).zip(planned) {
        let off = after - pause * f64::from(nth);
        assert!(off.abs() < 0.001, "{nth}: {after} s");
    }
}
