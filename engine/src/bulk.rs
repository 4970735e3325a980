//! Acts on many jobs as durable rows: what can be asked, and what is told of it. Promises that every job
//! that met the filter when the act was made is acted on once, whatever dies meanwhile, and none that
//! came to meet it later. How a chunk is done is `store/bulk`'s business.

mod act;
pub(crate) mod canary;
pub(crate) mod patch;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub use act::BulkAct;
pub use view::{BulkCause, BulkKind, BulkPreview, BulkResult, BulkView};

use crate::filter::Filter;
use crate::{Error, Result};

/// Jobs a chunk acts on unless said.
pub const DEFAULT_CHUNK: u16 = 100;
/// Jobs a chunk acts on at most: a chunk is one transaction, and holds what it locks to its end.
pub const LARGEST_CHUNK: u16 = 1_000;
/// Jobs a canary is at most.
pub const LARGEST_CANARY: u16 = 1_000;
/// The longest wait for a canary: a week.
pub const LONGEST_CANARY_WAIT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The fastest pace that can be asked for, in jobs a second.
pub const FASTEST_RATE: f64 = 1_000_000.0;

/// A few jobs first, and the rest only when these did well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// So many: 1 to [`LARGEST_CANARY`].
    pub jobs: u16,
    /// Waits until all of them have ended, at most so long; up to [`LONGEST_CANARY_WAIT`].
    pub wait: Duration,
    /// Stops when more than so many died again.
    pub tolerate: u16,
}

impl Default for Canary {
    /// Five jobs, five minutes, no death.
    fn default() -> Canary {
        Canary {
            jobs: 5,
            wait: Duration::from_secs(300),
            tolerate: 0,
        }
    }
}

impl Canary {
    fn check(self) -> Result<()> {
        let problem = if !(1..=LARGEST_CANARY).contains(&self.jobs) {
            format!("canary: expected 1 to {LARGEST_CANARY} jobs")
        } else if self.wait < Duration::from_secs(1) || self.wait > LONGEST_CANARY_WAIT {
            "canary: expected a wait of a second to a week".to_owned()
        } else if self.tolerate >= self.jobs {
            "canary: expected to tolerate fewer deaths than it has jobs".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Invalid(problem))
    }
}

/// An act on many that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBulk {
    /// Its id: a UUIDv7 made here, so that asking again after a lost answer gives one act.
    pub id: Uuid,
    /// What is done.
    pub act: BulkAct,
    /// To which jobs, as they stand when the act is made.
    pub filter: Filter,
    /// For [`BulkAct::RunAgain`]: a JSON merge patch (RFC 7396) for the args.
    pub patch: Option<Value>,
    /// Jobs a transaction: 1 to [`LARGEST_CHUNK`].
    pub chunk: u16,
    /// At most so many jobs a second; as fast as it goes when none.
    pub rate_per_s: Option<f64>,
    /// A few first.
    pub canary: Option<Canary>,
    /// Why, for people; at most 1,000 characters.
    pub reason: Option<String>,
    /// The same key gives the same act.
    pub idempotency_key: Option<String>,
}

impl NewBulk {
    /// An act with nothing said but what must be.
    pub fn new(act: BulkAct, filter: Filter) -> NewBulk {
        NewBulk {
            id: Uuid::now_v7(),
            act,
            filter,
            patch: None,
            chunk: DEFAULT_CHUNK,
            rate_per_s: None,
            canary: None,
            reason: None,
            idempotency_key: None,
        }
    }

    /// The filter as it is walked, or why the act cannot be accepted.
    pub(crate) fn checked(&self) -> Result<Filter> {
        let invalid = |problem: String| Err(Error::Invalid(problem));
        let act = self.act.as_str();
        if !(1..=LARGEST_CHUNK).contains(&self.chunk) {
            return invalid(format!("chunk: expected 1 to {LARGEST_CHUNK}"));
        }
        if self
            .rate_per_s
            .is_some_and(|rate| !(0.001..=FASTEST_RATE).contains(&rate))
        {
            return invalid(format!(
                "rate: expected 0.001 to {FASTEST_RATE} jobs a second"
            ));
        }
        if self.patch.is_some() && self.act != BulkAct::RunAgain {
            return invalid(format!(
                "patch: {act} keeps the args; run_again takes a patch"
            ));
        }
        let is_storable = |patch: &Value| crate::admit::nuls(&patch.to_string()).is_empty();
        if !self.patch.as_ref().is_none_or(is_storable) {
            return invalid(
                "patch: a string holds the character NUL, which Postgres cannot store".to_owned(),
            );
        }
        if let Some(canary) = self.canary {
            if !self.act.takes_canary() {
                return invalid(format!("canary: after {act} no job runs that could tell"));
            }
            canary.check()?;
        }
        check_reason(self.reason.as_deref())?;
        // It is kept as text: what a program has put together must be within the bounds of the language.
        Filter::parse(&self.filter.to_string())?;
        self.act.narrowed(&self.filter)
    }

    /// What must be the same for a key that is used again.
    pub(crate) fn request(&self) -> String {
        let canary = self
            .canary
            .map(|c| (c.jobs, c.wait.as_millis(), c.tolerate));
        let asked = (self.act.as_str(), self.filter.to_string(), &self.patch);
        format!("{asked:?} {} {:?} {canary:?}", self.chunk, self.rate_per_s)
    }
}

pub(crate) fn check_reason(reason: Option<&str>) -> Result<()> {
    let is_fine = |reason: &str| reason.chars().count() <= 1_000 && !reason.contains('\0');
    match reason.is_none_or(is_fine) {
        true => Ok(()),
        false => Err(Error::Invalid(
            "reason: expected at most 1,000 characters".to_owned(),
        )),
    }
}

/// Where an act on many stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    /// No chunk was done yet.
    Planned,
    /// Under way.
    Running,
    /// Its canary runs.
    Waiting,
    /// All jobs were acted on or refused.
    Done,
    /// A person stopped it.
    Aborted,
    /// Its canary stopped it.
    Stopped,
    /// Its chunks failed again and again.
    Failed,
}

impl BulkState {
    const ALL: [BulkState; 7] = [
        BulkState::Planned,
        BulkState::Running,
        BulkState::Waiting,
        BulkState::Done,
        BulkState::Aborted,
        BulkState::Stopped,
        BulkState::Failed,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BulkState::Planned => "planned",
            BulkState::Running => "running",
            BulkState::Waiting => "waiting",
            BulkState::Done => "done",
            BulkState::Aborted => "aborted",
            BulkState::Stopped => "stopped",
            BulkState::Failed => "failed",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<BulkState> {
        BulkState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// True when nothing more is done unless a person resumes it.
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            BulkState::Planned | BulkState::Running | BulkState::Waiting
        )
    }

    /// True when a person may let it go on.
    pub fn can_resume(self) -> bool {
        self.is_over() && self != BulkState::Done
    }
}
