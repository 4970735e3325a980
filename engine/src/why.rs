//! Why a job stands where it stands: every cause with what is known of it, and its texts in one place.
//! A job can have several causes at once; all are told, the nearest first. Looking them up is
//! `store/why`'s business.

mod shut;
mod text;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::State;
use crate::breaker::BreakerState;
use crate::control::PauseScope;
use crate::flow::Batch;

/// The answer to "why is it not running?", for a job in any state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyView {
    /// The job.
    pub id: Uuid,
    /// Where it stands.
    pub state: State,
    /// A finer word than the state.
    pub label: &'static str,
    /// The causes, the nearest first; never empty.
    pub causes: Vec<Cause>,
}

/// A cause with its texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// What is known.
    #[serde(flatten)]
    pub why: Why,
    /// It in one sentence.
    pub said: String,
    /// What happens next, or what to do so that something does.
    pub next: String,
}

impl Cause {
    pub(crate) fn of(why: Why, id: Uuid) -> Cause {
        Cause {
            said: why.said(),
            next: why.next(id),
            why,
        }
    }
}

/// A worker that is busy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BusyWorker {
    /// Its id.
    pub id: Uuid,
    /// Its label.
    pub label: String,
    /// Jobs of the queue it runs now.
    pub running: i64,
    /// How many it runs at a time.
    pub slots: i64,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Its time has not come.
    Scheduled {
        /// When it comes.
        run_at: Timestamp,
    },
    /// It has failed and tries again.
    Retrying {
        /// When.
        run_at: Timestamp,
        /// Attempts that failed.
        failed: i16,
        /// Attempts that may fail.
        max_attempts: i16,
        /// Of the last failure.
        code: Option<String>,
        /// Of the last failure.
        error: Option<String>,
        /// When that was.
        failed_at: Option<Timestamp>,
    },
    /// It was claimed while what it needs was shut, and put back without an attempt.
    PutOff {
        /// What it was last put off for, while it waits for that.
        key: Option<String>,
        /// How often in a row.
        times: i32,
        /// Since the first of these.
        since: Timestamp,
        /// When it asks again, if nobody tells it before that it is open.
        again_at: Timestamp,
    },
    /// Its last attempt ended without a failure that counts: its handler sent it back, or had to. It had no tokens
    /// (`throttled`), was in another's way, or was begun by a newer build.
    Snoozed {
        /// Why, in a word; none when the handler gave none.
        code: Option<String>,
        /// Why.
        error: Option<String>,
        /// When it was sent back.
        since: Timestamp,
        /// When it goes on.
        again_at: Timestamp,
    },
    /// Somebody has stopped its queue, its kind or a connection that it needs.
    Paused {
        /// Which of them.
        scope: PauseScope,
        /// Its name.
        name: String,
        /// Who.
        by: String,
        /// Since when.
        since: Timestamp,
        /// What for, if they said.
        reason: Option<String>,
    },
    /// The remote has refused calls for their price: nobody calls for a while.
    BudgetShut {
        /// The bucket.
        key: String,
        /// Until when.
        until: Timestamp,
    },
    /// The bucket of a rate key has no tokens: calls wait until some have come back.
    BucketEmpty {
        /// The bucket.
        key: String,
        /// Tokens it holds; below nothing when calls wait for theirs.
        tokens: f64,
        /// Tokens it holds at most.
        capacity: f64,
        /// Tokens that come back each second, as counted on now.
        refill_per_s: f64,
        /// When it has enough: for the job's call if it was sent away for want of it, else for one token.
        enough_at: Timestamp,
    },
    /// A connection that it needs is thought to be down, or a person says so.
    BreakerShut {
        /// The connection.
        connection: String,
        /// Open, or half-open while a probe finds out.
        state: BreakerState,
        /// Since it last opened.
        since: Option<Timestamp>,
        /// Openings in a row.
        opens: i64,
        /// When the next probe is sent, unless the present one goes well; none while a person's opening has
        /// no end.
        next_probe_at: Option<Timestamp>,
        /// The job that is the probe.
        probe_job: Option<Uuid>,
        /// The person who opened it, if one did.
        forced_by: Option<String>,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// No live worker serves its queue.
    NoWorkerForQueue {
        /// The queue.
        queue: String,
    },
    /// Live workers serve its queue and none of them knows its kind.
    NoWorkerForKind {
        /// The kind.
        kind: String,
        /// The labels of those that serve the queue.
        workers: Vec<String>,
    },
    /// All who could run it are busy.
    SlotsTaken {
        /// They.
        workers: Vec<BusyWorker>,
    },
    /// Others come first: by priority, then by time.
    Behind {
        /// How many.
        ahead: i64,
        /// True when there are more and counting was stopped.
        or_more: bool,
    },
    /// Its time has come and it is not in line yet.
    ComingIn {
        /// When its time came.
        run_at: Timestamp,
    },
    /// Nothing stands in its way.
    Next,
    /// Another job holds its unique key, and it is to run after it.
    Twin {
        /// The other job.
        twin: Option<Uuid>,
        /// Where that stands.
        twin_state: Option<State>,
    },
    /// It waits for the members of a batch to end.
    Members {
        /// They.
        batch: Batch,
    },
    /// It waits to be told something.
    Signal {
        /// What it listens for.
        name: String,
        /// Until when; for ever if none.
        until: Option<Timestamp>,
    },
    /// It sleeps.
    Sleeps {
        /// Until then.
        until: Timestamp,
    },
    /// As many of its kind run as may.
    KindFull {
        /// The kind.
        kind: String,
        /// How many may run over the whole fleet.
        most: i64,
        /// Those that do.
        jobs: Vec<Uuid>,
    },
    /// As many of its partition run as may.
    PartitionFull {
        /// The partition key.
        key: String,
        /// How many may run over the whole fleet.
        most: i64,
        /// Those that do.
        jobs: Vec<Uuid>,
    },
    /// As many of its connection's run as may, of the kinds that are limited so.
    ConnectionFull {
        /// The connection: its first rate key.
        key: String,
        /// How many may run over the whole fleet.
        most: i64,
        /// Those that do.
        jobs: Vec<Uuid>,
    },
    /// Its partition is ordered, and a dead job holds it up.
    PartitionBlocked {
        /// The partition key.
        key: String,
        /// The dead job.
        job_id: Uuid,
        /// Since when.
        since: Timestamp,
    },
    /// A job of another kind is before it in its partition, of which as many run as that kind may.
    WouldOvertake {
        /// The partition key.
        key: String,
        /// The job before it.
        head: Uuid,
        /// The kind of that.
        kind: String,
    },
    /// Its partition is ordered, and another job is before it.
    NotItsTurn {
        /// The partition key.
        key: String,
        /// The first in line.
        head: Uuid,
    },
    /// It runs.
    Running {
        /// Who runs it.
        worker_id: Option<Uuid>,
        /// The label of that.
        worker: Option<String>,
        /// Since when.
        since: Option<Timestamp>,
        /// Until when it may without another heartbeat.
        lease_until: Option<Timestamp>,
        /// The lease has run out: the worker died or stands still.
        is_late: bool,
    },
    /// It runs, and somebody has asked it to stop.
    CancelRequested {
        /// Who.
        by: Option<String>,
        /// When.
        at: Option<Timestamp>,
    },
    /// It was given up.
    Dead {
        /// When.
        at: Option<Timestamp>,
        /// Attempts that failed.
        failed: i16,
        /// Attempts that could.
        max_attempts: i16,
        /// Attempts that took their worker with them.
        crashes: i16,
        /// Of the last failure.
        code: Option<String>,
        /// Of the last failure.
        error: Option<String>,
        /// Its group, once it is in one.
        fingerprint: Option<String>,
        /// Letters of the group.
        in_group: Option<i64>,
    },
    /// It is done.
    Completed {
        /// When.
        at: Option<Timestamp>,
    },
    /// It was ended before it was done.
    Cancelled {
        /// When.
        at: Option<Timestamp>,
        /// By whom; none when its handler did.
        by: Option<String>,
        /// What for.
        reason: Option<String>,
    },
}
