//! Partition: jobs that limits and orders hold to their place, and ordered keys that a dead job holds up.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use super::row::instant;
use crate::Result;
use crate::control::PartitionBlock;
use crate::cursor::Cursor;

/// The job that held a partition up tries on, and is its head again.
pub(crate) async fn unblock_by(conn: &mut PgConnection, job_id: Uuid) -> Result<()> {
    sqlx::query(include_str!("unblock.sql"))
        .bind(SHARD)
        .bind(job_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a partition go on without the job that holds it up; that job, if one did.
pub(crate) async fn skip(conn: &mut PgConnection, key: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "delete from engine.partition_block where shard = $1 and partition_key = $2 returning job_id",
    )
    .bind(SHARD)
    .bind(key)
    .fetch_optional(conn)
    .await?)
}

/// Puts jobs under the limits and the order that their kind did not have when they were enqueued, or had not
/// told the enqueue in time, and sets those free whose kind has none any more; true when there may be
/// more. Without it no claim would ever find them: each looks where such jobs stand. Reads all that is pending if a
/// kind's limits have changed within a day, and else nothing.
pub(crate) async fn put_in_place(conn: &mut PgConnection, limit: i64) -> Result<bool> {
    let changed: Vec<String> = sqlx::query_scalar(include_str!("limits_changed.sql"))
        .fetch_all(&mut *conn)
        .await?;
    if changed.is_empty() {
        return Ok(false);
    }
    let running: i64 = sqlx::query_scalar(include_str!("count_by_connection.sql"))
        .bind(SHARD)
        .bind(&changed)
        .bind(limit)
        .fetch_one(&mut *conn)
        .await?;
    let pending: i64 = sqlx::query_scalar(include_str!("put_in_place.sql"))
        .bind(SHARD)
        .bind(&changed)
        .bind(limit)
        .fetch_one(conn)
        .await?;
    Ok(running.max(pending) >= limit)
}

/// Partitions that are held up, the longest first, with how many jobs wait in each; at most `limit`.
pub(crate) async fn blocked(
    conn: &mut PgConnection,
    after: Option<&Cursor<String>>,
    limit: i64,
) -> Result<Vec<PartitionBlock>> {
    let rows = sqlx::query(
        "select b.partition_key, b.job_id, b.kind, b.blocked_at, ( \
             select count(*) from (select from engine.pending p \
             where p.shard = b.shard and p.partition_key = b.partition_key and p.ordered limit 10000) waiting \
         ) as waiting \
         from engine.partition_block b \
         where b.shard = $1 and (b.blocked_at, b.partition_key) > (coalesce($3, '-infinity'), $4) \
         order by b.blocked_at, b.partition_key limit $2",
    )
    .bind(SHARD)
    .bind(limit)
    .bind(after.and_then(|place| place.at).map(jiff_sqlx::Timestamp::from))
    .bind(after.map_or("", |place| &place.key))
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(PartitionBlock {
                partition_key: row.try_get("partition_key")?,
                job_id: row.try_get("job_id")?,
                kind: row.try_get("kind")?,
                blocked_at: instant(row, "blocked_at")?,
                waiting: row.try_get("waiting")?,
            })
        })
        .collect()
}
