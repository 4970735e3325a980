//! Heartbeat: extend the leases of everything a worker runs.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SHARD, millis};
use crate::Result;
use crate::fence::Fence;

/// Extends the leases and returns `(job, cancel requested)` for those that are still held.
/// A row that changed under the statement may be missing, so the missing are asked once more.
pub(crate) async fn extend(
    conn: &mut PgConnection,
    fences: &[Fence],
    lease: Duration,
) -> Result<Vec<(Uuid, bool)>> {
    let mut held = extend_once(conn, fences, lease).await?;
    if held.len() < fences.len() {
        let missing: Vec<Fence> =
            fences.iter().filter(|fence| !held.iter().any(|(id, _)| *id == fence.job_id)).copied().collect();
        held.extend(extend_once(conn, &missing, lease).await?);
    }
    Ok(held)
}

async fn extend_once(
    conn: &mut PgConnection,
    fences: &[Fence],
    lease: Duration,
) -> Result<Vec<(Uuid, bool)>> {
    let mut fences = fences.to_vec();
    fences.sort_by_key(|fence| fence.job_id);
    Ok(sqlx::query_as(include_str!("heartbeat.sql"))
        .bind(SHARD)
        .bind(fences.iter().map(|fence| fence.job_id).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| fence.attempt).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| fence.nonce).collect::<Vec<_>>())
        .bind(millis(lease))
        .fetch_all(conn)
        .await?)
}

/// Of these running jobs, the ones a person has asked to cancel.
pub(crate) async fn cancel_requested(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select id from engine.running where shard = $1 and id = any($2) and cancel_requested",
    )
    .bind(SHARD)
    .bind(ids)
    .fetch_all(conn)
    .await?)
}
