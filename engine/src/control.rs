//! What people see and do beside single jobs: pauses, alerts, the audit trail.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Who asks for a change, and through what door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A person, a token's name, a process.
    pub name: String,
    /// `cli`, `http`, `dashboard` …
    pub via: String,
    /// What for, if they said: kept in the audit row of whatever they change.
    pub reason: Option<String>,
}

impl Actor {
    /// An actor.
    pub fn new(name: impl Into<String>, via: impl Into<String>) -> Actor {
        Actor {
            name: name.into(),
            via: via.into(),
            reason: None,
        }
    }

    /// The same, with what the change is for.
    #[must_use]
    pub fn because(mut self, reason: Option<&str>) -> Actor {
        self.reason = reason.map(str::to_owned);
        self
    }
}

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// A queue: nothing of it is claimed.
    Queue,
    /// A kind: none of its jobs is claimed.
    Kind,
    /// A schedule: its ticks are skipped.
    Schedule,
    /// A connection: jobs that have it among their rate keys are put off.
    Connection,
}

impl PauseScope {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            PauseScope::Queue => "queue",
            PauseScope::Kind => "kind",
            PauseScope::Schedule => "schedule",
            PauseScope::Connection => "connection",
        }
    }
}

/// Something a person has stopped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pause {
    /// What sort of thing.
    pub scope: PauseScope,
    /// Its name.
    pub name: String,
    /// Since when.
    pub paused_at: Timestamp,
    /// Who did it.
    pub paused_by: String,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// Something a person should look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Which rule: `unknown_kind`, `schedule_overdue`, `no_worker`, `no_era`, `connection_failing`,
    /// `connection_suspended`.
    pub alert: String,
    /// What it is about.
    pub subject: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// In words.
    pub message: String,
}

/// A broken promise, found in a live database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which promise, e.g. `job_in_two_places`.
    pub finding: String,
    /// What it is about, e.g. a job's id.
    pub subject: String,
    /// In words.
    pub detail: String,
}

/// One row of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Ascending with time.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Through what door.
    pub via: String,
    /// What was done, e.g. `job.retry`.
    pub action: String,
    /// To what, e.g. a job's id.
    pub target: String,
    /// More, where there is more.
    pub detail: Option<Value>,
}

/// An ordered partition that a dead job holds up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionBlock {
    /// Its key.
    pub partition_key: String,
    /// The dead job: retry it, or skip it.
    pub job_id: uuid::Uuid,
    /// Of which kind.
    pub kind: String,
    /// Since when.
    pub blocked_at: jiff::Timestamp,
    /// Jobs that wait behind it; 10,000 stands for more.
    pub waiting: i64,
}
