//! What can go wrong for a caller of the engine.

use uuid::Uuid;

use crate::State;
use crate::flow::Wait;

/// Why the engine refused or failed. Variants name the caller's situation, not the library below.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be accepted as it is; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// A value could not be written as JSON.
    #[error("cannot encode {what}")]
    Encode {
        /// Which value.
        what: &'static str,
        /// The encoder's reason.
        source: serde_json::Error,
    },
    /// There is no such job.
    #[error("no job {0}")]
    NoJob(Uuid),
    /// There is no such thing of that name.
    #[error("no {what} named {name:?}")]
    NoSuch {
        /// What sort of thing, e.g. `schedule`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The verb is not legal in the job's present state.
    #[error("cannot {verb} job {id}: it is {state}")]
    WrongState {
        /// The job.
        id: Uuid,
        /// What it is now.
        state: State,
        /// What was asked.
        verb: &'static str,
    },
    /// The verb is not legal where the act on many stands.
    #[error("cannot {verb} bulk act {id}: it is {}", state.as_str())]
    BulkState {
        /// The act.
        id: Uuid,
        /// Where it stands.
        state: crate::BulkState,
        /// What was asked.
        verb: &'static str,
    },
    /// Another live job holds the unique key.
    #[error("cannot retry job {id}: job {twin} holds its unique key")]
    UniqueKeyTaken {
        /// The job that was to be retried.
        id: Uuid,
        /// The live job of the same key.
        twin: Uuid,
    },
    /// The idempotency key was used before with another request.
    #[error("idempotency key {key:?} was used for {twin} with another request")]
    IdempotencyMismatch {
        /// The key.
        key: String,
        /// What it made then: a job, or an act on many.
        twin: Uuid,
    },
    /// The attempt no longer owns its job; whatever it did in this transaction must be rolled back.
    #[error("attempt {attempt} of job {id} lost its lease")]
    LeaseLost {
        /// The job.
        id: Uuid,
        /// The attempt that asked.
        attempt: i32,
    },
    /// Not a failure: the job waits, and is claimed again when it need not. Pass it on.
    #[error("waiting")]
    Waiting(Wait),
    /// The job began with a list of steps that this build does not know.
    #[error("the job began with version {begun} of its steps; this build knows {oldest} to {current}{}", steps_advice(*begun, *current))]
    Steps {
        /// What the job began with.
        begun: u32,
        /// The oldest this build finishes.
        oldest: u32,
        /// What this build begins jobs with.
        current: u32,
    },
    /// A filter that cannot be read; every fault is told with its place.
    #[error(transparent)]
    BadFilter(#[from] crate::FilterFaults),
    /// A list that would take too long.
    #[error("the list took longer than {seconds} s: {help}")]
    TooBroad {
        /// How long it was given.
        seconds: u64,
        /// What makes it shorter.
        help: String,
    },
    /// A cron line, time zone or policy that cannot be used.
    #[error("schedule {name:?}: {problem}")]
    BadSchedule {
        /// The schedule.
        name: String,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The schema in the database is not the one this binary needs.
    #[error("cannot migrate the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database refused or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// A short stable word for this error, for failures and problem bodies.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Invalid(_) => "invalid",
            Error::Encode { .. } => "encode",
            Error::NoJob(_) | Error::NoSuch { .. } => "not_found",
            Error::WrongState { .. } | Error::BulkState { .. } => "wrong_state",
            Error::UniqueKeyTaken { .. } => "unique_key_taken",
            Error::IdempotencyMismatch { .. } => "idempotency_mismatch",
            Error::LeaseLost { .. } => "lease_lost",
            Error::Waiting(_) => "waiting",
            Error::Steps { .. } => "steps_unknown",
            Error::BadFilter(_) => "bad_filter",
            Error::TooBroad { .. } => "too_broad",
            Error::BadSchedule { .. } => "bad_schedule",
            Error::Migrate(_) => "migrate",
            Error::Database(_) => "database",
        }
    }

    /// True when the database could not be reached, is going away or took too long, so that trying again can help.
    pub fn is_unavailable(&self) -> bool {
        let Error::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => true,
            // 08 connection, 53 resources, 57 shutdown and time limits, 40 serialization and deadlock.
            sqlx::Error::Database(db) => db.code().is_some_and(|code| {
                ["08", "53", "57", "40"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            _ => false,
        }
    }

    /// True when the transaction lost against another and can be begun again: a deadlock, or rows
    /// that changed under it.
    pub(crate) fn is_conflict(&self) -> bool {
        let Error::Database(sqlx::Error::Database(db)) = self else {
            return false;
        };
        db.code().is_some_and(|code| code.starts_with("40"))
    }

    /// True when a row was there already.
    pub(crate) fn is_twin(&self) -> bool {
        let Error::Database(sqlx::Error::Database(db)) = self else {
            return false;
        };
        db.is_unique_violation()
    }
}

fn steps_advice(begun: u32, current: u32) -> &'static str {
    if begun > current {
        ": a newer worker will take it"
    } else {
        ": run it again to begin anew, or retry it on a build that still has them"
    }
}
