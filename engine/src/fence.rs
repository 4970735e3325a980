//! The fence: what an attempt must name in every write after its claim.
//!
//! The attempt number alone is not enough: after a failover to a replica that lags, the database
//! can hand out the same number twice. The nonce cannot repeat, so a late worker matches no row.

use uuid::Uuid;

/// The right of one attempt to write about its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// Where the job's rows are.
    pub shard: i16,
    /// The job.
    pub job_id: Uuid,
    /// Raised by every claim, never lowered.
    pub attempt: i32,
    /// Random, new with every claim.
    pub nonce: i64,
}
