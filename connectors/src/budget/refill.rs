//! What successive readings prove about a bucket's refill rate.
//!
//! Between two readings the remote's level rose by the refill and fell by the charges. Two spans
//! bound the time that passed, and two sums bound the charges, so two rates bound the rate. The
//! guess is moved only as far as these bounds force it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A call that ended.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) cost: f64,
    /// The level after its charge, if the reply carried it.
    pub(super) available: Option<f64>,
    pub(super) sent: Instant,
    /// For a call without an answer: until when it may still be charged.
    pub(super) received: Instant,
}

/// Windows longer than this may hide a change of the rate.
const WINDOW: Duration = Duration::from_secs(60);
/// Shorter windows prove nothing: headers are whole tokens.
const SHORTEST: Duration = Duration::from_millis(200);
/// Keeps waits finite when another process drinks all of the refill.
const FLOOR_PER_S: f64 = 0.2;

#[derive(Debug)]
pub(super) struct Refill {
    per_s: f64,
    ceiling_per_s: f64,
    /// No window may reach back beyond this: a charge in it may be forgotten.
    known_since: Option<Instant>,
}

impl Refill {
    pub(super) fn new(per_s: f64, ceiling_per_s: f64) -> Self {
        let ceiling_per_s = ceiling_per_s.max(FLOOR_PER_S);
        Self {
            per_s: per_s.clamp(FLOOR_PER_S, ceiling_per_s),
            ceiling_per_s,
            known_since: None,
        }
    }

    pub(super) fn per_s(&self) -> f64 {
        self.per_s
    }

    /// The rate that the true one is never above.
    pub(super) fn ceiling_per_s(&self) -> f64 {
        self.ceiling_per_s
    }

    /// Half the rate, since a refusal shows that the guess was too high. Readings raise it again.
    pub(super) fn halve(&mut self) {
        self.per_s = (self.per_s / 2.0).max(FLOOR_PER_S);
    }

    /// `past` is no longer among the calls that [`learn`](Self::learn) is given.
    pub(super) fn forget(&mut self, past: &Past) {
        self.known_since = self.known_since.max(Some(past.received));
    }

    /// Moves the guess into the bounds that `last` proves together with the readings in `past`.
    /// `open_costs` is what calls under way may have cost already.
    pub(super) fn learn(
        &mut self,
        past: &VecDeque<Past>,
        last: &Past,
        open_costs: f64,
        capacity: f64,
    ) {
        let known_since = self.known_since;
        let earlier = |p: &&Past| {
            p.available.is_some() && p.received <= last.sent && Some(p.sent) >= known_since
        };
        // The longest window is the most exact, the shortest has the fewest calls that may or may
        // not be in it. The newest may be of any age: after a long wait there is no younger one.
        let newest = past.iter().filter(earlier).max_by_key(|p| p.received);
        let recent = |p: &&Past| last.received.saturating_duration_since(p.received) <= WINDOW;
        let oldest = past
            .iter()
            .filter(earlier)
            .filter(recent)
            .min_by_key(|p| p.received);
        for first in oldest.into_iter().chain(newest) {
            let (low, high) = bounds(past, first, last, open_costs, capacity);
            // The upper bound has the last word: too slow a guess is corrected by the next
            // reading, too fast a one by a refusal.
            self.per_s = self.per_s.max(low).min(high);
        }
        self.per_s = self.per_s.clamp(FLOOR_PER_S, self.ceiling_per_s);
    }
}

/// The lowest and the highest rate that the readings of `first` and `last` allow.
fn bounds(
    past: &VecDeque<Past>,
    first: &Past,
    last: &Past,
    open_costs: f64,
    capacity: f64,
) -> (f64, f64) {
    let between = || {
        past.iter()
            .filter(|p| p.received > first.sent && !std::ptr::eq(*p, first))
    };
    let surely = between()
        .filter(|p| p.available.is_some())
        .filter(|p| p.sent >= first.received && p.received <= last.sent);
    let rise = last.available.unwrap_or(0.0) - first.available.unwrap_or(0.0) + last.cost;

    // Levels are whole tokens, so a rise of theirs may be one off either way.
    let longest = last.received.duration_since(first.sent);
    let low = if longest < SHORTEST {
        0.0
    } else {
        (rise + sum(surely) - 1.0) / longest.as_secs_f64()
    };
    // A full bucket lets refill go to waste, so a small rise proves nothing then.
    let near_full = |p: &Past| p.available.is_none_or(|a| a + p.cost > capacity * 0.95);
    let shortest = last.sent.saturating_duration_since(first.received);
    let high = if shortest < SHORTEST || near_full(last) || between().any(near_full) {
        f64::INFINITY
    } else {
        (rise + sum(between()) + open_costs + 1.0) / shortest.as_secs_f64()
    };
    (low, high)
}

fn sum<'a>(calls: impl Iterator<Item = &'a Past>) -> f64 {
    calls.map(|call| call.cost).sum()
}
