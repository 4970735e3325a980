//! Step: what a job's steps gave, written under its fence.

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::row::instant;
use super::{SHARD, millis};
use crate::fence::Fence;
use crate::flow::{StepQuery, StepView};
use crate::{Error, Result};

/// The version of the list of steps the job began with, and what this step gave if it is done.
pub(crate) async fn kept(
    conn: &mut PgConnection,
    job_id: Uuid,
    name: &str,
) -> Result<(Option<u32>, Option<Value>)> {
    let found: Option<(Option<i32>, Option<Json<Value>>)> = sqlx::query_as(
        "select f.steps_version, s.result from engine.flow f \
         left join engine.step s on s.shard = f.shard and s.job_id = f.job_id and s.name = $3 \
         where f.shard = $1 and f.job_id = $2",
    )
    .bind(SHARD)
    .bind(job_id)
    .bind(name)
    .fetch_optional(conn)
    .await?;
    let (version, result) = found.unwrap_or_default();
    Ok((
        version.and_then(|version| u32::try_from(version).ok()),
        result.map(|Json(value)| value),
    ))
}

/// Keeps what a step gave. `result` is JSON text.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    fence: &Fence,
    name: &str,
    result: &str,
    version: u32,
) -> Result<()> {
    let kept: Option<i32> = sqlx::query_scalar(include_str!("keep_step.sql"))
        .bind(SHARD)
        .bind(fence.job_id)
        .bind(fence.attempt)
        .bind(fence.nonce)
        .bind(name)
        .bind(result)
        .bind(i32::try_from(version).unwrap_or(i32::MAX))
        .fetch_optional(conn)
        .await?;
    kept.map(|_| ()).ok_or(lost(fence))
}

/// How long is left of a sleep, which begins when it is first asked for; none when it is over.
pub(crate) async fn sleep(
    conn: &mut PgConnection,
    fence: &Fence,
    name: &str,
    span: Duration,
    version: u32,
) -> Result<Option<Duration>> {
    let left: Option<i64> = sqlx::query_scalar(include_str!("sleep_step.sql"))
        .bind(SHARD)
        .bind(fence.job_id)
        .bind(fence.attempt)
        .bind(fence.nonce)
        .bind(name)
        .bind(millis(span))
        .bind(i32::try_from(version).unwrap_or(i32::MAX))
        .fetch_optional(conn)
        .await?;
    let left = u64::try_from(left.ok_or(lost(fence))?).unwrap_or(0);
    Ok((left > 0).then(|| Duration::from_millis(left)))
}

/// The steps a job has behind it, oldest first: at most `limit`, one more than the caller shows.
pub(crate) async fn list(
    conn: &mut PgConnection,
    job_id: Uuid,
    query: &StepQuery,
    limit: i64,
) -> Result<Vec<StepView>> {
    let after = query.after.as_ref();
    let rows = sqlx::query(include_str!("list_steps.sql"))
        .bind(SHARD)
        .bind(job_id)
        .bind(
            after
                .and_then(|after| after.at)
                .map(jiff_sqlx::Timestamp::from),
        )
        .bind(after.map(|after| after.key.as_str()))
        .bind(limit)
        .bind(query.results)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            let result: Option<Json<Value>> = row.try_get("result")?;
            Ok(StepView {
                name: row.try_get("name")?,
                attempt: row.try_get("attempt")?,
                result: result.map(|Json(result)| result),
                ended_at: instant(row, "ended_at")?,
            })
        })
        .collect()
}

fn lost(fence: &Fence) -> Error {
    Error::LeaseLost {
        id: fence.job_id,
        attempt: fence.attempt,
    }
}
