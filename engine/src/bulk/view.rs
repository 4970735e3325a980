//! What a reader sees of an act on many.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{BulkAct, BulkState, Canary};
use crate::view::JobView;

/// An act on many with how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BulkView {
    /// Its id.
    pub id: Uuid,
    /// What is done.
    pub act: BulkAct,
    /// To which jobs, as it was said.
    pub filter: String,
    /// The merge patch for the args of jobs that are run again.
    pub patch: Option<Value>,
    /// Where it stands.
    pub state: BulkState,
    /// Jobs that matched when it was made; at least so many unless `matched_all`.
    pub matched: i64,
    /// All were counted.
    pub matched_all: bool,
    /// Rows that the walk has looked at.
    pub looked_at: i64,
    /// Jobs that were acted on.
    pub done: i64,
    /// Jobs that had moved by the time it came to them.
    pub skipped: i64,
    /// Jobs that it could not be done to.
    pub refused: i64,
    /// Transactions so far.
    pub chunks: i64,
    /// Of 100, where it can be told.
    pub percent: Option<f64>,
    /// Jobs a second since it began.
    pub jobs_per_s: Option<f64>,
    /// Seconds that are left at that pace, where it can be told.
    pub eta_s: Option<f64>,
    /// Jobs a transaction.
    pub chunk: i32,
    /// At most so many jobs a second.
    pub rate_per_s: Option<f64>,
    /// Jobs of the canary.
    pub canary_jobs: Option<i32>,
    /// How long the canary is waited for, in milliseconds.
    pub canary_wait_ms: Option<i64>,
    /// Deaths of the canary that are tolerated.
    pub canary_tolerate: Option<i32>,
    /// The jobs of the canary so far.
    pub canary_ids: Vec<Uuid>,
    /// Until when the canary is waited for.
    pub canary_until: Option<Timestamp>,
    /// The canary did well, or a person let the rest follow.
    pub canary_passed: bool,
    /// Why it stands where it stands, if that is not plain.
    pub error: Option<String>,
    /// When the next chunk is due.
    pub next_at: Timestamp,
    /// Who asked.
    pub requested_by: String,
    /// Through what door.
    pub requested_via: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// Jobs that came to match after this are not touched.
    pub as_of: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its first chunk.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

impl BulkView {
    /// Jobs that it has come to.
    pub fn handled(&self) -> i64 {
        self.done + self.skipped + self.refused
    }

    pub(crate) fn canary(&self) -> Option<Canary> {
        let jobs = u16::try_from(self.canary_jobs?).ok()?;
        Some(Canary {
            jobs,
            wait: Duration::from_millis(u64::try_from(self.canary_wait_ms?).ok()?),
            tolerate: u16::try_from(self.canary_tolerate?).ok()?,
        })
    }

    /// Fills in what follows from counts and times.
    pub(crate) fn reckoned(mut self, now: Timestamp) -> BulkView {
        // Exact to what a person needs: counts fit a float up to 2^53.
        let (handled, matched) = (self.handled() as f64, self.matched as f64);
        self.percent = match self.state {
            BulkState::Done => Some(100.0),
            _ if self.matched_all && self.matched > 0 => {
                Some((100.0 * handled / matched).min(100.0))
            }
            _ => None,
        };
        let until = self.ended_at.unwrap_or(now);
        let span = self
            .started_at
            .map(|from| until.duration_since(from).as_secs_f64());
        self.jobs_per_s = span
            .filter(|span| *span > 0.0 && handled > 0.0)
            .map(|span| handled / span);
        let is_moving = self.state == BulkState::Running && self.matched_all;
        self.eta_s = self
            .jobs_per_s
            .filter(|_| is_moving)
            .map(|pace| ((matched - handled) / pace).max(0.0));
        self
    }
}

/// Jobs that an act could not be done to, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkResult {
    /// The stable word of the error.
    pub code: String,
    /// How many.
    pub jobs: i64,
    /// The first one's error.
    pub message: String,
    /// The first ones, 100 at the most.
    pub job_ids: Vec<Uuid>,
}

/// What an act would be done to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BulkPreview {
    /// What would be done.
    pub act: BulkAct,
    /// To jobs that meet this: as it was said, and in a state that the act is legal in.
    pub filter: String,
    /// How many; at least so many unless `matched_all`.
    pub matched: i64,
    /// All were counted.
    pub matched_all: bool,
    /// Of those that were counted, by kind, the most first; 20 at the most.
    pub kinds: Vec<BulkKind>,
    /// Of those that were counted and have failed, by cause, the most first; 20 at the most.
    pub causes: Vec<BulkCause>,
    /// A few of them.
    pub samples: Vec<JobView>,
}

/// Jobs of a kind in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkKind {
    /// Which handler.
    pub kind: String,
    /// Where they stand.
    pub state: String,
    /// How many.
    pub jobs: i64,
}

/// Jobs of a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkCause {
    /// The group of dead letters, for those in one.
    pub fingerprint: Option<String>,
    /// The failure's stable word.
    pub code: Option<String>,
    /// The error of one of them.
    pub error: Option<String>,
    /// How many.
    pub jobs: i64,
}
