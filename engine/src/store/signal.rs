//! Signal: what is told to a job, once for each name.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::SHARD;
use crate::Result;

/// What became of it, and the queue that has work by it.
pub(crate) async fn tell(
    conn: &mut PgConnection,
    job_id: Uuid,
    name: &str,
    payload: Option<&Value>,
    by: &str,
) -> Result<(String, Option<String>)> {
    Ok(
        sqlx::query_as("select answer, woken from engine.tell($1, $2, $3, $4, false, $5)")
            .bind(SHARD)
            .bind(job_id)
            .bind(name)
            .bind(payload.map(Json))
            .bind(by)
            .fetch_one(conn)
            .await?,
    )
}

/// The job has waited long enough; whatever came first stands.
pub(crate) async fn time_out(conn: &mut PgConnection, job_id: Uuid, name: &str) -> Result<()> {
    sqlx::query("select answer from engine.tell($1, $2, $3, null, true, null)")
        .bind(SHARD)
        .bind(job_id)
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}

/// Nothing yet; or the payload, `null` when there was none; or that it had run out of time.
pub(crate) async fn heard(
    conn: &mut PgConnection,
    job_id: Uuid,
    name: &str,
) -> Result<Option<Option<Value>>> {
    let found: Option<(bool, Option<Json<Value>>)> = sqlx::query_as(
        "select timed_out, payload from engine.signal where shard = $1 and job_id = $2 and name = $3",
    )
    .bind(SHARD)
    .bind(job_id)
    .bind(name)
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|(timed_out, payload)| {
        (!timed_out).then(|| payload.map_or(Value::Null, |Json(value)| value))
    }))
}
