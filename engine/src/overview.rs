//! The overview: what waits and runs, what the last hour brought, and what needs a person, in one look
//! whose cost does not depend on how many jobs there are.

use jiff::Timestamp;
use serde::Serialize;

use crate::Pause;
use crate::rollup::{Figures, Rollup};

/// The jobs of one queue and kind that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Depth {
    /// Their lane.
    pub queue: String,
    /// Their handler.
    pub kind: String,
    /// Due and not taken.
    pub available: i64,
    /// Waiting for their time.
    pub scheduled: i64,
    /// Waiting for their next attempt.
    pub retrying: i64,
    /// Set aside: for children, a signal, a time.
    pub waiting: i64,
    /// Under a lease.
    pub running: i64,
    /// Since when the one that has been due longest is.
    pub oldest_due_at: Option<Timestamp>,
}

/// Depths, all counted at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Depths {
    /// When they were counted. Few jobs are counted whenever somebody asks; many so rarely that counting
    /// takes a hundredth of the time.
    pub counted_at: Timestamp,
    /// By queue and kind.
    pub rows: Vec<Depth>,
}

/// The ended jobs of one queue, kind and state that are still on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Their lane.
    pub queue: String,
    /// Their handler.
    pub kind: String,
    /// `completed`, `cancelled` or `dead`.
    pub state: String,
    /// How many.
    pub jobs: i64,
}

/// What a queue or a kind brought in the last hour, and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The lane.
    pub queue: String,
    /// The handler.
    pub kind: String,
    /// What ended.
    #[serde(flatten)]
    pub figures: Figures,
    /// Jobs that were completed, a minute of the last hour.
    pub completed_per_minute: f64,
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The database's clock.
    pub at: Timestamp,
    /// What waits and runs, by queue and kind.
    pub depths: Depths,
    /// The last hour, minute by minute, the running minute last; quiet ones too.
    pub minutes: Vec<Rollup>,
    /// The last hour by queue and kind, the busiest first.
    pub shares: Vec<Share>,
    /// The last hour as a whole.
    pub hour: Figures,
    /// What has ended and is on record.
    pub totals: Vec<Total>,
    /// Dead letters.
    pub dead: i64,
    /// Worker processes seen within the last minute.
    pub workers_alive: i64,
    /// What people have stopped.
    pub pauses: Vec<Pause>,
    /// Connections whose breaker is not closed.
    pub breakers_open: Vec<String>,
    /// Schedules that should have run and did not.
    pub schedules_late: Vec<String>,
}
