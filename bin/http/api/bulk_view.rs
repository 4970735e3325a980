//! What the API shows of acts on many jobs, mirrored as in [`super::view`].

use engine::{BulkAct, BulkState};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{Job, mirror};

mirror! {
    /// An act on many jobs with how far it is.
    Bulk of engine::BulkView {
        /// Its id, a UUIDv7.
        id: Uuid,
        /// retry, run_again, run_now, cancel or delete.
        #[schema(value_type = String)]
        act: BulkAct,
        /// To which jobs, as it was said.
        filter: String,
        /// The merge patch for the args of jobs that are run again.
        patch: Option<Value>,
        /// planned, running, waiting (for its canary), done, aborted (by a person), stopped (by its canary) or
        /// failed.
        #[schema(value_type = String)]
        state: BulkState,
        /// Jobs that matched when it was made; at least so many unless matched_all.
        matched: i64,
        /// All were counted.
        matched_all: bool,
        /// Rows that the walk has looked at.
        looked_at: i64,
        /// Jobs that were acted on.
        done: i64,
        /// Jobs that had moved by the time it came to them.
        skipped: i64,
        /// Jobs that it could not be done to.
        refused: i64,
        /// Transactions so far.
        chunks: i64,
        /// Of 100, where it can be told.
        percent: Option<f64>,
        /// Jobs a second since it began.
        jobs_per_s: Option<f64>,
        /// Seconds that are left at that pace, where it can be told.
        eta_s: Option<f64>,
        /// Jobs a transaction.
        chunk: i32,
        /// At most so many jobs a second.
        rate_per_s: Option<f64>,
        /// Jobs of the canary.
        canary_jobs: Option<i32>,
        /// How long the canary is waited for, in milliseconds.
        canary_wait_ms: Option<i64>,
        /// Deaths of the canary that are tolerated.
        canary_tolerate: Option<i32>,
        /// The jobs of the canary so far.
        canary_ids: Vec<Uuid>,
        /// Until when the canary is waited for.
        canary_until: Option<Timestamp>,
        /// The canary did well, or somebody let the rest follow.
        canary_passed: bool,
        /// Why it stands where it stands, if that is not plain.
        error: Option<String>,
        /// When the next chunk is due.
        next_at: Timestamp,
        /// Who asked.
        requested_by: String,
        /// Through what door.
        requested_via: String,
        /// Why, if they said.
        reason: Option<String>,
        /// Jobs that came to match after this are not touched.
        as_of: Timestamp,
        /// When it was made.
        created_at: Timestamp,
        /// Its first chunk.
        started_at: Option<Timestamp>,
        /// When it was over.
        ended_at: Option<Timestamp>,
    }
}

mirror! {
    /// Jobs that an act could not be done to, for one reason.
    BulkResult of engine::BulkResult {
        /// The stable word of the error.
        code: String,
        /// How many.
        jobs: i64,
        /// The first one's error.
        message: String,
        /// The first ones, 100 at the most.
        job_ids: Vec<Uuid>,
    }
}

mirror! {
    /// Jobs of a kind in a state.
    BulkKind of engine::BulkKind {
        /// Which handler.
        kind: String,
        /// Where they stand.
        state: String,
        /// How many.
        jobs: i64,
    }
}

mirror! {
    /// Jobs of a cause.
    BulkCause of engine::BulkCause {
        /// The group of dead letters, for those in one.
        fingerprint: Option<String>,
        /// The failure's stable word.
        code: Option<String>,
        /// The error of one of them.
        error: Option<String>,
        /// How many.
        jobs: i64,
    }
}

/// What an act would be done to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkPreview {
    /// True: nothing was changed.
    dry_run: bool,
    /// What would be done.
    #[schema(value_type = String)]
    act: BulkAct,
    /// To jobs that meet this: as it was said, and in a state that the act is legal in.
    filter: String,
    /// How many; at least so many unless matched_all.
    matched: i64,
    /// All were counted.
    matched_all: bool,
    /// Of those that were counted, by kind, the most first; 20 at the most.
    kinds: Vec<BulkKind>,
    /// Of those that were counted and have failed, by cause, the most first; 20 at the most.
    causes: Vec<BulkCause>,
    /// A few of them.
    samples: Vec<Job>,
}

impl From<engine::BulkPreview> for BulkPreview {
    fn from(of: engine::BulkPreview) -> BulkPreview {
        BulkPreview {
            dry_run: true,
            act: of.act,
            filter: of.filter,
            matched: of.matched,
            matched_all: of.matched_all,
            kinds: of.kinds.into_iter().map(BulkKind::from).collect(),
            causes: of.causes.into_iter().map(BulkCause::from).collect(),
            samples: of.samples.into_iter().map(Job::from).collect(),
        }
    }
}
