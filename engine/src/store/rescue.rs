//! Rescue: take back jobs whose lease ran out.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// A job whose attempt crashed as often as this is poison and dies.
pub(crate) const POISON_AFTER: i16 = 3;
/// Rows a statement takes back, so that no statement is long.
pub(crate) const BATCH: i64 = 500;

/// What became of one rescued job.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Rescued {
    pub(crate) id: Uuid,
    pub(crate) queue: String,
    pub(crate) state: String,
    /// The queue of the job that waited for this one.
    pub(crate) woken: Option<String>,
}

/// Takes back at most [`BATCH`] jobs whose lease ran out.
pub(crate) async fn rescue(conn: &mut PgConnection) -> Result<Vec<Rescued>> {
    Ok(sqlx::query_as(include_str!("rescue.sql"))
        .bind(SHARD)
        .bind(BATCH)
        .bind(POISON_AFTER)
        .fetch_all(conn)
        .await?)
}
