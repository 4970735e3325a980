//! Which zones a run's walks did not name, and marking them as gone.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::Error;

/// Rows that are not marked as gone, and those of them that no page of the run named; `last` are
/// the ids of the last page, which is not stored.
pub(crate) async fn count(
    conn: &mut PgConnection,
    run_id: i64,
    last: &[String],
) -> Result<(u64, u64), Error> {
    let row = sqlx::query(include_str!("count_missing.sql"))
        .bind(run_id)
        .bind(last)
        .fetch_one(conn)
        .await?;
    let (known, missing): (i64, i64) = (row.try_get("known")?, row.try_get("missing")?);
    Ok((known.cast_unsigned(), missing.cast_unsigned()))
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
