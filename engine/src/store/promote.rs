//! Promote: let jobs whose time has come into the ready index.

use sqlx::postgres::PgConnection;

use super::SHARD;
use crate::Result;

/// Rows a statement promotes.
pub(crate) const BATCH: i64 = 5_000;

/// What one round found.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Promoted {
    pub(crate) queues: Vec<String>,
    pub(crate) promoted: i64,
    pub(crate) next_in_ms: Option<i64>,
}

/// Promotes at most [`BATCH`] jobs and says how long until the next one is due.
pub(crate) async fn promote(conn: &mut PgConnection) -> Result<Promoted> {
    Ok(sqlx::query_as(include_str!("promote.sql"))
        .bind(SHARD)
        .bind(BATCH)
        .fetch_one(conn)
        .await?)
}
