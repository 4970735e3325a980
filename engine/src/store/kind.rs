//! Kind: the policies of the kinds this fleet knows, where every enqueue finds them.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::{millis, partition};
use crate::retention::{Keep, KindRetention};
use crate::retry::{Backoff, Limits, PartitionOrder, Policy};
use crate::{Error, Result};

/// Rows that a statement locks at most.
const PUT_AT_ONCE: i64 = 10_000;

/// Writes the policies; rows that are already so are not rewritten. Jobs in the queue are put under limits that
/// have changed, which reads all of them; true when there were such. An enqueue that goes on meanwhile may miss it.
///
/// # Errors
/// [`Error::Invalid`] for limits that cannot be held together; [`Error::Database`].
pub(crate) async fn register(conn: &mut PgConnection, kinds: &[(String, Policy)]) -> Result<bool> {
    let mut changed = false;
    for (name, policy) in kinds {
        if let Some(problem) = policy.limits.contradiction() {
            return Err(Error::Invalid(format!("kind {name}: {problem}")));
        }
        let per_partition = policy.limits.per_partition.or(policy.limits.per_connection);
        let limits_changed: Option<bool> = sqlx::query_scalar(include_str!("register_kind.sql"))
            .bind(name)
            .bind(&policy.queue)
            .bind(policy.priority)
            .bind(i16::try_from(policy.max_attempts).unwrap_or(i16::MAX))
            .bind(millis(policy.timeout))
            .bind(i64::try_from(policy.backoff.base_ms).unwrap_or(i64::MAX))
            .bind(policy.backoff.factor)
            .bind(i64::try_from(policy.backoff.max_ms).unwrap_or(i64::MAX))
            .bind(policy.limits.running.map(to_i32))
            .bind(per_partition.map(to_i32))
            .bind(policy.limits.order.map(PartitionOrder::as_str))
            .bind(policy.retention.completed.map(kept_ms))
            .bind(policy.retention.cancelled.map(kept_ms))
            .bind(policy.retention.dead.map(kept_ms))
            .bind(policy.limits.per_connection.is_some())
            .fetch_optional(&mut *conn)
            .await?;
        changed |= limits_changed.unwrap_or(false);
    }
    while changed && partition::put_in_place(conn, PUT_AT_ONCE).await? {}
    Ok(changed)
}

/// Remembers that jobs of this kind have rate keys, so that their ends are counted by connection.
pub(crate) async fn connect(conn: &mut PgConnection, kind: &str) -> Result<()> {
    sqlx::query("update engine.kind set connected = true where name = $1 and not connected")
        .bind(kind)
        .execute(conn)
        .await?;
    Ok(())
}

/// True when the kind is limited per connection, and no job of it can do without one.
pub(crate) async fn is_by_connection(conn: &mut PgConnection, kind: &str) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from engine.kind where name = $1 and by_connection)",
    )
    .bind(kind)
    .fetch_one(conn)
    .await?)
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
                limits: limits(row)?,
                retention: retention(row)?,
            };
            Ok((row.try_get("name")?, policy))
        })
        .collect()
}

fn limits(row: &PgRow) -> Result<Limits> {
    let count = |column| {
        row.try_get(column)
            .map(|n: Option<i32>| n.map(i32::unsigned_abs))
    };
    let order: Option<&str> = row.try_get("partition_order")?;
    let by_connection: bool = row.try_get("by_connection")?;
    let (of_partition, none) = (count("partition_running")?, None);
    let (per_partition, per_connection) = match by_connection {
        true => (none, of_partition),
        false => (of_partition, none),
    };
    Ok(Limits {
        running: count("most_running")?,
        per_partition,
        order: order.and_then(PartitionOrder::parse),
        per_connection,
    })
}

fn retention(row: &PgRow) -> Result<KindRetention> {
    let keep = |column| {
        row.try_get(column).map(|ms: Option<i64>| {
            ms.map(|ms| match u64::try_from(ms) {
                Ok(ms) => Keep::For(Duration::from_millis(ms)),
                Err(_) => Keep::Forever,
            })
        })
    };
    Ok(KindRetention {
        completed: keep("keep_completed_ms")?,
        cancelled: keep("keep_cancelled_ms")?,
        dead: keep("keep_dead_ms")?,
    })
}

/// Below nothing is for ever.
fn kept_ms(keep: Keep) -> i64 {
    keep.span().map_or(-1, millis)
}

pub(super) fn to_i32(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
