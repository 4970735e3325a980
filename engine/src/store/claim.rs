//! Claim: take due jobs of one queue under a lease.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};
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
    pub(crate) look: Look<'a>,
    pub(crate) limit: usize,
    pub(crate) nonce: i64,
    pub(crate) worker_id: Uuid,
    pub(crate) lease: Duration,
}

/// Where a claim looks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look<'a> {
    /// Among the jobs without a partition key, of kinds without limits, from this place on.
    Plain(Option<Place>),
    /// Among all.
    Fair {
        /// The partition key after which to look first.
        after: &'a str,
        /// Jobs without a partition key have their turn.
        unkeyed: bool,
    },
}

/// A place in the order of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    rank_at: Timestamp,
    id: Uuid,
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
    /// None of them has a limit.
    pub(crate) fn are_free(&self) -> bool {
        self.limited.is_empty()
    }

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
    /// There are due jobs that only a fair look finds: with a partition key, or of a kind with limits.
    pub(crate) saw_fair: bool,
}

/// A job as it was claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) place: Option<Place>,
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

/// Claims at most `ask.limit` jobs, in the order in which they should begin.
pub(crate) async fn claim(conn: &mut PgConnection, ask: &Ask<'_>) -> Result<Taken> {
    let statement = match ask.look {
        Look::Plain(_) => include_str!("claim_plain.sql"),
        Look::Fair { .. } => include_str!("claim.sql"),
    };
    let query = sqlx::query(statement)
        .bind(SHARD)
        .bind(ask.queue)
        .bind(&ask.kinds.free)
        .bind(i64::try_from(ask.limit).unwrap_or(i64::MAX))
        .bind(ask.nonce)
        .bind(ask.worker_id)
        .bind(millis(ask.lease));
    let rows = match ask.look {
        Look::Plain(from) => query
            .bind(from.map(|place| jiff_sqlx::Timestamp::from(place.rank_at)))
            .bind(from.map_or(Uuid::nil(), |place| place.id))
            .bind(!ask.kinds.are_free()),
        Look::Fair { after, unkeyed } => query
            .bind(after)
            .bind(&ask.kinds.limited)
            .bind(&ask.kinds.most)
            .bind(&ask.kinds.per_partition)
            .bind(&ask.kinds.ordered)
            .bind(unkeyed),
    }
    .fetch_all(conn)
    .await?;
    read_all(&rows, ask)
}

/// Returns once all that was committed before is on disk. A commit waits for it only if its transaction has
/// written to the log (an id alone is not enough), so this writes a message that nobody reads.
pub(crate) async fn reach_disk(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select pg_logical_emit_message(true, 'lockstep', '')")
        .execute(conn)
        .await?;
    Ok(())
}

fn read_all(rows: &[PgRow], ask: &Ask<'_>) -> Result<Taken> {
    let mut taken = Taken {
        jobs: Vec::with_capacity(rows.len()),
        ..Taken::default()
    };
    if let Some(first) = rows.first() {
        taken.saw_fair = first.try_get("saw_fair")?;
    }
    if let (Look::Fair { .. }, Some(first)) = (ask.look, rows.first()) {
        taken.last_key = first.try_get("last_key")?;
    }
    for row in rows {
        // One row comes back without a job when there is none, for what it says of keys.
        if let Some(id) = row.try_get("id")? {
            taken.jobs.push(read(row, id, ask.nonce)?);
        }
    }
    taken.jobs.sort_by_key(|job| job.place);
    Ok(taken)
}

/// None for a time that Rust has no word for, as minus infinity.
fn place(row: &PgRow, id: Uuid) -> Option<Place> {
    let rank_at: jiff_sqlx::Timestamp = row.try_get("rank_at").ok()?;
    Some(Place {
        rank_at: rank_at.to_jiff(),
        id,
    })
}

fn read(row: &PgRow, job_id: Uuid, nonce: i64) -> Result<Claimed> {
    let timeout_ms: Option<i64> = row.try_get("timeout_ms")?;
    let backoff: Option<Json<Backoff>> = row.try_get("backoff")?;
    Ok(Claimed {
        place: place(row, job_id),
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
