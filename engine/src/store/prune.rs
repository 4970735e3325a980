//! Prune: delete old ended jobs, by state. Dead letters only when a retention says so.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::{SHARD, millis};
use crate::{Result, State};

/// Rows a statement deletes.
pub(crate) const BATCH: i64 = 2_000;

/// Deletes at most [`BATCH`] jobs that ended in `state` longer ago than `keep`; returns how many.
pub(crate) async fn prune(conn: &mut PgConnection, state: State, keep: Duration) -> Result<u64> {
    let gone: i64 = sqlx::query_scalar(include_str!("prune.sql"))
        .bind(SHARD)
        .bind(state.as_str())
        .bind(millis(keep))
        .bind(BATCH)
        .fetch_one(conn)
        .await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

/// Deletes keys that have expired; returns how many.
pub(crate) async fn prune_keys(conn: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query(
        "delete from engine.key where ctid = any(array( \
             select ctid from engine.key where shard = $1 and expires_at < now() \
             order by expires_at limit $2 for update skip locked \
         )) and shard = $1 and expires_at < now()",
    )
    .bind(SHARD)
    .bind(BATCH)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// Deletes worker rows that have been silent for a week.
pub(crate) async fn prune_workers(conn: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query("delete from engine.worker where seen_at < now() - interval '7 days'")
        .execute(conn)
        .await?;
    Ok(gone.rows_affected())
}
