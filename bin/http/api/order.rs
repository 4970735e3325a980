//! An enqueue as callers write it, checked with the place of everything that is wrong, so that what
//! reaches the engine can be stored.

use std::time::Duration;

use engine::{Backoff, NewJob, Twin, UniqueScope, When};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::check::{Flaws, YEAR_MS, args_flaw, unknown_kind};
use crate::http::problem::Flaw;
use crate::kinds::Known;

/// 1970-01-01 and 2200-01-01: Postgres knows other years than jiff, and a year far off is a mistake.
const RUN_AT: std::ops::Range<i64> = 0..7_258_118_400;

/// A job to be enqueued. What is not said comes from the kind's policy.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Which handler, e.g. `soundtrack.sync_zones`.
    kind: String,
    /// Its input: at most 256 KiB of JSON, at most 64 levels deep.
    #[serde(default = "no_args")]
    args: Value,
    /// A UUIDv7 of the caller's making: the same id sent again gives the same job.
    id: Option<Uuid>,
    /// The lane to run in.
    queue: Option<String>,
    /// Lower runs first; 0 is usual.
    priority: Option<i16>,
    /// Not before this instant.
    run_at: Option<Timestamp>,
    /// Not before so many milliseconds from now.
    delay_ms: Option<u64>,
    /// Attempts that may fail before the job is dead: 1 to 1000.
    max_attempts: Option<u16>,
    /// How long one attempt may take.
    timeout_ms: Option<u64>,
    /// How failed attempts are spaced.
    backoff: Option<BackoffOrder>,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
    /// Keeps twins away.
    unique: Option<UniqueOrder>,
    /// As the header Idempotency-Key; for the items of a batch.
    idempotency_key: Option<String>,
    /// What the job belongs to, for limits, order and fairness.
    partition_key: Option<String>,
    /// The rate budgets it draws on.
    #[serde(default)]
    rate_keys: Vec<String>,
    /// Even if no program runs such jobs yet: it waits until one does.
    #[serde(default)]
    unknown_kind: bool,
}

/// Exponential backoff with a cap and full jitter.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackoffOrder {
    /// The ceiling of the first wait.
    base_ms: u64,
    /// How much the ceiling grows with each failure, 1 to 100.
    factor: f64,
    /// No wait is longer.
    max_ms: u64,
}

