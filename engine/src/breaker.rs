//! The breaker of a connection: its states and moves, as pure functions of what is stored and heard.
//!
//! ```text
//!            5 bad calls and half of all, in a minute
//!   closed ────────────────────────────────────────────▶ open ◀──┐ the probe failed:
//!     ▲                                                   │      │ open for twice as long
//!     │ the probe went well:                its time is over     │
//!     └── jobs pass 1, 2, 4, … a second ─── half-open ◀───┘──────┘
//!                                           one probe in the whole fleet, under a lease
//! ```
//! A connection that fails for a day is an alert, and one that fails for a week is suspended until a person
//! resumes it: see [`BreakerRules`]. Only a person's opening has no end. Storing a move under its version is the store's business, and
//! asking for jobs is the worker's.

mod awaited;
mod gates;
mod probes;
mod view;

use std::time::Duration;

use uuid::Uuid;

pub(crate) use gates::{Gates, PutOff};
pub use view::{BreakerRules, BreakerState, BreakerView, Health};

/// What is stored of a breaker. Instants are milliseconds of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) state: BreakerState,
    pub(crate) half_began: i64,
    /// Good and bad calls of the present half of the window and of the one before.
    pub(crate) now: (i32, i32),
    pub(crate) before: (i32, i32),
    pub(crate) opens: i32,
    pub(crate) opened_at: Option<i64>,
    pub(crate) open_until: Option<i64>,
    /// Which job, and until when.
    pub(crate) probe: Option<(Uuid, i64)>,
    pub(crate) ramp: Option<Ramp>,
    /// When the first of its openings in a row began, unless a person opened it.
    pub(crate) failing_since: Option<i64>,
    pub(crate) alarm: Option<Alarm>,
}

/// What was done about a connection that has been failing for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// It is an alert.
    Warned,
    /// It is suspended.
    Suspended,
}

impl Alarm {
    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Alarm::Warned => "warned",
            Alarm::Suspended => "suspended",
        }
    }

    pub(crate) fn parse(word: &str) -> Alarm {
        match word {
            "suspended" => Alarm::Suspended,
            _ => Alarm::Warned,
        }
    }
}

/// After an opening: jobs that pass in each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ramp {
    pub(crate) since: i64,
    pub(crate) second: i32,
    pub(crate) taken: i32,
}

/// What may move a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Calls ended, the last of them made by a job that was let through as a probe, or by another.
    Heard { good: i32, bad: i32, is_probe: bool },
    /// A job wants to run.
    Ask { job: Uuid },
    /// A probe is under way still.
    Renew { job: Uuid },
    /// A job has ended.
    Ended { job: Uuid },
    /// A person opens it, for this long or until somebody closes it.
    Open { for_ms: Option<i64> },
    /// A person closes it.
    Close,
}

/// Whether a job that asked may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Go,
    /// It may, and what it finds decides for all.
    Probe,
    /// Ask again at this instant.
    At(i64),
}

/// Seconds of the ramp: in the last of them 32 jobs pass, and then all.
pub(crate) const RAMP: i64 = 6;
/// The longest until a job asks again. Those that wait are told when it closes; this is for when nobody
/// lives who would tell them.
pub(crate) const ASK_AGAIN_MS: i64 = 300_000;
/// While a probe is under way.
const PROBED_MS: i64 = 2_000;

impl Breaker {
    /// Nothing was heard yet.
    pub(crate) fn closed(now: i64) -> Breaker {
        Breaker {
            state: BreakerState::Closed,
            half_began: now,
            now: (0, 0),
            before: (0, 0),
            opens: 0,
            opened_at: None,
            open_until: None,
            probe: None,
            ramp: None,
            failing_since: None,
            alarm: None,
        }
    }

    /// What becomes of it, and for an `Ask` whether the job passes.
    pub(crate) fn step(&self, event: Event, now: i64, rules: &BreakerRules) -> (Breaker, Pass) {
        let mut next = self.clone();
        let pass = match event {
            Event::Heard {
                good,
                bad,
                is_probe,
            } => {
                next.hear((good, bad), is_probe, now, rules);
                Pass::Go
            }
            Event::Ask { job } => next.ask(job, now, rules),
            Event::Renew { job } => {
                if next.probe.is_some_and(|(probe, _)| probe == job) {
                    next.probe = Some((job, now + millis(rules.probe_lease)));
                }
                Pass::Go
            }
            Event::Ended { job } => {
                if next.probe.is_some_and(|(probe, _)| probe == job) {
                    // It proved nothing: the next to ask is the probe.
                    next.probe = None;
                }
                Pass::Go
            }
            Event::Open { for_ms } => {
                next.open(now, for_ms);
                Pass::Go
            }
            Event::Close => {
                next = Breaker::closed(now);
                Pass::Go
            }
        };
        (next, pass)
    }

