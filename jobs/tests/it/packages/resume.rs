//! A bulk sync whose worker dies at every commit there is.

use engine::testing::WorkerGuard;
use engine::{JobView, NewJob, State};
use futures::StreamExt as _;
use jobs::packages::{SyncAll, Totals, sync_all_of};
use jobs::quarantine::Status;

use super::{House, adas};
use crate::connection::until;
use crate::support::PATIENCE;

const PROFILES: u64 = 6;

/// The commits of a bulk sync: a row of this table is written by it, so often.
const COMMITS: [(&str, u64); 4] = [
    // The count and the chunks.
    ("engine.step", 1),
    ("engine.batch", 1),
    // Each profile's own.
    ("sync.package_outcome", PROFILES),
    // The ends of three chunks and of the whole.
    ("engine.ended", 4),
];

/// Whoever writes the `nth` such row stands still before its commit, until it is let go.
async fn halt_at(house: &House, table: &str, nth: u64) {
    let sql = format!(
        "create sequence sync.halts; \
         create function sync.halt() returns trigger language plpgsql as $$ \
         begin if nextval('sync.halts') = {nth} then perform pg_advisory_xact_lock(9); end if; return null; end $$; \
         create trigger halt after insert on {table} for each row execute function sync.halt()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&house.env.pool)
        .await
        .unwrap();
}

/// Whether somebody stands still.
async fn stands_still(house: &House) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_locks where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database()))",
    )
    .fetch_one(&house.env.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn r13_a_bulk_sync_goes_on_wherever_its_worker_dies() {
    let cases = COMMITS
        .into_iter()
        .flat_map(|(table, commits)| (1..=commits).map(move |nth| (table, nth)));
    futures::stream::iter(cases)
        .for_each_concurrent(4, |(table, nth)| dies_at(table, nth))
        .await;
}

/// Runs a job whose worker dies at that commit, and lets another end it.
async fn killed(house: &House, (table, nth): (&str, u64), job: NewJob) -> (JobView, WorkerGuard) {
    let mut halt = house.env.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(9)")
        .execute(&mut *halt)
        .await
        .unwrap();
    halt_at(house, table, nth).await;
    let worker = house.worker();
    let id = house.engine().enqueue(job).await.unwrap().id;
    until("it stands still", async || stands_still(house).await).await;

    drop(worker);
    sqlx::query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database())")
        .execute(&mut *halt)
        .await
        .unwrap();
    halt.rollback().await.unwrap();
    let next = house.worker();
    let state = house.engine().wait(id, PATIENCE).await.unwrap();
    assert!(state.is_terminal(), "{table} {nth}: {state}");
    let job = house.engine().job(id).await.unwrap().unwrap();
    (job, next)
}

async fn dies_at(table: &str, nth: u64) {
    let house = House::new().await;
    let profiles = house.many(PROFILES).await;
    let asked = SyncAll {
        only_new: true,
        batch_size: 2,
        pause_ms: 0,
        ..SyncAll::default()
    };
    let bulk = sync_all_of(&asked, "test");
    let (job, _next) = killed(&house, (table, nth), bulk).await;

    assert_eq!(job.state, State::Completed, "{table} {nth}");
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!(
        (
            totals.total_profiles,
            totals.successful_profiles,
            totals.total_packages
        ),
        (6, 6, 6),
        "{table} {nth}: {totals:?}"
    );
    for profile in profiles {
        assert_eq!(house.hours(profile).await.len(), 1, "{table} {nth}");
    }
}

/// None of one profile's packages can be read. The worker dies as it keeps the first or the second of them, alone or
/// among others.
#[tokio::test]
async fn a_profile_that_cannot_be_read_is_kept_once_wherever_its_worker_dies() {
    let cases = [(1, false), (2, false), (1, true), (2, true)];
    futures::stream::iter(cases)
        .for_each_concurrent(4, |(nth, in_bulk)| dies_at_quarantine(nth, in_bulk))
        .await;
}

async fn dies_at_quarantine(nth: u64, in_bulk: bool) {
    let house = House::new().await;
    let (profile, _) = house.ada().await;
    let others = house.many(2).await;
    {
        let _worker = house.worker();
        for other in others {
            house.synced(other).await;
        }
    }
    let before = house.written().await;
    for id in ["1", "2"] {
        house.spoil(id);
    }
    let job = match in_bulk {
        true => {
            let asked = SyncAll {
                pause_ms: 0,
                ..SyncAll::default()
            };
            sync_all_of(&asked, "test")
        }
        false => house.sync_now(profile),
    };

    let (job, _next) = killed(&house, ("sync.quarantine", nth), job).await;

    let shown = format!("row {nth}, in bulk: {in_bulk}");
    if in_bulk {
        assert_eq!(job.state, State::Completed, "{shown}: {:?}", job.error);
        let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
        let ends = (totals.successful_profiles, totals.failed_profiles);
        assert_eq!(ends, (2, 1), "{shown}: {totals:?}");
        let error = format!("Profile {profile}: too_many_bad_records");
        assert_eq!(totals.errors, [error], "{shown}");
    } else {
        let ended = (job.state, job.code.as_deref());
        assert_eq!(
            ended,
            (State::Dead, Some("too_many_bad_records")),
            "{shown}"
        );
        assert_eq!(house.written().await, before, "{shown}: nothing else is");
    }
    let mut kept = house.bad(Status::Open).await;
    kept.sort_by(|left, right| left.key.cmp(&right.key));
    let kept: Vec<&str> = kept.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(house.hours(profile).await, adas(), "{shown}");
    assert_eq!(kept, ["1", "2"], "{shown}: one row each");
}
