//! All SQL of the engine: one verb a file, a long statement beside it as its `.sql` twin. Functions
//! take an executor or a connection, so that the caller owns the transaction.

pub(crate) mod again;
pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod batch;
#[cfg(test)]
mod batch_tests;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod bulk;
pub(crate) mod cancel;
pub(crate) mod claim;
#[cfg(test)]
mod claim_tests;
pub(crate) mod connection;
pub(crate) mod delete;
pub(crate) mod depth;
pub(crate) mod enqueue;
pub(crate) mod era;
pub(crate) mod fence;
pub(crate) mod flow;
pub(crate) mod group;
pub(crate) mod heartbeat;
pub(crate) mod kind;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod migration;
#[cfg(test)]
mod model_tests;
pub(crate) mod partition;
pub(crate) mod pause;
pub(crate) mod pool;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod put_off;
pub(crate) mod read;
pub(crate) mod rescue;
#[cfg(test)]
mod rescue_tests;
pub(crate) mod retry;
pub(crate) mod rollup;
mod row;
pub(crate) mod schedule;
pub(crate) mod seed;
pub(crate) mod settle;
pub(crate) mod signal;
pub(crate) mod step;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod wake;
pub(crate) mod why;
mod why_held;
mod why_shut;
pub(crate) mod worker;

/// The one shard of an install that was not told otherwise. Every hot statement takes the shard as
/// its first parameter all the same, so that a distributed Postgres can route it.
pub(crate) const SHARD: i16 = 0;

/// Milliseconds for a statement; spans beyond what Postgres can hold become the longest it can.
pub(crate) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis())
        .unwrap_or(i64::MAX)
        .min(MAX_MILLIS)
}

/// A thousand years: far enough for anyone, and `now()` plus this is still a timestamp.
const MAX_MILLIS: i64 = 1_000 * 366 * 24 * 3_600 * 1_000;
