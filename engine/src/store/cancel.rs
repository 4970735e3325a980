//! Cancel: end a job that nobody runs; ask the attempt of a running one to stop.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// What became of a cancel.
#[derive(Debug)]
pub(crate) struct Cancelled {
    /// The attempt of a running job was asked to stop; the job has ended otherwise.
    pub(crate) requested: bool,
    /// The queue that has work by it.
    pub(crate) woken: Option<String>,
}

/// `None` when the job is not live.
pub(crate) async fn cancel(
    conn: &mut PgConnection,
    id: Uuid,
    reason: &str,
) -> Result<Option<Cancelled>> {
    type Row = (String, Option<String>, Option<String>, Option<String>);
    let done: Option<Row> = sqlx::query_as(include_str!("cancel.sql"))
        .bind(SHARD)
        .bind(id)
        .bind(reason)
        .fetch_optional(conn)
        .await?;
    Ok(done.map(|(word, _, _, woken)| Cancelled {
        requested: word == "requested",
        woken,
    }))
}
