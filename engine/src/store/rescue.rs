//! Rescue: take back jobs whose lease ran out.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// A job whose attempt crashed as often as this is poison and dies.
pub(crate) const POISON_AFTER: i16 = 3;
/// Rows a statement takes back, so that no statement is long.
pub(crate) const BATCH: i64 = 500;

/// What became of one rescued job.
#[derive(Debug, FromRow)]
pub(crate) struct Rescued {
    pub(crate) id: Uuid,
    pub(crate) queue: String,
    pub(crate) state: String,
    /// The queue of the job that waited for this one.
    pub(crate) woken: Option<String>,
}

/// What a look found.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) rescued: Vec<Rescued>,
    /// How long the first of the other leases still holds: not at all where somebody holds its row. None when nothing runs.
    pub(crate) next: Option<Duration>,
}

/// Takes back at most [`BATCH`] jobs whose lease ran out.
pub(crate) async fn rescue(conn: &mut PgConnection) -> Result<Look> {
    let rows = sqlx::query(include_str!("rescue.sql"))
        .bind(SHARD)
        .bind(BATCH)
        .bind(POISON_AFTER)
        .fetch_all(conn)
        .await?;
    let mut look = Look {
        rescued: Vec::new(),
        next: None,
    };
    for row in &rows {
        let next: Option<i64> = row.try_get("next_ms")?;
        look.next = next.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        if row.try_get::<Option<Uuid>, _>("id")?.is_some() {
            look.rescued.push(Rescued::from_row(row)?);
        }
    }
    Ok(look)
}
