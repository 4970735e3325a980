//! Pause: what people have stopped. Read by every claim and tick, so all nodes obey at once.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::row::instant;
use crate::Result;
use crate::control::{Pause, PauseScope};

/// Pauses; false when it was paused already, and then nothing changes.
pub(crate) async fn pause(
    conn: &mut PgConnection,
    scope: PauseScope,
    name: &str,
    by: &str,
    reason: Option<&str>,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into engine.pause (scope, name, paused_by, reason) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(scope.as_str())
    .bind(name)
    .bind(by)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Resumes; false when it was not paused.
pub(crate) async fn resume(conn: &mut PgConnection, scope: PauseScope, name: &str) -> Result<bool> {
    let done = sqlx::query("delete from engine.pause where scope = $1 and name = $2")
        .bind(scope.as_str())
        .bind(name)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a pause, if it is `paused_by`'s; false when there is none of theirs.
pub(crate) async fn lift(
    conn: &mut PgConnection,
    scope: PauseScope,
    name: &str,
    paused_by: &str,
) -> Result<bool> {
    let done =
        sqlx::query("delete from engine.pause where scope = $1 and name = $2 and paused_by = $3")
            .bind(scope.as_str())
            .bind(name)
            .bind(paused_by)
            .execute(conn)
            .await?;
    Ok(done.rows_affected() > 0)
}

/// All pauses of a scope.
pub(crate) async fn list(conn: &mut PgConnection, scope: PauseScope) -> Result<Vec<Pause>> {
    let rows = sqlx::query(
        "select name, paused_at, paused_by, reason from engine.pause where scope = $1 order by name",
    )
    .bind(scope.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Pause {
                scope,
                name: row.try_get("name")?,
                paused_at: instant(row, "paused_at")?,
                paused_by: row.try_get("paused_by")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}
