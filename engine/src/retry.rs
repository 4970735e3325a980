//! When a failed attempt is tried again: a pure function of the kind's policy, the number of
//! failures and one random number. What the remote asked for wins over all of it.

use std::time::Duration;

use crate::retention::KindRetention;

/// Exponential backoff with a cap and full jitter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Backoff {
    /// The ceiling of the first wait, in milliseconds.
    pub base_ms: u64,
    /// How much the ceiling grows with each failure; at least 1.
    pub factor: f64,
    /// No ceiling is above this many milliseconds.
    pub max_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            base_ms: 10_000,
            factor: 2.0,
            max_ms: 3_600_000,
        }
    }
}

/// Remotes are not believed beyond this: a `Retry-After` of years would lose the job in effect.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

impl Backoff {
    /// The longest wait after `failures` failed attempts (1 after the first).
    pub fn ceiling(&self, failures: u32) -> Duration {
        let exponent = f64::from(failures.saturating_sub(1).min(1_000));
        let grown = self.base_ms as f64 * self.factor.max(1.0).powf(exponent);
        // `as` saturates, so an infinite product becomes the cap.
        Duration::from_millis((grown.min(self.max_ms as f64)) as u64)
    }

    /// The wait before the next attempt: uniform between nothing and the ceiling (full jitter, so
    /// that a thousand jobs that failed together do not come back together), unless the remote said
    /// when: then exactly that. `chance` is uniform in `0.0..1.0`.
    pub fn wait(&self, failures: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
        match retry_after {
            Some(asked) => asked.min(LONGEST_RETRY_AFTER),
            None => self.ceiling(failures).mul_f64(chance.clamp(0.0, 1.0)),
        }
    }
}

/// What a kind asks for unless its enqueue says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The lane it runs in.
    pub queue: String,
    /// Lower runs first: each step is worth a minute of waiting.
    pub priority: i16,
    /// Attempts that may fail before the job is dead.
    pub max_attempts: u16,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How failed attempts are spaced.
    pub backoff: Backoff,
    /// How many may run at a time over the whole fleet, and in what order.
    pub limits: Limits,
    /// How long its ended jobs are kept, where that is not what holds for all kinds.
    pub retention: KindRetention,
}

/// What a kind may not exceed, over the whole fleet. Nothing unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Jobs of the kind that run at a time.
    pub running: Option<u32>,
    /// Jobs that run at a time for each partition key, of whatever kind they are.
    pub per_partition: Option<u32>,
    /// Jobs of a partition key run one after the other, in the order of their enqueue.
    pub order: Option<PartitionOrder>,
    /// Jobs that run at a time for each connection, which is their first rate key, and then their partition
    /// too: all kinds that are limited so are counted together. Not beside the two above.
    pub per_connection: Option<u32>,
}

/// What a dead job does to those behind it in its ordered partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionOrder {
    /// They wait until a person has retried or skipped it.
    Block,
    /// They go on without it.
    Skip,
}

impl Limits {
    /// True when there is anything to hold to.
    pub fn any(&self) -> bool {
        *self != Limits::default()
    }

    /// Why these cannot be held together, if they cannot.
    pub fn contradiction(&self) -> Option<&'static str> {
        let (per_partition, order) = (self.per_partition, self.order);
        if self.per_connection.is_some() && (per_partition.is_some() || order.is_some()) {
            return Some(
                "a kind is limited per connection or per partition, not both: per connection, a job's connection is its partition",
            );
        }
        None
    }

    /// Jobs of one partition key that run at a time.
    pub(crate) fn of_partition(&self) -> Option<u32> {
        match self.order {
            Some(_) => Some(1),
            None => self.per_partition.or(self.per_connection),
        }
    }
}

impl PartitionOrder {
    /// The word in configuration and database.
    pub fn as_str(self) -> &'static str {
        match self {
            PartitionOrder::Block => "block",
            PartitionOrder::Skip => "skip",
        }
    }

    /// The order of that name.
    pub fn parse(word: &str) -> Option<PartitionOrder> {
        [PartitionOrder::Block, PartitionOrder::Skip]
            .into_iter()
            .find(|order| order.as_str() == word)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            queue: "default".into(),
            priority: 0,
            max_attempts: 8,
            timeout: Duration::from_secs(300),
            backoff: Backoff::default(),
            limits: Limits::default(),
            retention: KindRetention::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let backoff = Backoff {
            base_ms: 10_000,
            factor: 2.0,
            max_ms: 60_000,
        };

        let seconds: Vec<u64> = (1..=6).map(|n| backoff.ceiling(n).as_secs()).collect();

        assert_eq!(seconds, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn what_the_remote_asked_for_wins() {
        let asked = Duration::from_secs(60);

        assert_eq!(Backoff::default().wait(1, Some(asked), 0.0), asked);
        assert_eq!(
            Backoff::default().wait(9, Some(Duration::MAX), 0.5),
            LONGEST_RETRY_AFTER
        );
    }

    proptest! {
        #[test]
        fn no_wait_is_above_the_cap(
            base_ms in 0u64..u64::MAX, factor in -10.0f64..1e9, max_ms in 0u64..10_000_000_000,
            failures in 0u32..u32::MAX, chance in 0.0f64..1.0,
        ) {
            let wait = Backoff { base_ms, factor, max_ms }.wait(failures, None, chance);
            prop_assert!(wait <= Duration::from_millis(max_ms));
        }
    }
}
