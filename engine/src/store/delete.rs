//! Delete: forget ended jobs altogether, because somebody says so. A dead one that holds up its partition lets it go
//! on, and that is on the trail: by age alone it would stay (`prune.sql`).

use serde_json::json;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SHARD, audit};
use crate::Result;
use crate::control::Actor;

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) jobs: u64,
    /// Partitions that go on by it.
    pub(crate) opened: usize,
}

type Row = (i64, Vec<String>, Vec<Uuid>);

/// Removes every row of at most `limit` ended jobs of a kind, in the caller's transaction.
pub(crate) async fn delete_kind(
    conn: &mut PgConnection,
    kind: &str,
    limit: i64,
    actor: &Actor,
) -> Result<Deleted> {
    let row: Row = sqlx::query_as(
        "with ended as ( \
             delete from engine.ended where id = any(array( \
                 select id from engine.ended where shard = $1 and kind = $2 limit $3 for update skip locked \
             )) and shard = $1 returning id), \
         block as (select * from engine.partition_block where shard = $1 and job_id in (select id from ended)) \
         select engine.forget($1, array(select id from ended)), \
             array(select partition_key from block order by partition_key), array(select job_id from block order by partition_key)",
    )
    .bind(SHARD)
    .bind(kind)
    .bind(limit)
    .fetch_one(&mut *conn)
    .await?;
    told(conn, row, actor).await
}

/// Removes every row of an ended job, in the caller's transaction; no job when it is not there or has not ended.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid, actor: &Actor) -> Result<Deleted> {
    let row: Row = sqlx::query_as(
        "with ended as (delete from engine.ended where shard = $1 and id = $2 returning id), \
         block as (select * from engine.partition_block where shard = $1 and job_id in (select id from ended)) \
         select engine.forget($1, array(select id from ended)), \
             array(select partition_key from block), array(select job_id from block)",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_one(&mut *conn)
    .await?;
    told(conn, row, actor).await
}

/// As a skip is told, which it is.
async fn told(conn: &mut PgConnection, row: Row, actor: &Actor) -> Result<Deleted> {
    let (jobs, keys, blocks) = row;
    for (key, job_id) in keys.iter().zip(blocks) {
        let detail = json!({"skipped": job_id, "deleted": true});
        audit::record(conn, actor, "partition.skip", key, Some(detail)).await?;
    }
    Ok(Deleted {
        jobs: u64::try_from(jobs).unwrap_or(0),
        opened: keys.len(),
    })
}
