//! A durable job engine on Postgres: claim, lease, settle, schedules.
//!
//! A job is a row. [`Client`] enqueues, reads and acts on jobs; [`Worker`] claims them under a lease,
//! runs their handlers ([`Job::run`]) and settles how each attempt ended, every write under its
//! [`Fence`]. The engine knows nothing of any vendor and keeps everything in the schema `engine`.

mod admit;
mod breaker;
mod budget;
mod bulk;
mod client;
mod clock;
mod control;
mod cursor;
mod cx;
mod error;
mod fence;
mod filter;
mod fingerprint;
mod flow;
mod job;
mod log;
mod options;
mod outcome;
mod overview;
mod redact;
mod retention;
mod retry;
mod rollup;
mod runtime;
mod schedule;
mod service;
mod state;
mod store;
mod tendency;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod view;
mod why;
mod worker;

pub use admit::{MAX_ARGS_BYTES, MAX_ARGS_DEPTH};
pub use breaker::{BreakerRules, BreakerState, BreakerView, Health};
pub use budget::{BudgetChange, BudgetRule, BudgetView, Draw, Permit, Reading, Reserved, Start};
pub use bulk::{
    BulkAct, BulkCause, BulkKind, BulkPreview, BulkResult, BulkState, BulkView, Canary,
    DEFAULT_CHUNK, FASTEST_RATE, LARGEST_CANARY, LARGEST_CHUNK, LONGEST_CANARY_WAIT, NewBulk,
};
pub use client::{Client, LONGEST_CHAIN, SEEDED_SCHEDULE, Seed};
pub use clock::Entropy;
pub use control::{Actor, Alert, AuditEntry, Finding, PartitionBlock, Pause, PauseScope};
pub use cursor::{BadCursor, Cursor};
pub use cx::Cx;
pub use error::Error;
pub use fence::Fence;
pub use filter::{
    Compare, CountKey, Filter, FilterFault, FilterFaults, IdKey, Label, MAX_FILTER_BYTES, MAX_PATH,
    MAX_TERMS, MAX_VALUE_CHARS, MAX_VALUES, SpanKey, Term, Test, TextKey,
};
pub use fingerprint::{FINGERPRINT_VERSION, fingerprint, mask};
pub use flow::{
    Batch, MAX_STEP_BYTES, MAX_STEP_NAME_BYTES, Progress, StepQuery, StepView, Told, Wait,
};
pub use job::{Answer, Enqueued, Job, NewJob, Twin, Unique, UniqueScope, When};
pub use log::{AttemptLog, LogLayer, LogLine, LogOptions, Logs, LogsOf};
pub use options::{QueueOptions, WorkerOptions};
pub use outcome::{Again, Failure, MAX_ERROR_BYTES, Outcome};
pub use overview::{Depth, Depths, Overview, Share, Total};
pub use retention::{Emptied, Era, Keep, KindRetention, Pruned, Retention};
pub use retry::{Backoff, LONGEST_RETRY_AFTER, Limits, PartitionOrder, Policy};
pub use rollup::{Figures, MAX_ROLLUP_POINTS, Rollup, RollupBy, RollupQuery};
pub use runtime::Registry;
pub use schedule::{CatchUp, NextTick, Overlap, Schedule, ScheduleView, TickView};
pub use state::{MOVES, Move, State};
pub use tendency::Tendency;
pub use token::{LiveToken, NewToken, TokenView};
pub use view::{
    AttemptView, DeadGroup, JobQuery, JobView, Page, QueueView, Searched, ServerView, WorkerPlace,
    WorkerView,
};
pub use why::{BusyWorker, Cause, Why, WhyView};
pub use worker::{Counts, Worker};

/// The example for authors of handlers compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/flows.md")]
struct Flows;

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;
