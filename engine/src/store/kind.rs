//! Kind: the policies of the kinds this fleet knows, where every enqueue finds them.

use sqlx::postgres::PgConnection;

use super::millis;
use crate::Result;
use crate::retry::Policy;

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
