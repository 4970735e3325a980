//! Heartbeat: extend the leases of everything a worker runs.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SHARD, millis};
use crate::Result;
use crate::fence::Fence;

/// Extends the leases and returns `(attempt, cancel requested)` for those that are still held.
/// A row that changed under the statement may be missing, so the missing are asked once more. What
/// is then still missing may be locked by its own handler's transaction: nobody can take it away
/// from that, so it counts as held though its lease is not extended.
pub(crate) async fn extend(
    conn: &mut PgConnection,
    fences: &[Fence],
    lease: Duration,
) -> Result<HashMap<Fence, bool>> {
    let mut held = extend_once(conn, fences, lease).await?;
    let missing = |held: &HashMap<Fence, bool>| -> Vec<Fence> {
        fences
            .iter()
            .filter(|fence| !held.contains_key(*fence))
            .copied()
            .collect()
    };
    if held.len() < fences.len() {
        let again = extend_once(conn, &missing(&held), lease).await?;
        held.extend(again);
    }
    if held.len() < fences.len() {
        let locked = stand(conn, &missing(&held)).await?;
        held.extend(locked);
    }
    Ok(held)
}

async fn extend_once(
    conn: &mut PgConnection,
    fences: &[Fence],
    lease: Duration,
) -> Result<HashMap<Fence, bool>> {
    let mut fences = fences.to_vec();
    fences.sort_by_key(|fence| fence.job_id);
    let rows: Vec<Row> = sqlx::query_as(include_str!("heartbeat.sql"))
        .bind(SHARD)
        .bind(fences.iter().map(|fence| fence.job_id).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| fence.attempt).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| fence.nonce).collect::<Vec<_>>())
        .bind(millis(lease))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(by_fence).collect())
}

/// Of these attempts, the ones whose rows are there, locked or not.
async fn stand(conn: &mut PgConnection, fences: &[Fence]) -> Result<HashMap<Fence, bool>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select r.id, r.attempt, r.nonce, r.cancel_requested \
         from unnest($2::uuid[], $3::integer[], $4::bigint[]) as x (id, attempt, nonce) \
         join engine.running r on r.shard = $1 and r.id = x.id and r.attempt = x.attempt and r.nonce = x.nonce",
    )
    .bind(SHARD)
    .bind(fences.iter().map(|fence| fence.job_id).collect::<Vec<_>>())
    .bind(fences.iter().map(|fence| fence.attempt).collect::<Vec<_>>())
    .bind(fences.iter().map(|fence| fence.nonce).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(by_fence).collect())
}

/// Id, attempt, nonce and whether a cancel was requested.
type Row = (Uuid, i32, i64, bool);

fn by_fence((job_id, attempt, nonce, cancel): Row) -> (Fence, bool) {
    (
        Fence {
            shard: SHARD,
            job_id,
            attempt,
            nonce,
        },
        cancel,
    )
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
