//! The purse: what this process holds of one budget. Pure: it takes instants and never reads a clock.
//!
//! Guarantees: tokens are spent at most once and only while the database counts them as ours. Every
//! token in `tokens`, `open` or `doubtful` is in our lease there.

use std::time::{Duration, Instant};

use crate::store::budget::{Reading, Report, Standing};

/// How long the database counts what we hold as ours, without hearing of us. Then it counts it as charged.
pub(super) const HOLD: Duration = Duration::from_secs(5);
/// How long we trust in that, from before we last asked.
const TRUST: Duration = Duration::from_secs(4);
/// Tokens nobody has taken for so long are given back.
const IDLE: Duration = Duration::from_millis(250);
/// A lease that holds something is renewed so often.
const RENEW: Duration = Duration::from_secs(1);
/// How long a call without an answer may still be charged: the longest request, doubled.
const LATE_CHARGE: Duration = Duration::from_secs(60);

/// What is held of one budget.
#[derive(Debug)]
pub(super) struct Purse {
    /// May be spent, from `usable_at` on and as long as we are trusted.
    tokens: f64,
    usable_at: Instant,
    trusted_until: Instant,
    taken_at: Instant,
    told_at: Instant,
    /// Of calls under way.
    open: f64,
    /// Of calls without an answer, and until when they may still be charged.
    doubtful: Vec<(Instant, f64)>,
    blurred: bool,
    /// Spent and not yet reported.
    unreported: f64,
    /// Reported, and the answer not yet here.
    reporting: f64,
    /// All that was ever spent by anyone, as last heard; without our own last.
    seen: Option<f64>,
    reading: Option<(Reading, Instant)>,
    leaving: bool,
    /// What callers in line want.
    pub(super) wanted: f64,
    pub(super) refill_per_s: f64,
    pub(super) capacity: Option<f64>,
}

/// What a call must know of its own beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) cost: f64,
    pub(super) sent: Instant,
    seen: Option<f64>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ended {
    /// The remote named what it cost and what was left.
    Read { cost: f64, available: f64 },
    /// It named nothing.
    Unread,
    /// There was no answer: it may have been charged, or still be.
    Doubtful,
    /// It was refused for its price; the refusal is booked on its own.
    Refused,
    /// It was never sent.
    Unsent,
}

impl Purse {
    pub(super) fn new(now: Instant) -> Purse {
        Purse {
            tokens: 0.0,
            usable_at: now,
            trusted_until: now,
            taken_at: now,
            told_at: now,
            open: 0.0,
            doubtful: Vec::new(),
            blurred: false,
            unreported: 0.0,
            reporting: 0.0,
            seen: None,
            reading: None,
            leaving: false,
            wanted: 0.0,
            refill_per_s: 0.0,
            capacity: None,
        }
    }

    /// True when a call of `cost` may take its tokens now.
    pub(super) fn covers(&self, cost: f64, now: Instant) -> bool {
        self.tokens >= cost && now >= self.usable_at && now < self.trusted_until
    }

    /// Takes the tokens of a call that is sent now. Ask [`covers`](Self::covers) first.
    pub(super) fn take(&mut self, cost: f64, now: Instant) -> Taken {
        self.tokens -= cost;
        self.open += cost;
        self.taken_at = now;
        Taken {
            cost,
            sent: now,
            // Our own calls that ended before this one is sent are in whatever level it reads.
            seen: self
                .seen
                .map(|seen| seen + self.reporting + self.unreported),
        }
    }

    /// Tokens came, to be spent after `wait`. `asked` is when we began to ask for them.
    pub(super) fn put(&mut self, standing: &Standing, asked: Instant, now: Instant) {
        self.learn(standing);
        if self.seen.is_none() {
            self.seen = Some(standing.spent);
        }
        if standing.granted > 0.0 {
            self.tokens += standing.granted;
            let usable = now + standing.wait.unwrap_or_default();
            self.usable_at = self.usable_at.max(usable);
            self.renewed(asked);
            self.taken_at = now.max(usable);
        }
    }

    /// Books the end of a call.
    pub(super) fn end(&mut self, taken: &Taken, ended: Ended, now: Instant) {
        self.open = (self.open - taken.cost).max(0.0);
        match ended {
            Ended::Unsent => self.tokens += taken.cost,
            Ended::Unread => self.unreported += taken.cost,
            Ended::Doubtful => {
                self.doubtful.push((now + LATE_CHARGE, taken.cost));
                self.blurred = true;
            }
            Ended::Refused => {}
            Ended::Read { cost, available } => {
                self.unreported += taken.cost;
                if let Some(seen) = taken.seen {
                    let reading = Reading {
                        available,
                        cost,
                        seen,
                        age: Duration::ZERO,
                    };
                    self.reading = Some((reading, taken.sent));
                }
            }
        }
    }

    /// What is not spent goes back with the next report.
    pub(super) fn give_back(&mut self) {
        self.leaving = true;
    }

    /// What the database should hear now, if anything.
    pub(super) fn report(&mut self, key: &str, now: Instant) -> Option<Report> {
        if now >= self.trusted_until {
            // The database has forgotten the lease, and so the tokens are lost.
            self.tokens = 0.0;
        }
        let (late, still): (Vec<_>, Vec<_>) = self
            .doubtful
            .drain(..)
            .partition(|(until, _)| *until <= now);
        self.doubtful = still;
        self.unreported += late.iter().map(|(_, cost)| cost).sum::<f64>();
        // Sums of floats do not come back to nothing.
        let is_idle = self.leaving || (self.wanted < 1e-6 && now >= self.taken_at + IDLE);
        let back = if is_idle { self.tokens } else { 0.0 };
        let due = self.holds() && now >= self.told_at + RENEW;
        if self.unreported <= 0.0 && back <= 0.0 && self.reading.is_none() && !due {
            return None;
        }
        self.tokens -= back;
        self.reporting = std::mem::take(&mut self.unreported);
        self.told_at = now;
        let reading = self.reading.take().map(|(reading, sent)| Reading {
            age: now.saturating_duration_since(sent),
            ..reading
        });
        Some(Report {
            key: key.to_owned(),
            holds: self.held(),
            spent: self.reporting,
            back,
            blurred: std::mem::take(&mut self.blurred),
            reading,
        })
    }

    /// The database has heard the report that was begun at `asked`.
    pub(super) fn reported(&mut self, standing: &Standing, asked: Instant) {
        self.learn(standing);
        self.reporting = 0.0;
        self.seen = Some(standing.spent);
        self.renewed(asked);
    }

    /// It may have heard it or not: what is spent is told once more, and proves nothing.
    pub(super) fn unheard(&mut self) {
        self.unreported += std::mem::take(&mut self.reporting);
        self.blurred = true;
    }

    /// True while there is anything the database must hear of sooner or later.
    pub(super) fn is_live(&self) -> bool {
        self.holds() || self.unreported > 0.0 || self.reading.is_some()
    }

    fn holds(&self) -> bool {
        self.held() > 0.0
    }

    fn held(&self) -> f64 {
        let doubtful: f64 = self.doubtful.iter().map(|(_, cost)| cost).sum();
        self.tokens + self.open + doubtful
    }

    fn renewed(&mut self, asked: Instant) {
        self.trusted_until = self.trusted_until.max(asked + TRUST);
    }

    fn learn(&mut self, standing: &Standing) {
        self.refill_per_s = standing.refill_per_s;
        self.capacity = Some(standing.capacity);
    }
}

#[cfg(test)]
#[path = "purse_tests.rs"]
mod tests;
