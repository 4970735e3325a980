//! Cancel: end a job that nobody runs; ask the attempt of a running one to stop.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// What became of a cancel. `None` when the job is not live.
pub(crate) async fn cancel(
    conn: &mut PgConnection,
    id: Uuid,
    reason: &str,
) -> Result<Option<String>> {
    let done: Option<(String, Option<String>)> = sqlx::query_as(include_str!("cancel.sql"))
        .bind(SHARD)
        .bind(id)
        .bind(reason)
        .fetch_optional(conn)
        .await?;
    Ok(done.map(|(word, _)| word))
}
