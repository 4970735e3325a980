//! What the API shows. Each shape mirrors one of the engine, field by field and checked by the
//! compiler: a field that the engine adds is not published until it is added here, and one that it
//! renames does not compile.

use engine::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! mirror {
    ($(#[$meta:meta])* $name:ident of $of:ty { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Serialize, ToSchema)]
        pub(crate) struct $name { $($(#[$field_meta])* pub(crate) $field: $type,)* }

        impl From<$of> for $name {
            fn from(of: $of) -> Self {
                $name { $($field: of.$field,)* }
            }
        }
    };
}
pub(crate) use mirror;

mirror! {
    /// A job with where it stands.
    Job of engine::JobView {
        /// Its id, a UUIDv7.
        id: Uuid,
        /// Which handler.
        kind: String,
        /// Its lane.
        queue: String,
        /// available, running, waiting, completed, cancelled or dead.
        #[schema(value_type = String)]
        state: State,
        /// A finer word than the state: scheduled, retrying, or the state itself.
        label: &'static str,
        /// Lower runs first.
        priority: i16,
        /// When it may next be claimed, or could first.
        run_at: Timestamp,
        /// Claims so far.
        attempt: i32,
        /// Attempts that failed; at max_attempts the job is dead.
        failed: i16,
        /// Attempts that took their worker with them.
        crashes: i16,
        /// Attempts that may fail.
        max_attempts: i16,
        /// Who runs it, or ran it last.
        worker_id: Option<Uuid>,
        /// Start of the attempt that runs, or that ended it.
        started_at: Option<Timestamp>,
        /// Until when the running attempt may run without a heartbeat.
        lease_until: Option<Timestamp>,
        /// Somebody has asked to cancel it and its attempt has not stopped yet.
        cancel_requested: bool,
        /// What it waits for.
        waiting_for: Option<String>,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// How its last attempt ended.
        outcome: Option<String>,
        /// The failure's stable word.
        code: Option<String>,
        /// The failure with its causes.
        error: Option<String>,
        /// The group of a dead letter, once it is in one.
        fingerprint: Option<String>,
        /// What the handler answered.
        result: Option<Value>,
        /// Its input.
        args: Value,
        /// When it was enqueued.
        created_at: Timestamp,
        /// Words to find it by.
        tags: Vec<String>,
        /// Its unique key.
        unique_key: Option<String>,
        /// Its idempotency key.
        idempotency_key: Option<String>,
        /// What it belongs to.
        partition_key: Option<String>,
        /// The job it is a part of.
        parent_id: Option<Uuid>,
        /// The batch it is in.
        batch_id: Option<Uuid>,
        /// The job it was run again from.
        replayed_from: Option<Uuid>,
        /// Who asked for it.
        asked_by: Option<String>,
    }
}

mirror! {
    /// One attempt on record.
    Attempt of engine::AttemptView {
        /// Its number; the last one's where it stands for several.
        attempt: i32,
        /// How many in a row it stands for: more than one where the job was put off again and again.
        times: i32,
        /// Who ran it.
        worker_id: Option<Uuid>,
        /// The label of who ran it.
        worker: Option<String>,
        /// When it started.
        started_at: Timestamp,
        /// When it ended; none while it runs.
        ended_at: Option<Timestamp>,
        /// How it ended.
        outcome: String,
        /// The failure's stable word.
        code: Option<String>,
        /// The failure with its causes.
        error: Option<String>,
        /// When the next attempt was to start.
        next_run_at: Option<Timestamp>,
    }
}

mirror! {
    /// Dead letters of one cause.
    DeadGroup of engine::DeadGroup {
        /// The cause: the filter term `fingerprint:` finds its letters.
        fingerprint: String,
        /// Of the rule that made the fingerprint.
        version: i16,
        /// Which handler.
        kind: String,
        /// The failure's stable word.
        code: Option<String>,
        /// What the letters' errors have in common.
        message: String,
        /// The newest letter.
        sample_job_id: Uuid,
        /// Its error, as it is.
        sample_error: String,
        /// The first death.
        first_seen_at: Timestamp,
        /// The last death.
        last_seen_at: Timestamp,
        /// When it struck again after all its letters had been replayed or deleted, the last time.
        regressed_at: Option<Timestamp>,
        /// Deaths ever, those of jobs that were retried and died again too.
        deaths: i64,
        /// Letters now.
        dead: i64,
        /// Deaths in each of the last 24 hours, this one last.
        trend: Vec<i64>,
        /// rising, steady or falling: the last three hours beside those before.
        #[schema(value_type = String)]
        tendency: engine::Tendency,
    }
}

mirror! {
    /// A queue with what it holds now.
    Queue of engine::QueueView {
        /// Its name.
        name: String,
        /// Due and not taken.
        available: i64,
        /// Waiting for their time, or for their next attempt.
        scheduled: i64,
        /// Under a lease.
        running: i64,
        /// Set aside.
        waiting: i64,
        /// Given up, not yet replayed or deleted.
        dead: i64,
        /// How long the oldest due job had waited when they were counted, in seconds.
        oldest_age_s: Option<f64>,
        /// When its jobs were counted: now where there are few, else a little while ago.
        counted_at: Timestamp,
        /// Since when it is paused.
        paused_at: Option<Timestamp>,
        /// Who paused it.
        paused_by: Option<String>,
        /// Why.
        pause_reason: Option<String>,
    }
}

mirror! {
    /// An ordered partition that a dead job holds up.
    Blocked of engine::PartitionBlock {
        /// Its key.
        partition_key: String,
        /// The dead job: retry it, or skip it.
        job_id: Uuid,
        /// Of which kind.
        kind: String,
        /// Since when.
        blocked_at: Timestamp,
        /// Jobs that wait behind it; 10,000 stands for more.
        waiting: i64,
    }
}

mirror! {
    /// Something a person has stopped.
    Pause of engine::Pause {
        /// Its name.
        name: String,
        /// Since when.
        paused_at: Timestamp,
        /// Who did it.
        paused_by: String,
        /// Why, if they said.
        reason: Option<String>,
    }
}

mirror! {
    /// A worker process.
    Worker of engine::WorkerView {
        /// Fresh at every start.
        id: Uuid,
        /// For people.
        label: String,
        /// Of the binary.
        version: String,
        /// Lanes it serves.
        queues: Vec<String>,
        /// When it started.
        started_at: Timestamp,
        /// Its last sign of life.
        seen_at: Timestamp,
        /// When it stopped in good order.
        stopped_at: Option<Timestamp>,
        /// Settles that the fence refused.
        refused_settles: i64,
        /// Seen within the last minute and not stopped.
        alive: bool,
    }
}

mirror! {
    /// Something a person should look at.
    Alert of engine::Alert {
        /// Which rule, e.g. unknown_kind, no_worker, sweep_held, runs_failing.
        alert: String,
        /// What it is about.
        subject: String,
        /// Since when.
        since: Option<Timestamp>,
        /// In words.
        message: String,
    }
}

mirror! {
    /// One row of the audit trail.
    AuditEntry of engine::AuditEntry {
        /// Ascending with time.
        id: i64,
        /// When.
        at: Timestamp,
        /// Who.
        actor: String,
        /// Through what door.
        via: String,
        /// What was done, e.g. job.retry.
        action: String,
        /// To what, e.g. a job's id.
        target: String,
        /// More, where there is more.
        detail: Option<Value>,
    }
}

mirror! {
    /// One due instant of a schedule and what became of it.
    Tick of engine::TickView {
        /// The due instant, or the instant somebody asked.
        tick_at: Timestamp,
        /// Asked for by a person.
        manual: bool,
        /// enqueued, or why not.
        decision: String,
        /// The job.
        job_id: Option<Uuid>,
        /// How the job stands.
        #[schema(value_type = Option<String>)]
        state: Option<State>,
        /// When its last attempt started.
        started_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// What it answered.
        result: Option<Value>,
        /// What it failed with.
        error: Option<String>,
    }
}

mirror! {
    /// A token as people see it; its secret is known to its holder alone.
    Token of engine::TokenView {
        /// The public part.
        id: String,
        /// What it is for.
        name: String,
        /// What it may do.
        scopes: Vec<String>,
        /// When it was made.
        created_at: Timestamp,
        /// Who made it.
        created_by: String,
        /// When it stops working; none is never.
        expires_at: Option<Timestamp>,
        /// When it was revoked.
        revoked_at: Option<Timestamp>,
        /// When it last opened the door, to the minute.
        last_used_at: Option<Timestamp>,
    }
}
