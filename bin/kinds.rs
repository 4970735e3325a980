//! Kinds as the command line and the HTTP API show them: what each asks for, and whether it is paused.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Client, Keep, KindRetention, Limits, Pause, PauseScope, Policy};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::suggest::did_you_mean;

/// A kind with its policy and whether it is paused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Kind {
    /// Its name, `system.name`.
    pub(crate) name: String,
    /// What its jobs get unless their enqueue says otherwise. None when no worker has ever registered
    /// it: somebody has paused it ahead of its first.
    pub(crate) policy: Option<KindPolicy>,
    /// Since when it is paused.
    pub(crate) paused_at: Option<Timestamp>,
    /// Who paused it.
    pub(crate) paused_by: Option<String>,
    /// Why, if they said.
    pub(crate) pause_reason: Option<String>,
}

/// What the jobs of a kind get unless their enqueue says otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindPolicy {
    /// Their lane.
    pub(crate) queue: String,
    /// Lower runs first.
    pub(crate) priority: i16,
    /// Attempts that may fail before a job is dead.
    pub(crate) max_attempts: u16,
    /// How long one attempt may take.
    pub(crate) timeout_ms: u64,
    /// How failed attempts are spaced.
    pub(crate) backoff: KindBackoff,
    /// What they may not exceed, over the whole fleet.
    pub(crate) limits: KindLimits,
    /// How long its ended jobs are kept, where that is not what holds for all kinds.
    pub(crate) retention: KindKept,
}

/// How long a kind's ended jobs are kept; null is what holds for all kinds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindKept {
    /// Those that ended well.
    pub(crate) completed: Option<Kept>,
    /// Those that people ended.
    pub(crate) cancelled: Option<Kept>,
    /// Dead letters.
    pub(crate) dead: Option<Kept>,
}

/// How long ended jobs are kept.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// Until they are deleted one by one.
    Forever,
    /// So many milliseconds after their end.
    ForMs(u64),
}

/// What a kind may not exceed, over the whole fleet; null is no limit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindLimits {
    /// Jobs of the kind that run at a time.
    pub(crate) running: Option<u32>,
    /// For the jobs of one partition key.
    pub(crate) partition: PartitionLimits,
    /// For the jobs of one connection.
    pub(crate) connection: ConnectionLimits,
}

/// What the jobs of one connection, their first rate key, may not exceed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionLimits {
    /// Jobs that run at a time, of all kinds that are limited so.
    pub(crate) running: Option<u32>,
}

/// What the jobs of one partition key may not exceed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartitionLimits {
    /// Jobs that run at a time, of whatever kind they are.
    pub(crate) running: Option<u32>,
    /// They run one after the other: block (behind a dead one the rest waits for a person) or skip (the
    /// rest goes on).
    pub(crate) order: Option<&'static str>,
}

/// Exponential backoff with a cap and full jitter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBackoff {
    /// The ceiling of the first wait.
    pub(crate) base_ms: u64,
    /// How much the ceiling grows with each failure.
    pub(crate) factor: f64,
    /// No wait is longer.
    pub(crate) max_ms: u64,
}

/// The kinds that somebody runs: this program has a handler for them, or a worker has once registered them.
#[derive(Debug)]
pub(crate) struct Known(BTreeSet<String>);

/// A kind that nobody runs. A job of it would wait for ever.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// What is wrong.
    pub(crate) what: String,
    /// What may have been meant.
    pub(crate) fix: String,
}

impl Known {
    /// Those of these names.
    pub(crate) fn of(names: BTreeSet<String>) -> Known {
        Known(names)
    }

    /// Those of this program, and those of workers only if one of `wanted` is not among them.
    ///
    /// # Errors
    /// [`engine::Error::Database`].
    pub(crate) async fn beside(
        own: &BTreeSet<String>,
        client: &Client,
        wanted: &[&str],
    ) -> engine::Result<Known> {
        let mut known = own.clone();
        if !wanted.iter().all(|kind| own.contains(*kind)) {
            known.extend(client.kinds().await?.into_iter().map(|(name, _)| name));
        }
        Ok(Known::of(known))
    }

    /// Refuses a kind that is not among them.
    pub(crate) fn check(&self, kind: &str) -> Result<(), Unknown> {
        if self.0.contains(kind) {
            return Ok(());
        }
        let known: Vec<&str> = self.0.iter().map(String::as_str).collect();
        Err(Unknown {
            what: format!("no kind is called {kind:?}"),
            fix: did_you_mean(kind, &known).unwrap_or_default(),
        })
    }
}

/// Every kind that was ever registered or is paused, by name.
///
/// # Errors
/// [`engine::Error::Database`].
pub(crate) async fn all(client: &Client) -> engine::Result<Vec<Kind>> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (name, policy) in client.kinds().await? {
        let kind = Kind {
            policy: Some(policy.into()),
            ..Kind::unknown(&name)
        };
        kinds.insert(name, kind);
    }
    for pause in client.pauses(PauseScope::Kind).await? {
        let kind = kinds.entry(pause.name.clone());
        let kind = kind.or_insert_with(|| Kind::unknown(&pause.name));
        let Pause {
            paused_at,
            paused_by,
            reason,
            ..
        } = pause;
        kind.paused_at = Some(paused_at);
        kind.paused_by = Some(paused_by);
        kind.pause_reason = reason;
    }
    Ok(kinds.into_values().collect())
}

impl Kind {
    fn unknown(name: &str) -> Kind {
        Kind {
            name: name.to_owned(),
            policy: None,
            paused_at: None,
            paused_by: None,
            pause_reason: None,
        }
    }
}

impl From<Policy> for KindPolicy {
    fn from(policy: Policy) -> KindPolicy {
        KindPolicy {
            queue: policy.queue,
            priority: policy.priority,
            max_attempts: policy.max_attempts,
            timeout_ms: u64::try_from(policy.timeout.as_millis()).unwrap_or(u64::MAX),
            backoff: KindBackoff {
                base_ms: policy.backoff.base_ms,
                factor: policy.backoff.factor,
                max_ms: policy.backoff.max_ms,
            },
            limits: policy.limits.into(),
            retention: policy.retention.into(),
        }
    }
}

impl From<KindRetention> for KindKept {
    fn from(kept: KindRetention) -> KindKept {
        KindKept {
            completed: kept.completed.map(Kept::from),
            cancelled: kept.cancelled.map(Kept::from),
            dead: kept.dead.map(Kept::from),
        }
    }
}

impl From<Keep> for Kept {
    fn from(keep: Keep) -> Kept {
        match keep.span() {
            None => Kept::Forever,
            Some(span) => Kept::ForMs(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl From<Limits> for KindLimits {
    fn from(limits: Limits) -> KindLimits {
        KindLimits {
            running: limits.running,
            partition: PartitionLimits {
                running: limits.per_partition,
                order: limits.order.map(engine::PartitionOrder::as_str),
            },
            connection: ConnectionLimits {
                running: limits.per_connection,
            },
        }
    }
}
