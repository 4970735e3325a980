//! The token buckets: 3600 tokens, refilled steadily, one bucket for each scope key.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::switches::Switches;
use crate::locked::lock;

/// What a bucket says to a call. Levels are whole tokens, rounded down as the headers show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted {
        available: u64,
    },
    Refused {
        available: u64,
        retry_after_seconds: u64,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Buckets {
    by_scope: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Buckets {
    /// Takes `cost` tokens, or none at all when there are too few.
    pub(crate) fn take(&self, scope: &str, cost: u64, switches: &Switches) -> Verdict {
        let Some(rate) = switches.refill_per_second else {
            return Verdict::Granted {
                available: switches.capacity as u64,
            };
        };
        let mut buckets = lock(&self.by_scope);
        let bucket = open(&mut buckets, scope, switches);
        let missing = cost as f64 - bucket.tokens;
        if missing > 0.0 {
            let wait = (missing / (rate * switches.refill_speed)).ceil();
            let available = bucket.tokens as u64;
            // A float to integer cast saturates, so a rate of zero says "never" and not "now".
            return Verdict::Refused {
                available,
                retry_after_seconds: wait as u64,
            };
        }
        bucket.tokens -= cost as f64;
        Verdict::Granted {
            available: bucket.tokens as u64,
        }
    }

    /// The tokens left now.
    pub(crate) fn level(&self, scope: &str, switches: &Switches) -> u64 {
        if switches.refill_per_second.is_none() {
            return switches.capacity as u64;
        }
        open(&mut lock(&self.by_scope), scope, switches).tokens as u64
    }

    /// Books what has come back so far under `switches`, before other ones take their place.
    pub(crate) fn settle(&self, switches: &Switches) {
        for bucket in lock(&self.by_scope).values_mut() {
            bucket.refill(switches);
        }
    }

    /// Adds what would come back in `span`, without waiting for it.
    pub(crate) fn advance(&self, span: Duration, switches: &Switches) {
        let rate = switches.refill_per_second.unwrap_or(0.0);
        for bucket in lock(&self.by_scope).values_mut() {
            let more = bucket.tokens + span.as_secs_f64() * rate;
            bucket.tokens = more.min(switches.capacity);
        }
    }

    /// Sets every bucket now in use to `tokens`.
    pub(crate) fn set_level(&self, tokens: f64) {
        for bucket in lock(&self.by_scope).values_mut() {
            *bucket = Bucket {
                tokens,
                filled_at: Instant::now(),
            };
        }
    }

    pub(crate) fn clear(&self) {
        lock(&self.by_scope).clear();
    }
}

fn open<'a>(
    buckets: &'a mut HashMap<String, Bucket>,
    scope: &str,
    switches: &Switches,
) -> &'a mut Bucket {
    // Cloning the key only for a new bucket keeps the hot path free of allocation.
    if !buckets.contains_key(scope) {
        let full = Bucket {
            tokens: switches.capacity,
            filled_at: Instant::now(),
        };
        buckets.insert(scope.to_owned(), full);
    }
    let bucket = buckets
        .get_mut(scope)
        .expect("the bucket was put there just above");
    bucket.refill(switches);
    bucket
}

impl Bucket {
    fn refill(&mut self, switches: &Switches) {
        let now = Instant::now();
        let rate = switches.refill_per_second.unwrap_or(0.0) * switches.refill_speed;
        let more = self.tokens + now.duration_since(self.filled_at).as_secs_f64() * rate;
        self.tokens = more.min(switches.capacity);
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switches(rate: f64) -> Switches {
        Switches {
            refill_per_second: Some(rate),
            ..Switches::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_full_and_refills_at_its_rate() {
        let buckets = Buckets::default();
        let rules = switches(5.0);

        let emptied = buckets.take("t", 3600, &rules);
        tokio::time::advance(Duration::from_secs(20)).await;
        let refilled = buckets.level("t", &rules);

        assert_eq!(emptied, Verdict::Granted { available: 0 });
        assert_eq!(refilled, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_never_holds_more_than_its_capacity() {
        let buckets = Buckets::default();
        let rules = switches(50.0);

        buckets.take("t", 10, &rules);
        tokio::time::advance(Duration::from_secs(3600)).await;

        assert_eq!(buckets.level("t", &rules), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn speed_multiplies_the_refill() {
        let buckets = Buckets::default();
        let rules = Switches {
            refill_speed: 10.0,
            ..switches(5.0)
        };

        buckets.take("t", 3600, &rules);
        tokio::time::advance(Duration::from_secs(2)).await;

        assert_eq!(buckets.level("t", &rules), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_takes_nothing_and_learns_the_wait() {
        let buckets = Buckets::default();
        let rules = switches(50.0);
        buckets.take("t", 3500, &rules);

        let refused = buckets.take("t", 801, &rules);

        assert_eq!(
            refused,
            Verdict::Refused {
                available: 100,
                retry_after_seconds: 15
            }
        );
        assert_eq!(buckets.level("t", &rules), 100);
    }

    #[test]
    fn no_refill_rate_is_no_limit() {
        let buckets = Buckets::default();
        let rules = Switches {
            refill_per_second: None,
            ..Switches::default()
        };

        for _ in 0..100 {
            assert!(matches!(
                buckets.take("t", 3600, &rules),
                Verdict::Granted { .. }
            ));
        }
    }
}
