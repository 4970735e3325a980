//! Partition: jobs that limits and orders hold to their place, and ordered keys that a dead job holds up.

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

/// Puts jobs under the limits and the order that their kind did not have when they were enqueued, or had not
/// told the enqueue in time, and sets those free whose kind has none any more; true when there may be
/// more. Without it no claim would ever find them: each looks where such jobs stand. Reads all that is pending.
pub(crate) async fn put_in_place(conn: &mut PgConnection, limit: i64) -> Result<bool> {
    let put = sqlx::query(
        "with astray as materialized ( \
             select p.ctid as row, k.limited, p.partition_key is not null and k.partition_order is not null as ordered \
             from engine.pending p join engine.kind k on k.name = p.kind \
             where p.shard = $1 \
                 and (p.limited <> k.limited or p.ordered <> (p.partition_key is not null and k.partition_order is not null)) \
                 and (exists (select from engine.kind where limited) or exists (select from engine.pending where limited)) \
             order by p.id limit $2 for update of p skip locked \
         ) \
         update engine.pending p set limited = a.limited, ordered = a.ordered \
         from astray a where p.ctid = a.row and p.shard = $1",
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
