//! Alerts of syncs.

use engine::Alert;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::instant_or_none;
use crate::Error;

/// What a person should look at now, of what is synced.
pub(crate) async fn list(conn: &mut PgConnection) -> Result<Vec<Alert>, Error> {
    let rows = sqlx::query(include_str!("list_alerts.sql"))
        .fetch_all(conn)
        .await?;
    let alert = |row: &sqlx::postgres::PgRow| -> sqlx::Result<Alert> {
        Ok(Alert {
            alert: row.try_get("alert")?,
            subject: row.try_get("subject")?,
            since: instant_or_none(row, "since")?,
            message: row.try_get("message")?,
        })
    };
    Ok(rows.iter().map(alert).collect::<sqlx::Result<_>>()?)
}