/// A unique key with its scope and what happens to a twin.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UniqueOrder {
    /// Keys of different kinds never meet.
    key: String,
    /// How long the key holds.
    #[serde(default)]
    scope: ScopeWord,
    /// For the scope `period`.
    period_ms: Option<u64>,
    /// What becomes of a second enqueue.
    #[serde(default)]
    twin: TwinWord,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ScopeWord {
    Queued,
    #[default]
    QueuedOrRunning,
    Period,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TwinWord {
    #[default]
    Keep,
    ReplaceArgs,
    RunAfter,
}

fn no_args() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Order {
    /// Remembers the key a header gave, unless the order has one of its own.
    pub(super) fn with_key(mut self, key: Option<String>) -> Order {
        self.idempotency_key = self.idempotency_key.or(key);
        self
    }

    /// True when it need not be known that anything runs such jobs.
    pub(super) fn takes_unknown_kind(&self) -> bool {
        self.unknown_kind
    }

    pub(super) fn has_key(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// True when it has a time of its own.
    pub(super) fn is_timed(&self) -> bool {
        self.run_at.is_some() || self.delay_ms.is_some()
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// The job, or everything that is wrong with the order.
    pub(super) fn job(self, known: &Known, keep: Duration) -> Result<NewJob, Vec<Flaw>> {
        let mut flaws = self.flaws();
        if flaws.is_empty() && !self.unknown_kind {
            flaws.extend(known.check(&self.kind).err().map(unknown_kind));
        }
        if !flaws.is_empty() {
            return Err(flaws);
        }
        let mut job = NewJob::new(self.kind, &self.args);
        job = with(job, self.id, NewJob::with_id);
        job = with(job, self.queue, NewJob::queue);
        job = with(job, self.priority, NewJob::priority);
        job = with(job, self.run_at.map(When::At), NewJob::when);
        job = with(
            job,
            self.delay_ms
                .map(|ms| When::After(Duration::from_millis(ms))),
            NewJob::when,
        );
        job = with(job, self.max_attempts, NewJob::max_attempts);
        job = with(
            job,
            self.timeout_ms.map(Duration::from_millis),
            NewJob::timeout,
        );
        job = with(
            job,
            self.backoff.map(BackoffOrder::backoff),
            NewJob::backoff,
        );
        job = with(job, self.partition_key, NewJob::partition_key);
        job = self.tags.into_iter().fold(job, NewJob::tag);
        job = self.rate_keys.into_iter().fold(job, NewJob::rate_key);
        if let Some(unique) = self.unique {
            let (scope, twin) = unique.rule();
            job = job.unique(unique.key, scope, twin);
        }
        Ok(with(job, self.idempotency_key, |job, key| {
            job.idempotency_key(key, keep)
        }))
    }

    fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.word("/kind", Some(&self.kind), 100);
        flaws.0.extend(args_flaw(&self.args));
        flaws.word("/queue", self.queue.as_ref(), 100);
        flaws.word("/partition_key", self.partition_key.as_ref(), 200);
        flaws.word("/idempotency_key", self.idempotency_key.as_ref(), 200);
        flaws.words("/tags", &self.tags, 20);
        flaws.words("/rate_keys", &self.rate_keys, 10);
        self.check_times(&mut flaws);
        let unique = self.unique.as_ref();
        flaws.word("/unique/key", unique.map(|unique| &unique.key), 200);
        flaws.span(
            "/unique/period_ms",
            unique.and_then(|unique| unique.period_ms),
            YEAR_MS,
        );
        let period = unique.is_some_and(|unique| {
            matches!(unique.scope, ScopeWord::Period) != unique.period_ms.is_some()
        });
        flaws.add_if(
            period,
            "/unique/period_ms",
            "expected with the scope period, and only then",
        );
        let both = unique.is_some() && self.has_key();
        flaws.add_if(
            both,
            "/unique",
            "expected a unique key or an idempotency key, not both",
        );
        let version = self.id.is_some_and(|id| id.get_version_num() != 7);
        flaws.add_if(
            version,
            "/id",
            "expected a UUIDv7: ids are in the order of their time",
        );
        flaws.0
    }

    fn check_times(&self, flaws: &mut Flaws) {
        let far = self
            .run_at
            .is_some_and(|at| !RUN_AT.contains(&at.as_second()));
        flaws.add_if(far, "/run_at", "expected an instant between 1970 and 2200");
        let late = self.delay_ms.is_some_and(|ms| ms > 10 * YEAR_MS);
        flaws.add_if(late, "/delay_ms", "expected at most ten years");
        let both = self.run_at.is_some() && self.delay_ms.is_some();
        flaws.add_if(both, "/delay_ms", "expected run_at or delay_ms, not both");
        flaws.span("/timeout_ms", self.timeout_ms, YEAR_MS / 52);
        let attempts = self.max_attempts.is_some_and(|n| !(1..=1000).contains(&n));
        flaws.add_if(attempts, "/max_attempts", "expected 1 to 1000");
        if let Some(backoff) = &self.backoff {
            flaws.span("/backoff/base_ms", Some(backoff.base_ms), YEAR_MS);
            flaws.span("/backoff/max_ms", Some(backoff.max_ms), YEAR_MS);
            flaws.add_if(
                !(1.0..=100.0).contains(&backoff.factor),
                "/backoff/factor",
                "expected 1 to 100",
            );
        }
    }
}

/// A fold over what may be missing.
fn with<T>(job: NewJob, value: Option<T>, set: impl FnOnce(NewJob, T) -> NewJob) -> NewJob {
    match value {
        Some(value) => set(job, value),
        None => job,
    }
}

impl BackoffOrder {
    fn backoff(self) -> Backoff {
        Backoff {
            base_ms: self.base_ms,
            factor: self.factor,
            max_ms: self.max_ms,
        }
    }
}

impl UniqueOrder {
    fn rule(&self) -> (UniqueScope, Twin) {
        let scope = match self.scope {
            ScopeWord::Queued => UniqueScope::Queued,
            ScopeWord::QueuedOrRunning => UniqueScope::QueuedOrRunning,
            ScopeWord::Period => {
                UniqueScope::Period(Duration::from_millis(self.period_ms.unwrap_or_default()))
            }
        };
        let twin = match self.twin {
            TwinWord::Keep => Twin::Keep,
            TwinWord::ReplaceArgs => Twin::ReplaceArgs,
            TwinWord::RunAfter => Twin::RunAfter,
        };
        (scope, twin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::MAX_ARGS_BYTES;
    use serde_json::json;

    fn flaws(order: Value) -> Vec<String> {
        let order: Order = serde_json::from_value(order).expect("an order");
        let known = Known::of([order.kind().to_owned()].into());
        let flaws = order.job(&known, Duration::from_secs(1)).err();
        let flaws = flaws.unwrap_or_default();
        flaws.into_iter().map(|flaw| flaw.pointer).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_place() {
        let order = json!({
            "kind": "", "queue": "a\u{7}", "run_at": "0001-01-01T00:00:00Z", "delay_ms": 1, "max_attempts": 0,
            "tags": ["ok", ""], "timeout_ms": 0, "backoff": {"base_ms": 0, "factor": 0.5, "max_ms": 1},
            "unique": {"key": "k", "scope": "period"}, "idempotency_key": "x", "id": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
        });

        assert_eq!(
            flaws(order),
            [
                "/kind",
                "/queue",
                "/tags/1",
                "/run_at",
                "/delay_ms",
                "/timeout_ms",
                "/max_attempts",
                "/backoff/base_ms",
                "/backoff/factor",
                "/unique/period_ms",
                "/unique",
                "/id",
            ]
        );
    }

    #[test]
    fn args_are_bounded_in_size_and_depth() {
        let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));

        assert_eq!(flaws(json!({"kind": "a.b", "args": deep})), ["/args"]);
        assert_eq!(
            flaws(json!({"kind": "a.b", "args": "x".repeat(MAX_ARGS_BYTES)})),
            ["/args"]
        );
        assert_eq!(
            flaws(json!({"kind": "a.b", "args": deep[0]})),
            Vec::<String>::new()
        );
    }
}
