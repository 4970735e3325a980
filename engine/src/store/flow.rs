//! Flow: how far a job says it is, and the list of steps it is on.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use super::row::instant;
use crate::fence::Fence;
use crate::flow::Progress;
use crate::{Error, Result};

/// Writes the progress of an attempt that owns its job.
pub(crate) async fn progress(
    conn: &mut PgConnection,
    fence: &Fence,
    done: i64,
    total: Option<i64>,
    message: &str,
) -> Result<()> {
    let message = crate::outcome::capped(message.to_owned());
    let written = sqlx::query(
        "insert into engine.flow as f (shard, job_id, done, total, message, progress_at) \
         select $1, $2, $5, $6, $7, now() from engine.running \
         where shard = $1 and id = $2 and attempt = $3 and nonce = $4 \
         on conflict (shard, job_id) do update \
         set done = excluded.done, total = excluded.total, message = excluded.message, progress_at = excluded.progress_at",
    )
    .bind(SHARD)
    .bind(fence.job_id)
    .bind(fence.attempt)
    .bind(fence.nonce)
    .bind(done)
    .bind(total)
    .bind(message)
    .execute(conn)
    .await?;
    if written.rows_affected() == 0 {
        return Err(Error::LeaseLost {
            id: fence.job_id,
            attempt: fence.attempt,
        });
    }
    Ok(())
}

/// How far a job last said it was.
pub(crate) async fn read_progress(conn: &mut PgConnection, id: Uuid) -> Result<Option<Progress>> {
    use sqlx::Row as _;
    let row = sqlx::query(
        "select done, total, message, progress_at from engine.flow \
         where shard = $1 and job_id = $2 and progress_at is not null",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Progress {
            done: row.try_get("done")?,
            total: row.try_get("total")?,
            message: row.try_get("message")?,
            at: instant(&row, "progress_at")?,
        })
    })
    .transpose()
}

/// The version of the list of steps a job began with.
pub(crate) async fn steps_version(conn: &mut PgConnection, id: Uuid) -> Result<Option<u32>> {
    let version: Option<Option<i32>> = sqlx::query_scalar(
        "select steps_version from engine.flow where shard = $1 and job_id = $2",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(version
        .flatten()
        .and_then(|version| u32::try_from(version).ok()))
}
