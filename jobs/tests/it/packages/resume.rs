//! A bulk sync whose worker dies at every commit there is.

use engine::State;
use futures::StreamExt as _;
use jobs::packages::{SyncAll, Totals, sync_all_of};

use super::House;
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
        "select exists (select from pg_locks where locktype = 'advisory' and objid = 9 and not granted)",
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

async fn dies_at(table: &str, nth: u64) {
    let house = House::new().await;
    let profiles = house.many(PROFILES).await;
    let asked = SyncAll {
        only_new: true,
        batch_size: 2,
        pause_ms: 0,
        ..SyncAll::default()
    };
    let mut halt = house.env.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(9)")
        .execute(&mut *halt)
        .await
        .unwrap();
    halt_at(&house, table, nth).await;
    let worker = house.worker();
    let bulk = house
        .engine()
        .enqueue(sync_all_of(&asked, "test"))
        .await
        .unwrap();
    until("it stands still", async || stands_still(&house).await).await;

    drop(worker);
    sqlx::query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 9 and not granted")
        .execute(&mut *halt)
        .await
        .unwrap();
    halt.rollback().await.unwrap();
    let _next = house.worker();
    let state = house.engine().wait(bulk.id, PATIENCE).await.unwrap();

    assert_eq!(state, State::Completed, "{table} {nth}");
    let job = house.engine().job(bulk.id).await.unwrap().unwrap();
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
