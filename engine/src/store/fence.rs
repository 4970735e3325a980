//! Fence: prove inside a transaction that the attempt still owns its job, and keep it so to its end.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::millis;
use crate::fence::Fence;
use crate::{Error, Result};

/// Locks the job's row until the transaction ends, so that nothing can take the job away while the
/// handler's own writes commit, and renews the lease from this statement on: heartbeats skip the row
/// meanwhile. Refuses when the lease is lost.
pub(crate) async fn hold(conn: &mut PgConnection, fence: &Fence, lease: Duration) -> Result<()> {
    let held = sqlx::query(
        "update engine.running \
         set lease_until = greatest(lease_until, statement_timestamp() + $5 * interval '1 millisecond') \
         where shard = $1 and id = $2 and attempt = $3 and nonce = $4",
    )
    .bind(fence.shard)
    .bind(fence.job_id)
    .bind(fence.attempt)
    .bind(fence.nonce)
    .bind(millis(lease))
    .execute(conn)
    .await?;
    owned(fence, held.rows_affected())
}

/// The same, and forgets the crashes so far, which count as failures too.
pub(crate) async fn checkpoint(
    conn: &mut PgConnection,
    fence: &Fence,
    lease: Duration,
) -> Result<()> {
    let held = sqlx::query(
        "update engine.running \
         set lease_until = greatest(lease_until, statement_timestamp() + $5 * interval '1 millisecond'), \
             failed = failed - crashes, crashes = 0 \
         where shard = $1 and id = $2 and attempt = $3 and nonce = $4",
    )
    .bind(fence.shard)
    .bind(fence.job_id)
    .bind(fence.attempt)
    .bind(fence.nonce)
    .bind(millis(lease))
    .execute(conn)
    .await?;
    owned(fence, held.rows_affected())
}

fn owned(fence: &Fence, rows: u64) -> Result<()> {
    match rows {
        0 => Err(Error::LeaseLost {
            id: fence.job_id,
            attempt: fence.attempt,
        }),
        _ => Ok(()),
    }
}
