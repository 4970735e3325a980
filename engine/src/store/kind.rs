//! Kind: the policies of the kinds this fleet knows, where every enqueue finds them.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::millis;
use crate::Result;
use crate::retry::{Backoff, Policy};

/// Writes the policies; rows that are already so are not rewritten.
pub(crate) async fn register(conn: &mut PgConnection, kinds: &[(String, Policy)]) -> Result<()> {
    for (name, policy) in kinds {
        sqlx::query(include_str!("register_kind.sql"))
            .bind(name)
            .bind(&policy.queue)
            .bind(policy.priority)
            .bind(i16::try_from(policy.max_attempts).unwrap_or(i16::MAX))
            .bind(millis(policy.timeout))
            .bind(i64::try_from(policy.backoff.base_ms).unwrap_or(i64::MAX))
            .bind(policy.backoff.factor)
            .bind(i64::try_from(policy.backoff.max_ms).unwrap_or(i64::MAX))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// All kinds with their policies.
pub(crate) async fn list(conn: &mut PgConnection) -> Result<Vec<(String, Policy)>> {
    let rows = sqlx::query("select * from engine.kind order by name")
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            let attempts: i16 = row.try_get("max_attempts")?;
            let span = |column| row.try_get(column).map(|ms: i64| ms.unsigned_abs());
            let policy = Policy {
                queue: row.try_get("queue")?,
                priority: row.try_get("priority")?,
                max_attempts: attempts.unsigned_abs(),
                timeout: Duration::from_millis(span("timeout_ms")?),
                backoff: Backoff {
                    base_ms: span("backoff_base_ms")?,
                    factor: row.try_get("backoff_factor")?,
                    max_ms: span("backoff_max_ms")?,
                },
            };
            Ok((row.try_get("name")?, policy))
        })
        .collect()
}
