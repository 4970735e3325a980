//! Partition: ordered keys that a dead job holds up.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use super::row::instant;
use crate::Result;
use crate::control::PartitionBlock;

/// The job that held a partition up tries on, and is its head again.
pub(crate) async fn unblock_by(conn: &mut PgConnection, job_id: Uuid) -> Result<()> {
    sqlx::query("delete from engine.partition_block where shard = $1 and job_id = $2")
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

/// Puts jobs under an order that their kind did not have when they were enqueued, or had not told the
/// enqueue in time; true when there may be more. Without it no claim would ever find them: a claim of a
/// kind that keeps order looks at ordered jobs alone. Costs nothing while no kind keeps order.
pub(crate) async fn put_in_order(conn: &mut PgConnection, limit: i64) -> Result<bool> {
    let put = sqlx::query(
        "update engine.pending set ordered = true where shard = $1 and ctid = any(array( \
             select p.ctid from engine.pending p join engine.kind k on k.name = p.kind \
             where p.shard = $1 and p.partition_key is not null and not p.ordered and k.partition_order is not null \
                 and exists (select from engine.kind where partition_order is not null) \
             order by p.id limit $2 for update of p skip locked \
         ))",
    )
    .bind(SHARD)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(put.rows_affected() >= limit.unsigned_abs())
}

/// Partitions that are held up, the longest first, with how many jobs wait in each; at most `limit`.
pub(crate) async fn blocked(conn: &mut PgConnection, limit: i64) -> Result<Vec<PartitionBlock>> {
    let rows = sqlx::query(
        "select b.partition_key, b.job_id, b.kind, b.blocked_at, ( \
             select count(*) from (select from engine.pending p \
             where p.shard = b.shard and p.partition_key = b.partition_key and p.ordered limit 10000) waiting \
         ) as waiting \
         from engine.partition_block b where b.shard = $1 order by b.blocked_at, b.partition_key limit $2",
    )
    .bind(SHARD)
    .bind(limit)
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
