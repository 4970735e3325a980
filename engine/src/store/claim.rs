//! Claim: take due jobs of one queue under a lease.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::{SHARD, millis};
use crate::Result;
use crate::fence::Fence;
use crate::retry::Backoff;

/// What a claim asks for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) queue: &'a str,
    pub(crate) kinds: &'a [String],
    pub(crate) limit: usize,
    pub(crate) nonce: i64,
    pub(crate) worker_id: Uuid,
    pub(crate) lease: Duration,
}

/// A job as it was claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) fence: Fence,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) failed: u32,
    pub(crate) max_attempts: u32,
    /// JSON text, decoded by the handler's type.
    pub(crate) args: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) tags: Vec<String>,
    pub(crate) rate_keys: Vec<String>,
    pub(crate) trace_context: Option<String>,
}

/// Claims at most `ask.limit` jobs, in the order of priority, `run_at` and id.
pub(crate) async fn claim(conn: &mut PgConnection, ask: &Ask<'_>) -> Result<Vec<Claimed>> {
    let rows = sqlx::query(include_str!("claim.sql"))
        .bind(SHARD)
        .bind(ask.queue)
        .bind(ask.kinds)
        .bind(i64::try_from(ask.limit).unwrap_or(i64::MAX))
        .bind(ask.nonce)
        .bind(ask.worker_id)
        .bind(millis(ask.lease))
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| read(row, ask.nonce)).collect()
}

fn read(row: &sqlx::postgres::PgRow, nonce: i64) -> Result<Claimed> {
    let timeout_ms: Option<i64> = row.try_get("timeout_ms")?;
    let backoff: Option<Json<Backoff>> = row.try_get("backoff")?;
    Ok(Claimed {
        fence: Fence {
            shard: SHARD,
            job_id: row.try_get("id")?,
            attempt: row.try_get("attempt")?,
            nonce,
        },
        kind: row.try_get("kind")?,
        queue: row.try_get("queue")?,
        failed: count(row.try_get("failed")?),
        max_attempts: count(row.try_get("max_attempts")?),
        args: row.try_get("args")?,
        timeout: timeout_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        backoff: backoff.map(|Json(backoff)| backoff),
        parent_id: row.try_get("parent_id")?,
        tags: row
            .try_get::<Option<Vec<String>>, _>("tags")?
            .unwrap_or_default(),
        rate_keys: row
            .try_get::<Option<Vec<String>>, _>("rate_keys")?
            .unwrap_or_default(),
        trace_context: row.try_get("trace_context")?,
    })
}

/// Counts have a check against going below nothing.
fn count(stored: i16) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}
