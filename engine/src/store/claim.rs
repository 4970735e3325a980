//! Claim: take due jobs of one queue under a lease.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::kind::to_i32;
use super::{SHARD, millis};
use crate::Result;
use crate::fence::Fence;
use crate::retry::{Backoff, Policy};

/// What a claim asks for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) queue: &'a str,
    pub(crate) kinds: &'a Kinds,
    /// The partition key after which to look first.
    pub(crate) after: &'a str,
    /// Jobs without a partition key have their turn.
    pub(crate) unkeyed: bool,
    pub(crate) limit: usize,
    pub(crate) nonce: i64,
    pub(crate) worker_id: Uuid,
    pub(crate) lease: Duration,
}

/// The kinds a worker knows, apart by whether they have limits.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    free: Vec<String>,
    limited: Vec<String>,
    most: Vec<Option<i32>>,
    per_partition: Vec<Option<i32>>,
    ordered: Vec<bool>,
}

impl Kinds {
    pub(crate) fn of(policies: &[(String, Policy)]) -> Kinds {
        let mut kinds = Kinds::default();
        for (kind, policy) in policies {
            let limits = &policy.limits;
            if !limits.any() {
                kinds.free.push(kind.clone());
                continue;
            }
            kinds.limited.push(kind.clone());
            kinds.most.push(limits.running.map(to_i32));
            kinds.per_partition.push(match limits.order {
                Some(_) => Some(1),
                None => limits.per_partition.map(to_i32),
            });
            kinds.ordered.push(limits.order.is_some());
        }
        kinds
    }
}

/// What a claim took, and where the next one should look for partition keys; none when there are no
/// more behind those it has seen.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) jobs: Vec<Claimed>,
    pub(crate) last_key: Option<String>,
    /// There were due jobs with partition keys.
    pub(crate) saw_keys: bool,
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

/// Claims at most `ask.limit` jobs.
pub(crate) async fn claim(conn: &mut PgConnection, ask: &Ask<'_>) -> Result<Taken> {
    let rows = sqlx::query(include_str!("claim.sql"))
        .bind(SHARD)
        .bind(ask.queue)
        .bind(&ask.kinds.free)
        .bind(i64::try_from(ask.limit).unwrap_or(i64::MAX))
        .bind(ask.nonce)
        .bind(ask.worker_id)
        .bind(millis(ask.lease))
        .bind(ask.after)
        .bind(&ask.kinds.limited)
        .bind(&ask.kinds.most)
        .bind(&ask.kinds.per_partition)
        .bind(&ask.kinds.ordered)
        .bind(ask.unkeyed)
        .fetch_all(conn)
        .await?;
    let mut taken = Taken {
        jobs: Vec::with_capacity(rows.len()),
        last_key: rows
            .first()
            .map(|row| row.try_get("last_key"))
            .transpose()?
            .flatten(),
        saw_keys: rows
            .first()
            .map(|row| row.try_get("saw_keys"))
            .transpose()?
            .unwrap_or_default(),
    };
    for row in &rows {
        // One row comes back without a job when there is none, for its key.
        if let Some(id) = row.try_get("id")? {
            taken.jobs.push(read(row, id, ask.nonce)?);
        }
    }
    Ok(taken)
}

fn read(row: &sqlx::postgres::PgRow, job_id: Uuid, nonce: i64) -> Result<Claimed> {
    let timeout_ms: Option<i64> = row.try_get("timeout_ms")?;
    let backoff: Option<Json<Backoff>> = row.try_get("backoff")?;
    Ok(Claimed {
        fence: Fence {
            shard: SHARD,
            job_id,
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
