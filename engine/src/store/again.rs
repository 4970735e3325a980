//! Again: a new job from an old one, which stays as it is.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{breaker, read};
use crate::Result;
use crate::bulk::patch::merged;
use crate::job::NewJob;

/// What the new job's args differ in.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Nothing.
    None,
    /// They are these.
    Args(Value),
    /// A JSON merge patch.
    Patch(Value),
}

/// A job like an old one, not enqueued yet; none when there is no such. Unique and idempotency keys were
/// the old one's.
pub(crate) async fn like(
    conn: &mut PgConnection,
    id: Uuid,
    edit: Edit,
    asked_by: &str,
) -> Result<Option<NewJob>> {
    let Some(old) = read::job(conn, id).await? else {
        return Ok(None);
    };
    let args = match edit {
        Edit::None => old.args,
        Edit::Args(args) => args,
        Edit::Patch(patch) => merged(old.args, &patch),
    };
    let mut job = NewJob::new(&old.kind, &args)
        .queue(&old.queue)
        .priority(old.priority)
        .max_attempts(u16::try_from(old.max_attempts).unwrap_or(1))
        .asked_by(asked_by);
    job.tags = old.tags;
    job.partition_key = old.partition_key;
    job.partition_yields = true;
    job.replayed_from = Some(id);
    job.rate_keys = breaker::rate_keys(conn, id).await?;
    Ok(Some(job))
}