    fn hear(&mut self, (good, bad): (i32, i32), is_probe: bool, now: i64, rules: &BreakerRules) {
        match self.state {
            // Stragglers from before it opened tell nothing new.
            BreakerState::Open => {}
            BreakerState::HalfOpen => {
                // What a probe found counts even when another was sent after it: a remote may be too slow
                // to answer any of them in time.
                if !is_probe {
                    return;
                }
                if bad > 0 {
                    self.fail(now, rules);
                } else if good > 0 {
                    let ramp = Ramp {
                        since: now,
                        second: 0,
                        taken: 0,
                    };
                    *self = Breaker {
                        opens: self.opens,
                        failing_since: self.failing_since,
                        alarm: self.alarm,
                        ramp: Some(ramp),
                        ..Breaker::closed(now)
                    };
                }
            }
            BreakerState::Closed => {
                self.end_ramp(now);
                self.roll(now, rules);
                self.now = (
                    self.now.0.saturating_add(good),
                    self.now.1.saturating_add(bad),
                );
                let (all_good, all_bad) = (self.now.0 + self.before.0, self.now.1 + self.before.1);
                let many = all_bad >= i32::try_from(rules.least_bad).unwrap_or(i32::MAX);
                let most = f64::from(all_bad) >= rules.share * f64::from(all_good + all_bad);
                if bad > 0 && (self.ramp.is_some() || (many && most)) {
                    self.fail(now, rules);
                }
            }
        }
    }

    fn ask(&mut self, job: Uuid, now: i64, rules: &BreakerRules) -> Pass {
        self.end_ramp(now);
        let free = match self.state {
            BreakerState::Closed => return self.ask_ramp(now),
            BreakerState::Open => self.open_until.is_some_and(|until| until <= now),
            BreakerState::HalfOpen => self
                .probe
                .is_none_or(|(probe, until)| until <= now || probe == job),
        };
        if free {
            self.state = BreakerState::HalfOpen;
            self.open_until = None;
            self.probe = Some((job, now + millis(rules.probe_lease)));
            return Pass::Probe;
        }
        let until = match self.state {
            BreakerState::HalfOpen => now + PROBED_MS,
            _ => self.open_until.unwrap_or(i64::MAX),
        };
        Pass::At(until.min(now + ASK_AGAIN_MS))
    }

    fn ask_ramp(&mut self, now: i64) -> Pass {
        let Some(ramp) = &mut self.ramp else {
            return Pass::Go;
        };
        let second = (now - ramp.since).max(0) / 1_000;
        // Within the ramp, so below 6.
        let second = i32::try_from(second).unwrap_or(0);
        if ramp.second != second {
            (ramp.second, ramp.taken) = (second, 0);
        }
        if ramp.taken < 1 << second {
            ramp.taken += 1;
            return Pass::Go;
        }
        Pass::At(ramp.since + (i64::from(second) + 1) * 1_000)
    }

    fn end_ramp(&mut self, now: i64) {
        if self
            .ramp
            .is_some_and(|ramp| now >= ramp.since + RAMP * 1_000)
        {
            (self.ramp, self.opens) = (None, 0);
            (self.failing_since, self.alarm) = (None, None);
        }
    }

    /// Opens, each time in a row for longer.
    fn fail(&mut self, now: i64, rules: &BreakerRules) {
        let doublings = u32::try_from(self.opens.clamp(0, 20)).unwrap_or(0);
        let span = rules.first_open.saturating_mul(1 << doublings);
        let since = *self.failing_since.get_or_insert(now);
        self.open(now, Some(millis(span.min(rules.longest_open))));
        let failing_for =
            |span: Option<Duration>| span.is_some_and(|span| now - since >= millis(span));
        let due = if failing_for(rules.suspend_after) {
            Some(Alarm::Suspended)
        } else {
            failing_for(rules.warn_after).then_some(Alarm::Warned)
        };
        self.alarm = self.alarm.max(due);
    }

    fn open(&mut self, now: i64, for_ms: Option<i64>) {
        let opens = self.opens.saturating_add(1);
        *self = Breaker {
            state: BreakerState::Open,
            opens,
            opened_at: Some(now),
            open_until: for_ms.map(|ms| now.saturating_add(ms)),
            failing_since: self.failing_since,
            alarm: self.alarm,
            ..Breaker::closed(now)
        };
    }

    fn roll(&mut self, now: i64, rules: &BreakerRules) {
        let half = (millis(rules.window) / 2).max(1);
        if now >= self.half_began + 2 * half {
            (self.half_began, self.now, self.before) = (now, (0, 0), (0, 0));
        } else if now >= self.half_began + half {
            self.half_began += half;
            (self.before, self.now) = (self.now, (0, 0));
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
#[path = "breaker/breaker_tests.rs"]
mod tests;
