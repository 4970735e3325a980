//! Alert: what a person should look at now.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::row::instant_or_none;
use crate::Result;
use crate::control::Alert;

/// All present alerts, oldest first.
pub(crate) async fn list(conn: &mut PgConnection) -> Result<Vec<Alert>> {
    let rows = sqlx::query(include_str!("list_alerts.sql"))
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Alert {
                alert: row.try_get("alert")?,
                subject: row.try_get("subject")?,
                since: instant_or_none(row, "since")?,
                message: row.try_get("message")?,
            })
        })
        .collect()
}

/// The schedules that should have run and did not, by name.
pub(crate) async fn overdue(conn: &mut PgConnection) -> Result<Vec<String>> {
    // The other rules of the view are left out by the planner.
    Ok(sqlx::query_scalar(
        "select subject from engine.alert where alert = 'schedule_overdue' order by subject",
    )
    .fetch_all(conn)
    .await?)
}
