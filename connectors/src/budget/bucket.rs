//! The pure model of a remote's token bucket. Takes instants, never reads a clock.
//!
//! Guarantees: `available` is a lower bound of what the remote holds, as long as all calls with
//! the token go through this bucket and the refill rate is not over-guessed. So a call it lets
//! through is not refused.
//!
//! ```text
//!  reserve ──▶ open ──settle(reading)──▶ past: the remote's own figure replaces ours
//!                ├──settle(none)───────▶ past: charged perhaps, perhaps still to be
//!                ├──refuse─────────────▶ past: not charged; wait, and halve the refill rate
//!                └──cancel─────────────▶ gone: never sent, its tokens come back
//! ```
//! A reading is taken at the remote somewhere between sending and receiving. Other calls of ours
//! may be charged after it, so each that overlaps is taken off once more. That errs low, and what
//! is under-counted is not lost: it stays in the remote's bucket and a later reading shows it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Cost;
use super::refill::{Past, Refill};

/// Figures of a bucket before anything was heard from the remote.
#[derive(Clone, Copy, Debug)]
pub struct BucketConfig {
    /// Tokens at most. 3600: Soundtrack's documents. Raised when a reading shows more.
    pub capacity: u32,
    /// First guess of the refill rate in tokens a second. 5: the lower of the two published
    /// figures, so that a wrong guess waits too long rather than being refused.
    pub refill_per_s: f64,
    /// No reading makes the rate higher than this. 50: the higher of the two published figures.
    pub refill_ceiling_per_s: f64,
}

impl Default for BucketConfig {
    fn default() -> Self {
        Self {
            capacity: 3600,
            refill_per_s: 5.0,
            refill_ceiling_per_s: 50.0,
        }
    }
}

/// Whether a call may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It may.
    Go,
    /// Not before this span has passed.
    For(Duration),
    /// The level is not known yet; the one call under way will tell.
    ForReading,
    /// It costs more than the bucket ever holds.
    Never,
}

/// Names one reservation of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(u64);

/// How long a call that got no answer may still be charged: our longest request, doubled.
const LATE_CHARGE: Duration = Duration::from_secs(60);
/// The first wait of the vendor's own client after a failure that names none (sheet section 4).
const BLIND_WAIT: Duration = Duration::from_secs(10);
/// Calls kept to learn from. Enough for a window of seconds at three calls at a time.
const PAST_KEPT: usize = 32;

/// One token bucket. See the module for what it guarantees.
#[derive(Debug)]
pub struct Bucket {
    capacity: f64,
    refill: Refill,
    available: f64,
    as_of: Instant,
    blocked_until: Option<Instant>,
    level_known: bool,
    next_call: u64,
    open: BTreeMap<CallId, Open>,
    past: VecDeque<Past>,
}

#[derive(Debug)]
struct Open {
    cost: f64,
    sent: Instant,
}

impl Bucket {
    /// A bucket whose level is not known: the first call goes alone and its reading tells.
    #[must_use]
    pub fn new(config: BucketConfig, now: Instant) -> Self {
        Self {
            capacity: f64::from(config.capacity),
            refill: Refill::new(config.refill_per_s, config.refill_ceiling_per_s),
            available: 0.0,
            as_of: now,
            blocked_until: None,
            level_known: false,
            next_call: 0,
            open: BTreeMap::new(),
            past: VecDeque::new(),
        }
    }

