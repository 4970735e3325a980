//! Delete: forget an ended job altogether.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// Removes every row of an ended job; false when it is not there or has not ended.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    let gone = sqlx::query(
        "with ended as (delete from engine.ended where shard = $1 and id = $2 returning id), \
         tried as (delete from engine.attempt where shard = $1 and job_id = any(array(select id from ended))) \
         delete from engine.job where shard = $1 and id = any(array(select id from ended))",
    )
    .bind(SHARD)
    .bind(id)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected() > 0)
}
