//! What a reader sees of jobs, attempts, queues and workers.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::State;
use crate::cursor::{BadCursor, Cursor};
use crate::filter::Filter;
use crate::overview::Depth;
use crate::tendency::Tendency;

/// A job with where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobView {
    /// Its id.
    pub id: Uuid,
    /// Which handler.
    pub kind: String,
    /// Its lane.
    pub queue: String,
    /// Where it stands.
    pub state: State,
    /// A finer word than the state: `scheduled`, `retrying`, or the state itself.
    pub label: &'static str,
    /// Lower runs first.
    pub priority: i16,
    /// When it may next be claimed, or could first.
    pub run_at: Timestamp,
    /// Claims so far.
    pub attempt: i32,
    /// Attempts that failed; at `max_attempts` the job is dead.
    pub failed: i16,
    /// Attempts that took their worker with them, since the job last saved where it stands.
    pub crashes: i16,
    /// Attempts that may fail.
    pub max_attempts: i16,
    /// Who runs it, or ran it last.
    pub worker_id: Option<Uuid>,
    /// Start of the attempt that runs, or that ended it.
    pub started_at: Option<Timestamp>,
    /// Until when the running attempt may run without a heartbeat.
    pub lease_until: Option<Timestamp>,
    /// A person has asked to cancel it and its attempt has not stopped yet.
    pub cancel_requested: bool,
    /// What it waits for.
    pub waiting_for: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How its last attempt ended.
    pub outcome: Option<String>,
    /// The failure's stable word.
    pub code: Option<String>,
    /// The failure with its causes.
    pub error: Option<String>,
    /// The group of a dead letter, once it is in one.
    pub fingerprint: Option<String>,
    /// What the handler answered.
    pub result: Option<Value>,
    /// Its input.
    pub args: Value,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Its unique key.
    pub unique_key: Option<String>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// What it belongs to.
    pub partition_key: Option<String>,
    /// The job it is a part of.
    pub parent_id: Option<Uuid>,
    /// The batch it is in.
    pub batch_id: Option<Uuid>,
    /// The job it was run again from.
    pub replayed_from: Option<Uuid>,
    /// Who asked for it.
    pub asked_by: Option<String>,
}

/// One attempt on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptView {
    /// Its number; the last one's where it stands for several.
    pub attempt: i32,
    /// How many in a row it stands for: more than one where the job was put off again and again.
    pub times: i32,
    /// Who ran it.
    pub worker_id: Option<Uuid>,
    /// The label of who ran it, while the worker is on record.
    pub worker: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; none while it runs.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: String,
    /// The failure's stable word.
    pub code: Option<String>,
    /// The failure with its causes.
    pub error: Option<String>,
    /// When the next attempt was to start.
    pub next_run_at: Option<Timestamp>,
}

/// Which jobs a list shows, and which part of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobQuery {
    /// Those that meet this.
    pub filter: Filter,
    /// Behind this place: `next` of the page before.
    pub before: Option<Cursor>,
    /// At most this many, 500 at the most; 50 unless said.
    pub limit: Option<u16>,
}

impl From<Filter> for JobQuery {
    fn from(filter: Filter) -> JobQuery {
        JobQuery {
            filter,
            ..JobQuery::default()
        }
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(bound(serialize = "T: Serialize, K: std::fmt::Display"))]
pub struct Page<T, K = Uuid> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page starts; none at the end.
    pub next: Option<Cursor<K>>,
    /// Set when the search was stopped before the page was full; `next` looks on from there.
    pub searched: Option<Searched>,
}

impl<T, K> Page<T, K> {
    /// A page of at most `limit` rows, out of one row more, if there are so many; `place` is that of a row.
    pub fn of(mut rows: Vec<T>, limit: u16, place: impl Fn(&T) -> Cursor<K>) -> Page<T, K> {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        Page {
            next: rows.last().filter(|_| more).map(place),
            data: rows,
            searched: None,
        }
    }
}

/// How far a list was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// So many rows were looked at.
    pub rows: u64,
    /// What makes the search shorter.
    pub help: &'static str,
}

