//! Claim: take due jobs of one queue under a lease.

mod read;

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::kind::to_i32;
use super::{SHARD, millis};
use crate::Result;
use crate::fence::Fence;
use crate::retry::{Backoff, Policy};

/// Jobs without a partition key, of kinds without limits.
const PLAIN: &str = concat!(
    include_str!("claim/allowed.sql"),
    include_str!("claim/plain.sql"),
    include_str!("claim/take.sql")
);
/// Of kinds without limits.
const KEYED: &str = concat!(
    include_str!("claim/allowed.sql"),
    include_str!("claim/keys.sql"),
    include_str!("claim/keyed.sql"),
    include_str!("claim/take.sql")
);
/// Of all kinds.
const LIMITED: &str = concat!(
    include_str!("claim/allowed.sql"),
    include_str!("claim/keys.sql"),
    include_str!("claim/limited.sql"),
    include_str!("claim/take.sql")
);
/// A transaction that enqueues.
const SHORT: Duration = Duration::from_millis(200);

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
#[derive(Debug, Clone)]
pub(crate) enum Look<'a> {
    /// Among the jobs without a partition key, of kinds without limits.
    Plain {
        /// From this place on, or from the beginning.
        from: Option<Place>,
        /// To say, too, whether there are others.
        asks_fair: bool,
    },
    /// Among all.
    Fair {
        /// The partition key below which to look first; from the last one on if empty.
        below: &'a str,
        /// Jobs without a partition key have their turn.
        unkeyed: bool,
        /// So many partition keys at most, one less where jobs without one have their turn.
        keys: usize,
        /// What comes before these is not looked for.
        floors: Vec<Floor<'a>>,
    },
}

/// How far a claim got with a key: it has left nothing that was there and free before this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Floor<'a> {
    /// Empty for jobs without one.
    pub(crate) key: Cow<'a, str>,
    /// Empty for jobs of all kinds without limits.
    pub(crate) kind: Cow<'a, str>,
    pub(crate) rank_at: Timestamp,
}

/// A place in the order of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) rank_at: Timestamp,
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
            kinds.per_partition.push(limits.of_partition().map(to_i32));
            kinds.ordered.push(limits.order.is_some());
        }
        kinds
    }
}

/// What a claim took, and where the next one should look for partition keys; none when there are no
/// more behind those it has seen.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// In the order in which they should begin.
    pub(crate) jobs: Vec<Claimed>,
    /// The place of the last of them, of a plain look; none for a time that Rust has no word for, as minus infinity.
    pub(crate) last: Option<Place>,
    /// When the database was asked, by its own clock.
    pub(crate) asked_at: Timestamp,
    pub(crate) last_key: Option<String>,
    /// Of the keys that some of the jobs have; of a fair look only.
    pub(crate) floors: Vec<Floor<'static>>,
    /// There are due jobs that only a fair look finds: with a partition key, or of a kind with limits. A plain one says so
    /// if it was asked.
    pub(crate) saw_fair: bool,
}

impl Taken {
    /// Before all jobs that are being enqueued as this claim is made, in transactions that are as short as they should be.
    pub(crate) fn just_now(&self) -> Option<Place> {
        let rank_at = self.asked_at.checked_sub(SHORT).ok()?;
        Some(Place {
            rank_at,
            id: Uuid::nil(),
        })
    }
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
    pub(crate) rest: Rest,
}

impl Claimed {
    pub(crate) fn rate_keys(&self) -> &[String] {
        &self.rest.rate_keys
    }
}

/// What most jobs have nothing of.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Rest {
    timeout_ms: Option<i64>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) parent_id: Option<Uuid>,
    #[serde(deserialize_with = "words")]
    pub(crate) tags: Vec<String>,
    #[serde(deserialize_with = "words")]
    pub(crate) rate_keys: Vec<String>,
    pub(crate) trace_context: Option<String>,
}

impl Rest {
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let ms = self.timeout_ms?;
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }
}

/// Whoever enqueues by SQL may write nulls among them; a claim that cannot be read is an attempt of all its jobs.
fn words<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Vec<String>, D::Error> {
    let words: Option<Vec<Option<String>>> = serde::Deserialize::deserialize(from)?;
    Ok(words.into_iter().flatten().flatten().collect())
}

/// Claims at most `ask.limit` jobs.
pub(crate) async fn claim(conn: &mut PgConnection, ask: &Ask<'_>) -> Result<Taken> {
    let statement = match &ask.look {
        Look::Plain { .. } => PLAIN,
        Look::Fair { .. } if ask.kinds.are_free() => KEYED,
        Look::Fair { .. } => LIMITED,
    };
    let query = sqlx::query(statement)
        .bind(SHARD)
        .bind(ask.queue)
        .bind(&ask.kinds.free)
        .bind(to_i64(ask.limit))
        .bind(ask.nonce)
        .bind(ask.worker_id)
        .bind(millis(ask.lease));
    let query = match &ask.look {
        Look::Plain { from, asks_fair } => query
            .bind(from.map(|place| jiff_sqlx::Timestamp::from(place.rank_at)))
            .bind(from.map_or(Uuid::nil(), |place| place.id))
            .bind(asks_fair)
            .bind(*asks_fair && !ask.kinds.are_free()),
        Look::Fair {
            below,
            unkeyed,
            keys,
            floors,
        } => {
            let ranks = floors.iter().map(|floor| floor.rank_at.into());
            let query = query
                .bind(below)
                .bind(unkeyed)
                .bind(to_i64(*keys))
                .bind(floors.iter().map(|floor| &*floor.key).collect::<Vec<_>>())
                .bind(floors.iter().map(|floor| &*floor.kind).collect::<Vec<_>>())
                .bind(ranks.collect::<Vec<jiff_sqlx::Timestamp>>());
            if ask.kinds.are_free() {
                query
            } else {
                query
                    .bind(&ask.kinds.limited)
                    .bind(&ask.kinds.most)
                    .bind(&ask.kinds.per_partition)
                    .bind(&ask.kinds.ordered)
            }
        }
    };
    let row = query.fetch_one(conn).await?;
    read::taken(&row, ask)
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns once all that was committed before is on disk. A commit waits for it only if its transaction has
/// written to the log (an id alone is not enough), so this writes a message that nobody reads.
pub(crate) async fn reach_disk(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select pg_logical_emit_message(true, 'lockstep', '')")
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// So many jobs, from the n-th second of all times on.
    pub(crate) fn taken(jobs: usize, from: i64) -> Taken {
        let fence = |n: i64| Fence {
            shard: SHARD,
            job_id: Uuid::from_u128(n.unsigned_abs().into()),
            attempt: 1,
            nonce: 0,
        };
        let last = from + i64::try_from(jobs).unwrap() - 1;
        Taken {
            jobs: (from..=last)
                .map(|n| Claimed {
                    fence: fence(n),
                    kind: "test.act".into(),
                    queue: "default".into(),
                    failed: 0,
                    max_attempts: 1,
                    args: "{}".into(),
                    rest: Rest::default(),
                })
                .collect(),
            last: (jobs > 0).then(|| Place {
                rank_at: Timestamp::from_second(last).unwrap(),
                id: fence(last).job_id,
            }),
            asked_at: Timestamp::from_second(last).unwrap(),
            ..Taken::default()
        }
    }
}