    /// The largest cost that can ever be let through, in tokens.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity as u32
    }

    /// The refill rate as learned so far, in tokens a second.
    #[must_use]
    pub fn refill_per_s(&self) -> f64 {
        self.refill.per_s()
    }

    /// How long a call of `cost` tokens must wait if no other goes before it.
    #[must_use]
    pub fn wait_before(&self, cost: u32, now: Instant) -> Wait {
        let cost = f64::from(cost);
        if cost > self.capacity {
            return Wait::Never;
        }
        let blocked = self
            .blocked_until
            .map_or(Duration::ZERO, |t| t.saturating_duration_since(now));
        if !self.level_known {
            return match (blocked.is_zero(), self.open.is_empty()) {
                (false, _) => Wait::For(blocked),
                (true, true) => Wait::Go,
                (true, false) => Wait::ForReading,
            };
        }
        let missing = cost - self.level(now);
        if missing <= 0.0 && blocked.is_zero() {
            return Wait::Go;
        }
        // Whole milliseconds, rounded up: timers are no finer and a wait too short is a refusal.
        let refill_ms = (missing.max(0.0) / self.refill.per_s() * 1000.0).ceil() as u64;
        Wait::For(blocked.max(Duration::from_millis(refill_ms.max(1))))
    }

    /// Takes `cost` tokens for a call that is sent now.
    ///
    /// # Errors
    /// The wait, if the call may not go; nothing is taken then.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<CallId, Wait> {
        match self.wait_before(cost, now) {
            Wait::Go => {}
            wait => return Err(wait),
        }
        self.set_level(self.level(now) - f64::from(cost), now);
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.open.insert(
            id,
            Open {
                cost: f64::from(cost),
                sent: now,
            },
        );
        Ok(id)
    }

    /// Books a call that ended, by the remote's own figures if the reply carried them. Without
    /// them the tokens stay spent.
    pub fn settle(&mut self, id: CallId, reading: Option<Cost>, now: Instant) {
        let Some(call) = self.open.remove(&id) else {
            return;
        };
        let Some(reading) = reading else {
            let received = now + LATE_CHARGE;
            self.keep(Past {
                cost: call.cost,
                available: None,
                sent: call.sent,
                received,
            });
            return;
        };
        let (cost, available) = (f64::from(reading.cost), f64::from(reading.available));
        self.capacity = self.capacity.max(cost + available);
        self.read_level(available, call.sent, now);
        let settled = Past {
            cost,
            available: Some(available),
            sent: call.sent,
            received: now,
        };
        let open_costs: f64 = self.open.values().map(|open| open.cost).sum();
        self.refill
            .learn(&self.past, &settled, open_costs, self.capacity);
        self.keep(settled);
    }

    /// Books a call that the rate limit refused: it took nothing, and our picture was wrong.
    /// `available` is the level the refusal named, `after` the wait it named.
    pub fn refuse(
        &mut self,
        id: CallId,
        available: Option<u32>,
        after: Option<Duration>,
        now: Instant,
    ) {
        let Some(call) = self.open.remove(&id) else {
            return;
        };
        self.refill.halve();
        match available {
            Some(level) => self.read_level(f64::from(level), call.sent, now),
            None => self.set_level(self.level(now).min(0.0), now),
        }
        let blind = if available.is_none() {
            Some(BLIND_WAIT)
        } else {
            None
        };
        if let Some(wait) = after.or(blind) {
            let until = now + wait;
            self.blocked_until = Some(self.blocked_until.map_or(until, |t| t.max(until)));
        }
        // Some limits charge for the refused call too, so it counts as a possible charge.
        self.keep(Past {
            cost: call.cost,
            available: None,
            sent: call.sent,
            received: now,
        });
    }

    /// Gives back the tokens of a call that was never sent.
    pub fn cancel(&mut self, id: CallId, now: Instant) {
        if let Some(call) = self.open.remove(&id) {
            self.set_level(self.level(now) + call.cost, now);
        }
    }

    fn level(&self, now: Instant) -> f64 {
        let span = now.saturating_duration_since(self.as_of).as_secs_f64();
        (self.available + span * self.refill.per_s()).min(self.capacity)
    }

    fn set_level(&mut self, level: f64, now: Instant) {
        self.available = level.min(self.capacity);
        self.as_of = self.as_of.max(now);
    }

    /// Takes a reading of a call sent at `sent` and received now. Of the two lower bounds, ours and
    /// the reading less all that may be charged after it, the higher one holds, unless the
    /// reading shows that ours was wrong: another process spends from the same bucket.
    fn read_level(&mut self, available: f64, sent: Instant, now: Instant) {
        let open: f64 = self.open.values().map(|call| call.cost).sum();
        let overlapping = self.past.iter().filter(|past| past.received > sent);
        let perhaps_later: f64 = open + overlapping.map(|past| past.cost).sum::<f64>();
        let floor = available - perhaps_later;
        let since_sent = now.saturating_duration_since(sent).as_secs_f64();
        let ceiling = available + self.refill.ceiling_per_s() * since_sent;
        let ours = self.level(now);
        let ours_holds = self.level_known && perhaps_later > 0.0 && ours <= ceiling;
        self.level_known = true;
        self.set_level(if ours_holds { ours.max(floor) } else { floor }, now);
    }

    /// Forgets the oldest call that no later reading can overlap, once there are enough.
    fn keep(&mut self, past: Past) {
        self.past.push_back(past);
        let oldest_open = self.open.values().map(|call| call.sent).min();
        let over = |p: &Past| p.received <= oldest_open.unwrap_or(self.as_of);
        if self.past.len() > PAST_KEPT
            && let Some(nth) = self.past.iter().position(over)
            && let Some(forgotten) = self.past.remove(nth)
        {
            self.refill.forget(&forgotten);
        }
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
