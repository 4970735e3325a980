//! Verify: look through a live database for anything the engine promises never happens.

use sqlx::postgres::PgConnection;

use crate::Result;
use crate::control::Finding;

/// Everything that is not as promised, at most a thousand.
pub(crate) async fn verify(conn: &mut PgConnection) -> Result<Vec<Finding>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(include_str!("verify.sql"))
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(finding, subject, detail)| Finding {
            finding,
            subject,
            detail,
        })
        .collect())
}
