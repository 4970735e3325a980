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
//! Only a person's opening has no end. Storing a move under its version is the store's business, and
//! asking for jobs is the worker's.

mod awaited;
mod gates;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

pub(crate) use gates::{Gates, PutOff};

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Jobs run.
    Closed,
    /// None does.
    Open,
    /// One does, as a probe.
    HalfOpen,
}

impl BreakerState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }

    pub(crate) fn parse(word: &str) -> BreakerState {
        match word {
            "open" => BreakerState::Open,
            "half_open" => BreakerState::HalfOpen,
            _ => BreakerState::Closed,
        }
    }
}

/// What a call says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The remote did what it is there for.
    Good,
    /// The connection failed, whatever was asked: no answer, a remote that fails, a dead credential.
    Bad,
    /// It says nothing: a refusal for the price, a record that was rejected, a thing that is not there.
    Neutral,
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerRules {
    /// Calls are counted over this span, give or take half of it.
    pub window: Duration,
    /// It opens at so many bad calls…
    pub least_bad: u32,
    /// …if they are at least this share of all.
    pub share: f64,
    /// How long it is open the first time; each next time in a row twice as long.
    pub first_open: Duration,
    /// But never longer.
    pub longest_open: Duration,
    /// How long a probe may take before another is sent.
    pub probe_lease: Duration,
}

impl Default for BreakerRules {
    fn default() -> Self {
        BreakerRules {
            window: Duration::from_secs(60),
            least_bad: 5,
            share: 0.5,
            first_open: Duration::from_secs(15),
            longest_open: Duration::from_secs(600),
            probe_lease: Duration::from_secs(30),
        }
    }
}

/// A breaker with where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerView {
    /// The connection: the rate key of its jobs.
    pub connection: String,
    /// How it stands.
    pub state: BreakerState,
    /// Calls that went well, within the window.
    pub good: i64,
    /// Calls that failed, within the window.
    pub bad: i64,
    /// Openings in a row.
    pub opens: i64,
    /// When it last opened.
    pub opened_at: Option<Timestamp>,
    /// Until when it is open; none, while open, is until a person closes it.
    pub open_until: Option<Timestamp>,
    /// The job that is the probe.
    pub probe_job: Option<Uuid>,
    /// The person who last opened or closed it.
    pub forced_by: Option<String>,
    /// When that was.
    pub forced_at: Option<Timestamp>,
    /// Why, if they said.
    pub reason: Option<String>,
    /// Its last move.
    pub changed_at: Timestamp,
}

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
    /// Calls ended; `job` made the last of them.
    Heard { good: i32, bad: i32, job: Uuid },
    /// A job wants to run.
    Ask { job: Uuid },
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
        }
    }

    /// What becomes of it, and for an `Ask` whether the job passes.
    pub(crate) fn step(&self, event: Event, now: i64, rules: &BreakerRules) -> (Breaker, Pass) {
        let mut next = self.clone();
        let pass = match event {
            Event::Heard { good, bad, job } => {
                next.hear((good, bad), job, now, rules);
                Pass::Go
            }
            Event::Ask { job } => next.ask(job, now, rules),
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

    fn hear(&mut self, (good, bad): (i32, i32), job: Uuid, now: i64, rules: &BreakerRules) {
        match self.state {
            // Stragglers from before it opened tell nothing new.
            BreakerState::Open => {}
            BreakerState::HalfOpen => {
                if self.probe.is_none_or(|(probe, _)| probe != job) {
                    return;
                }
                if bad > 0 {
                    self.fail(now, rules);
                } else if good > 0 {
                    let opens = self.opens;
                    *self = Breaker::closed(now);
                    self.opens = opens;
                    self.ramp = Some(Ramp {
                        since: now,
                        second: 0,
                        taken: 0,
                    });
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
        }
    }

    /// Opens, each time in a row for longer.
    fn fail(&mut self, now: i64, rules: &BreakerRules) {
        let doublings = u32::try_from(self.opens.clamp(0, 20)).unwrap_or(0);
        let span = rules.first_open.saturating_mul(1 << doublings);
        self.open(now, Some(millis(span.min(rules.longest_open))));
    }

    fn open(&mut self, now: i64, for_ms: Option<i64>) {
        let opens = self.opens.saturating_add(1);
        *self = Breaker {
            state: BreakerState::Open,
            opens,
            opened_at: Some(now),
            open_until: for_ms.map(|ms| now.saturating_add(ms)),
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
