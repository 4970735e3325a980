//! Bulk: acts on many jobs, kept as rows. Made, read, stopped and resumed here; a chunk is done in
//! [`chunk`]. The row's own lock is what an executor holds: for as long as its chunk's transaction, which
//! a dead process loses with its connection.

pub(crate) mod act;
pub(crate) mod chunk;
pub(crate) mod preview;
mod row;

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::millis;
use crate::bulk::{BulkResult, BulkState, BulkView, NewBulk};
use crate::control::Actor;
use crate::{Error, Result};
use row::{VIEW, read};

/// How long an act that is over is kept.
const KEEP_DAYS: i32 = 90;

/// Writes an act; false when the same id or idempotency key was there.
///
/// # Errors
/// [`Error::IdempotencyMismatch`] when that was another request.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    new: &NewBulk,
    (matched, matched_all): (i64, bool),
    actor: &Actor,
) -> Result<(Uuid, bool)> {
    let canary = new.canary;
    let inserted = sqlx::query(include_str!("bulk/insert.sql"))
        .bind(new.id)
        .bind(new.act.as_str())
        .bind(new.patch.as_ref().map(Json))
        .bind(new.filter.to_string())
        .bind(i32::from(new.chunk))
        .bind(new.rate_per_s)
        .bind(canary.map(|canary| i32::from(canary.jobs)))
        .bind(canary.map(|canary| millis(canary.wait)))
        .bind(canary.map(|canary| i32::from(canary.tolerate)))
        .bind(matched)
        .bind(matched_all)
        .bind(&actor.name)
        .bind(&actor.via)
        .bind(&new.reason)
        .bind(&new.idempotency_key)
        .bind(new.request())
        .execute(&mut *conn)
        .await?;
    if inserted.rows_affected() == 1 {
        return Ok((new.id, true));
    }
    let twin: Option<(Uuid, bool)> = sqlx::query_as(
        "select id, request_hash = md5($3) from engine.bulk where id = $1 or idempotency_key = $2 order by id limit 1",
    )
    .bind(new.id)
    .bind(&new.idempotency_key)
    .bind(new.request())
    .fetch_optional(conn)
    .await?;
    match twin {
        Some((id, true)) => Ok((id, false)),
        Some((twin, false)) => Err(Error::IdempotencyMismatch {
            key: new.idempotency_key.clone().unwrap_or_default(),
            twin,
        }),
        None => Err(no_such(new.id)),
    }
}

/// One act, if there is such.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<BulkView>> {
    let row = sqlx::query(AssertSqlSafe(format!("{VIEW} where b.id = $1")))
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The newest acts behind `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BulkView>> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "{VIEW} where ($1::uuid is null or b.id < $1) order by b.id desc limit $2"
    )))
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// What it could not be done to, the most first.
pub(crate) async fn results(conn: &mut PgConnection, id: Uuid) -> Result<Vec<BulkResult>> {
    let rows = sqlx::query(
        "select code, jobs, message, job_ids from engine.bulk_result where bulk_id = $1 order by jobs desc, code",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(BulkResult {
                code: row.try_get("code")?,
                jobs: row.try_get("jobs")?,
                message: row.try_get("message")?,
                job_ids: row.try_get("job_ids")?,
            })
        })
        .collect()
}

/// Stops an act that is not over; waits for the chunk that is under way. `None` when there is no such.
pub(crate) async fn abort(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "update engine.bulk set state = 'aborted', ended_at = now(), error = $2 \
         where id = $1 and ended_at is null returning id",
    )
    .bind(id)
    .bind(why)
    .fetch_optional(conn)
    .await?)
}

/// Lets one that was stopped go on where it stopped. A person who resumes what its canary stopped lets
/// the rest follow; the pace is kept.
pub(crate) async fn resume(conn: &mut PgConnection, id: Uuid) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "update engine.bulk set \
             state = case \
                 when started_at is null then 'planned' \
                 when state <> 'stopped' and canary_until is not null and not canary_passed then 'waiting' \
                 else 'running' end, \
             canary_passed = canary_passed or state = 'stopped', \
             ended_at = null, error = null, failures = 0, next_at = greatest(next_at, now()) \
         where id = $1 and state in ('aborted', 'stopped', 'failed') returning id",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

/// How long until a chunk is due; none when no act is under way.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Duration>> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from min(next_at) - now())::double precision from engine.bulk where ended_at is null",
    )
    .fetch_one(conn)
    .await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// Notes that a chunk could not be done: it is tried again later, and given up after `most` in a row.
/// Returns the state then.
pub(crate) async fn note_failure(
    conn: &mut PgConnection,
    id: Uuid,
    error: &str,
    most: i16,
) -> Result<Option<BulkState>> {
    let state: Option<String> = sqlx::query_scalar(
        "update engine.bulk set failures = failures + 1, error = $2, \
             next_at = now() + least(60, power(2, failures)) * interval '1 second', \
             state = case when failures + 1 >= $3 then 'failed' else state end, \
             ended_at = case when failures + 1 >= $3 then now() end \
         where id = $1 and ended_at is null returning state",
    )
    .bind(id)
    .bind(error)
    .bind(most)
    .fetch_optional(conn)
    .await?;
    Ok(state.as_deref().and_then(BulkState::parse))
}

/// Deletes acts that were over long ago.
pub(crate) async fn prune(conn: &mut PgConnection) -> Result<u64> {
    let gone =
        sqlx::query("delete from engine.bulk where ended_at < now() - make_interval(days => $1)")
            .bind(KEEP_DAYS)
            .execute(conn)
            .await?;
    Ok(gone.rows_affected())
}

pub(crate) fn no_such(id: Uuid) -> Error {
    Error::NoSuch {
        what: "bulk act",
        name: id.to_string(),
    }
}
