//! Settle: write how attempts ended, under their fences.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SHARD, millis};
use crate::fence::Fence;
use crate::{Result, State};

/// How one attempt ended, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settlement {
    pub(crate) fence: Fence,
    pub(crate) state: State,
    pub(crate) outcome: &'static str,
    /// Until the next attempt, when there is one.
    pub(crate) delay: Duration,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    /// JSON text.
    pub(crate) result: Option<String>,
}

/// Writes the batch and returns the attempts that were refused: they no longer own their jobs.
/// A row that changed between this statement's snapshot and its lock looks refused, so whatever is
/// refused is tried once more, with a new snapshot.
pub(crate) async fn settle(conn: &mut PgConnection, batch: &[Settlement]) -> Result<Vec<Fence>> {
    let mut refused = settle_once(conn, &batch.iter().collect::<Vec<_>>()).await?;
    if refused.is_empty() {
        return Ok(refused);
    }
    let again: Vec<_> = batch
        .iter()
        .filter(|one| refused.contains(&one.fence))
        .collect();
    refused = settle_once(conn, &again).await?;
    Ok(refused)
}

async fn settle_once(conn: &mut PgConnection, batch: &[&Settlement]) -> Result<Vec<Fence>> {
    let mut batch = batch.to_vec();
    batch.sort_by_key(|one| one.fence.job_id);
    let column = |text: fn(&Settlement) -> Option<&str>| -> Vec<Option<&str>> {
        batch.iter().map(|one| text(one)).collect()
    };
    let accepted: Vec<(Uuid, i32, i64, Option<String>)> =
        sqlx::query_as(include_str!("settle.sql"))
            .bind(SHARD)
            .bind(batch.iter().map(|one| one.fence.job_id).collect::<Vec<_>>())
            .bind(
                batch
                    .iter()
                    .map(|one| one.fence.attempt)
                    .collect::<Vec<_>>(),
            )
            .bind(batch.iter().map(|one| one.fence.nonce).collect::<Vec<_>>())
            .bind(
                batch
                    .iter()
                    .map(|one| one.state.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(batch.iter().map(|one| one.outcome).collect::<Vec<_>>())
            .bind(
                batch
                    .iter()
                    .map(|one| millis(one.delay))
                    .collect::<Vec<_>>(),
            )
            .bind(column(|one| one.code.as_deref()))
            .bind(column(|one| one.error.as_deref()))
            .bind(column(|one| one.result.as_deref()))
            .fetch_all(conn)
            .await?;
    let accepted: HashSet<(Uuid, i32, i64)> = accepted
        .into_iter()
        .map(|(id, attempt, nonce, _)| (id, attempt, nonce))
        .collect();
    let is_accepted =
        |fence: &Fence| accepted.contains(&(fence.job_id, fence.attempt, fence.nonce));
    Ok(batch
        .iter()
        .map(|one| one.fence)
        .filter(|fence| !is_accepted(fence))
        .collect())
}

/// Of these attempts, the ones that some earlier statement has settled already: after a lost answer
/// to COMMIT, being refused is what success looks like.
pub(crate) async fn settled_before(
    conn: &mut PgConnection,
    fences: &[Fence],
    worker_id: Uuid,
) -> Result<Vec<(Uuid, i32)>> {
    let ids: Vec<Uuid> = fences.iter().map(|fence| fence.job_id).collect();
    let attempts: Vec<i32> = fences.iter().map(|fence| fence.attempt).collect();
    Ok(sqlx::query_as(include_str!("settled_before.sql"))
        .bind(SHARD)
        .bind(ids)
        .bind(attempts)
        .bind(worker_id)
        .fetch_all(conn)
        .await?)
}
