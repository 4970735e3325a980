//! Alert: what a person should look at now.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::row::instant_or_none;
use crate::Result;
use crate::control::Alert;
use crate::overview::Depths;

/// All present alerts, oldest first; of waiting jobs by what was counted.
pub(crate) async fn list(conn: &mut PgConnection, depths: &Depths) -> Result<Vec<Alert>> {
    let due = || depths.rows.iter().filter(|row| row.available > 0);
    let kinds: Vec<_> = due().map(|row| row.kind.as_str()).collect();
    let jobs: Vec<_> = due().map(|row| row.available).collect();
    let since: Vec<_> = due()
        .map(|row| row.oldest_due_at.map(jiff_sqlx::Timestamp::from))
        .collect();
    let rows = sqlx::query(include_str!("list_alerts.sql"))
        .bind(kinds)
        .bind(jobs)
        .bind(since)
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
