//! Fence: prove inside a transaction that the attempt still owns its job, and keep it so to its end.

use sqlx::postgres::PgConnection;

use crate::fence::Fence;
use crate::{Error, Result};

/// Locks the job's row until the transaction ends, so that nothing can take the job away while the
/// handler's own writes commit. Refuses when the lease is lost.
pub(crate) async fn hold(conn: &mut PgConnection, fence: &Fence) -> Result<()> {
    let held: Option<i32> = sqlx::query_scalar(
        "select 1 from engine.running \
         where shard = $1 and id = $2 and attempt = $3 and nonce = $4 \
         for no key update",
    )
    .bind(fence.shard)
    .bind(fence.job_id)
    .bind(fence.attempt)
    .bind(fence.nonce)
    .fetch_optional(conn)
    .await?;
    held.map(|_| ()).ok_or(Error::LeaseLost {
        id: fence.job_id,
        attempt: fence.attempt,
    })
}
