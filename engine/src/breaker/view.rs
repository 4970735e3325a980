//! What people see of breakers, what calls tell them, and the rules they are given.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

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
    /// How long a probe is waited for after the last sign of its process. While it runs it is the only
    /// one, for five minutes at most unless it tells something.
    pub probe_lease: Duration,
    /// Failing for so long, over all openings in a row, a person is told; none is never.
    pub warn_after: Option<Duration>,
    /// Failing for so long, the connection is suspended until a person resumes it; none is never.
    pub suspend_after: Option<Duration>,
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
            warn_after: Some(Duration::from_secs(24 * 3600)),
            suspend_after: Some(Duration::from_secs(7 * 24 * 3600)),
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
    /// Since when its calls have been failing, over all openings in a row; none while it is closed.
    pub failing_since: Option<Timestamp>,
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
    /// Since when the connection is suspended: none of its jobs runs until a person resumes it.
    pub suspended_at: Option<Timestamp>,
    /// By whom: `lockstep` when it had been failing for too long.
    pub suspended_by: Option<String>,
    /// Why.
    pub suspended_for: Option<String>,
    /// Its last move.
    pub changed_at: Timestamp,
}
