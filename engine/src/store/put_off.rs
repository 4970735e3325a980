//! Put off: jobs go back that need what is shut, and come when it is open again.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::settle::Settlement;
use super::{SHARD, millis};
use crate::Result;

/// Jobs a statement wakes.
pub(crate) const BATCH: i64 = 1_000;

/// Puts the jobs of these attempts back and returns whose it did.
pub(crate) async fn put_off(
    conn: &mut PgConnection,
    batch: &[&Settlement],
) -> Result<HashSet<Uuid>> {
    let column = |text: fn(&Settlement) -> Option<&str>| -> Vec<Option<&str>> {
        batch.iter().map(|one| text(one)).collect()
    };
    let fences = || batch.iter().map(|one| one.fence);
    let written: Vec<Uuid> = sqlx::query_scalar(include_str!("put_off.sql"))
        .bind(SHARD)
        .bind(fences().map(|fence| fence.job_id).collect::<Vec<_>>())
        .bind(fences().map(|fence| fence.attempt).collect::<Vec<_>>())
        .bind(fences().map(|fence| fence.nonce).collect::<Vec<_>>())
        .bind(
            batch
                .iter()
                .map(|one| millis(one.delay))
                .collect::<Vec<_>>(),
        )
        .bind(column(|one| one.code.as_deref()))
        .bind(column(|one| one.error.as_deref()))
        .bind(column(|one| one.put_off_for.as_deref()))
        .fetch_all(conn)
        .await?;
    Ok(written.into_iter().collect())
}

/// What became of a round of waking.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Woken {
    /// Marks that were taken away.
    pub(crate) told: i64,
    /// Queues with jobs that are due now.
    pub(crate) queues: Vec<String>,
    /// Some come later, over the ramp.
    pub(crate) future: bool,
}

/// How jobs come back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Milliseconds since the ramp began; none is all at once.
    pub(crate) ramp_ms: Option<i64>,
    /// Seconds the ramp lasts.
    pub(crate) ramp_s: i64,
}

/// Lets at most `limit` of the jobs that were put off for `key` come; `told` were before.
pub(crate) async fn wake(
    conn: &mut PgConnection,
    key: &str,
    limit: i64,
    told: i64,
    pace: Pace,
) -> Result<Woken> {
    Ok(sqlx::query_as(include_str!("wake_put_off.sql"))
        .bind(SHARD)
        .bind(key)
        .bind(limit)
        .bind(told)
        .bind(pace.ramp_ms)
        .bind(pace.ramp_s)
        .fetch_one(conn)
        .await?)
}

/// What jobs are put off for now, each found by a probe of the index; at most 1,000.
pub(crate) async fn keys(conn: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "with recursive mark as ( \
             select (select key from engine.put_off where shard = $1 order by key limit 1) as key \
             union all \
             select (select p.key from engine.put_off p where p.shard = $1 and p.key > mark.key order by p.key limit 1) \
             from mark where mark.key is not null \
         ) select key from mark where key is not null limit 1000",
    )
    .bind(SHARD)
    .fetch_all(conn)
    .await?)
}

/// Takes away at most `limit` marks of jobs that do not wait any more; returns how many.
pub(crate) async fn prune(conn: &mut PgConnection, limit: i64) -> Result<u64> {
    let gone = sqlx::query(
        "delete from engine.put_off where ctid = any(array( \
             select o.ctid from engine.put_off o where o.shard = $1 and not exists ( \
                 select from engine.pending p where p.shard = o.shard and p.id = o.job_id and not p.due) \
             and put_off_at < now() - interval '10 minutes' \
             limit $2 for update skip locked \
         )) and shard = $1",
    )
    .bind(SHARD)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