/// Dead letters of one cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadGroup {
    /// The cause: the filter term `fingerprint:` finds its letters.
    pub fingerprint: String,
    /// Of the rule that made the fingerprint.
    pub version: i16,
    /// Which handler.
    pub kind: String,
    /// The failure's stable word.
    pub code: Option<String>,
    /// What the letters' errors have in common.
    pub message: String,
    /// The newest letter.
    pub sample_job_id: Uuid,
    /// Its error, as it is.
    pub sample_error: String,
    /// The first death.
    pub first_seen_at: Timestamp,
    /// The last death.
    pub last_seen_at: Timestamp,
    /// When it struck again after all its letters had been replayed or deleted, the last time.
    pub regressed_at: Option<Timestamp>,
    /// Deaths ever, those of jobs that were retried and died again too.
    pub deaths: i64,
    /// Letters now.
    pub dead: i64,
    /// Deaths in each of the last 24 hours, this one last.
    pub trend: Vec<i64>,
    /// Where that goes.
    pub tendency: Tendency,
}

/// A queue with what it holds now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Due and not taken.
    pub available: i64,
    /// Waiting for their time, or for their next attempt.
    pub scheduled: i64,
    /// Under a lease.
    pub running: i64,
    /// Set aside.
    pub waiting: i64,
    /// Given up, not yet replayed or deleted.
    pub dead: i64,
    /// How long the oldest due job had waited when they were counted, in seconds.
    pub oldest_age_s: Option<f64>,
    /// When its jobs were counted: now where there are few, else a little while ago.
    pub counted_at: Timestamp,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// Why.
    pub pause_reason: Option<String>,
}

impl QueueView {
    /// A queue without a job.
    pub fn empty(name: &str, counted_at: Timestamp) -> QueueView {
        QueueView {
            name: name.to_owned(),
            available: 0,
            scheduled: 0,
            running: 0,
            waiting: 0,
            dead: 0,
            oldest_age_s: None,
            counted_at,
            paused_at: None,
            paused_by: None,
            pause_reason: None,
        }
    }

    /// Counts the jobs of one kind in.
    pub(crate) fn add(&mut self, depth: &Depth) {
        self.available += depth.available;
        self.scheduled += depth.scheduled + depth.retrying;
        self.running += depth.running;
        self.waiting += depth.waiting;
        if let Some(since) = depth.oldest_due_at {
            let age = self.counted_at.duration_since(since).as_secs_f64();
            self.oldest_age_s = Some(self.oldest_age_s.map_or(age, |other| other.max(age)));
        }
    }
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerView {
    /// Fresh at every start.
    pub id: Uuid,
    /// For people.
    pub label: String,
    /// Of the binary.
    pub version: String,
    /// Lanes it serves.
    pub queues: Vec<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Its last sign of life.
    pub seen_at: Timestamp,
    /// When it stopped in good order.
    pub stopped_at: Option<Timestamp>,
    /// Settles that the fence refused.
    pub refused_settles: i64,
    /// Seen within the last minute and not stopped.
    pub alive: bool,
}

/// The place of a worker in the list of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerPlace {
    pub(crate) alive: bool,
    pub(crate) id: Uuid,
}

impl std::fmt::Display for WorkerPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.alive { "alive" } else { "gone" };
        write!(f, "{word}.{}", self.id)
    }
}

impl std::str::FromStr for WorkerPlace {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<WorkerPlace, BadCursor> {
        let (word, id) = text.split_once('.').ok_or(BadCursor)?;
        let alive = match word {
            "alive" => true,
            "gone" => false,
            _ => return Err(BadCursor),
        };
        let id = id.parse().map_err(|_| BadCursor)?;
        Ok(WorkerPlace { alive, id })
    }
}

/// What a database server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerView {
    /// Its clock.
    pub now: Timestamp,
    /// `on` when commits reach the disk.
    pub fsync: String,
    /// `on` when torn pages are repaired.
    pub full_page_writes: String,
    /// `off` when a crash can lose the last commits.
    pub synchronous_commit: String,
}
