//! What others see of a flow: its batches, steps and progress, and what became of a signal.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cursor::Cursor;

/// How the members of a batch stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Its id, for [`crate::Client::batch_results`].
    pub id: Uuid,
    /// The job that waits for it.
    pub owner_id: Uuid,
    /// The owner's name for it.
    pub name: String,
    /// Members in all.
    pub total: i32,
    /// Not ended.
    pub pending: i32,
    /// Ended well.
    pub completed: i32,
    /// Ended by a person or by themselves.
    pub cancelled: i32,
    /// Given up.
    pub dead: i32,
    /// Jobs that stand for members, because they had their unique or idempotency keys: asked for by
    /// somebody else. Told of one batch, and in lists left out.
    pub twins: Vec<Uuid>,
}

/// How far a job says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Units done.
    pub done: i64,
    /// Units in all, when known.
    pub total: Option<i64>,
    /// For people.
    pub message: Option<String>,
    /// When it was said.
    pub at: jiff::Timestamp,
}

/// Which part of a job's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepQuery {
    /// Behind this place: `next` of the page before.
    pub after: Option<Cursor<String>>,
    /// At most this many, 500 at the most; 50 unless said.
    pub limit: Option<u16>,
    /// With what they gave, which may be large.
    pub results: bool,
}

/// One step a job has behind it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Its name.
    pub name: String,
    /// The attempt that did it.
    pub attempt: i32,
    /// What it gave; none unless asked for.
    pub result: Option<Value>,
    /// When it was done.
    pub ended_at: jiff::Timestamp,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The job has it, or will when it asks.
    Sent,
    /// Another signal of that name came first, or the job had run out of time for it.
    Already,
    /// The job has ended.
    Ended,
}
