//! Which zones a run's walks did not name, and marking them as gone.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::Error;
use crate::flow::Missing;

/// What no page of the run named; `last` are the ids of the last page, which is not stored.
pub(crate) async fn count(
    conn: &mut PgConnection,
    run_id: i64,
    last: &[String],
) -> Result<Missing, Error> {
    let row = sqlx::query(include_str!("count_missing.sql"))
        .bind(run_id)
        .bind(last)
        .fetch_one(conn)
        .await?;
    Ok(Missing {
        known: row.try_get::<i64, _>("known")?.cast_unsigned(),
        candidates: row.try_get::<i64, _>("candidates")?.cast_unsigned(),
        without_id: row.try_get::<i64, _>("without_id")?.cast_unsigned(),
    })
}

/// Marks the missing as gone. Nothing is deleted: a zone that reappears is revived with its row.
pub(crate) async fn orphan(
    conn: &mut PgConnection,
    run_id: i64,
    last: &[String],
) -> Result<u64, Error> {
    let done = sqlx::query(include_str!("orphan_missing.sql"))
        .bind(run_id)
        .bind(last)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
