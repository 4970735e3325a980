//! Delete: forget an ended job altogether.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// Removes every row of at most `limit` ended jobs of a kind; returns how many jobs.
pub(crate) async fn delete_kind(conn: &mut PgConnection, kind: &str, limit: i64) -> Result<u64> {
    let gone: i64 = sqlx::query_scalar(
        "with ended as ( \
             delete from engine.ended where id = any(array( \
                 select id from engine.ended where shard = $1 and kind = $2 limit $3 for update skip locked \
             )) and shard = $1 returning id) \
         select engine.forget($1, array(select id from ended))",
    )
    .bind(SHARD)
    .bind(kind)
    .bind(limit)
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

/// Removes every row of an ended job; false when it is not there or has not ended.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    let gone: i64 = sqlx::query_scalar(
        "with ended as (delete from engine.ended where shard = $1 and id = $2 returning id) \
         select engine.forget($1, array(select id from ended))",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(gone > 0)
}
