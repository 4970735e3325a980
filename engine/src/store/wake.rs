//! Wake: the hints between processes. Lost hints cost a poll interval and nothing else.

use sqlx::postgres::PgConnection;

use crate::Result;

/// Payload: a queue's name, `*` for all, `!` when a job waits for its time, or `=` for an act on many.
pub(crate) const WAKE_CHANNEL: &str = "engine_wake";
/// A job waits for its time.
pub(crate) const FUTURE: &str = "!";
/// Payload: the id of a job to cancel.
pub(crate) const CANCEL_CHANNEL: &str = "engine_cancel";

/// Sends hints in a small transaction of their own: NOTIFY takes a database-wide lock at commit,
/// which no transaction with work in it should hold.
pub(crate) async fn notify(
    conn: &mut PgConnection,
    channel: &str,
    payloads: &[String],
) -> Result<()> {
    sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) payload")
        .bind(channel)
        .bind(payloads)
        .execute(conn)
        .await?;
    Ok(())
}
