//! Read: jobs, attempts, queues and workers, for people and programs. Keyset pages only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row, ValueRef};
use uuid::Uuid;

use super::SHARD;
use super::row::{instant, instant_or_none};
use crate::overview::Depths;
use crate::view::{AttemptView, JobView, QueueView};
use crate::{Result, State};

/// Jobs as [`read_job`] takes them; the conditions are on `s`. Each column by name: a plan that a session
/// has kept must not change its result when a later version adds one.
pub(super) const JOB: &str = "select s.id, s.kind, s.queue, s.state::text as state_word, s.priority, s.run_at, \
     s.run_at > now() as is_future, s.attempt, s.failed, s.crashes, s.max_attempts, s.worker_id, s.started_at, \
     s.lease_until, s.cancel_requested, s.waiting_for, s.ended_at, s.outcome, s.code, s.error, s.result, s.args, \
     s.created_at, s.tags, s.unique_key, s.idempotency_key, s.partition_key, s.parent_id, s.batch_id, \
     s.replayed_from, s.asked_by, \
     (select e.fingerprint from engine.ended e where e.shard = s.shard and e.id = s.id) as fingerprint \
     from engine.job_status s";

/// One job.
pub(crate) async fn job(conn: &mut PgConnection, id: Uuid) -> Result<Option<JobView>> {
    let row = sqlx::query(AssertSqlSafe(format!(
        "{JOB} where s.shard = $1 and s.id = $2"
    )))
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read_job).transpose()
}

/// Where a job stands, for those who wait for its end.
pub(crate) async fn state(conn: &mut PgConnection, id: Uuid) -> Result<Option<State>> {
    let word: Option<String> = sqlx::query_scalar(
        "select coalesce( \
             (select 'running' from engine.running where shard = $1 and id = $2), \
             (select state::text from engine.pending where shard = $1 and id = $2), \
             (select state::text from engine.ended where shard = $1 and id = $2))",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(word.as_deref().and_then(State::parse))
}

/// The attempts of a job, oldest first, the one that ended it and the one that runs among them.
pub(crate) async fn attempts(conn: &mut PgConnection, id: Uuid) -> Result<Vec<AttemptView>> {
    let rows = sqlx::query(include_str!("list_attempts.sql"))
        .bind(SHARD)
        .bind(id)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(AttemptView {
                attempt: row.try_get("attempt")?,
                worker_id: row.try_get("worker_id")?,
                worker: row.try_get("label")?,
                times: row.try_get("times")?,
                started_at: instant(row, "started_at")?,
                ended_at: instant_or_none(row, "ended_at")?,
                outcome: row.try_get("outcome")?,
                code: row.try_get("code")?,
                error: row.try_get("error")?,
                next_run_at: instant_or_none(row, "next_run_at")?,
            })
        })
        .collect()
}

/// Every queue that has jobs by these depths, holds a dead letter, has a live worker or is paused.
pub(crate) async fn queues(conn: &mut PgConnection, depths: &Depths) -> Result<Vec<QueueView>> {
    let rows = sqlx::query(include_str!("list_queues.sql"))
        .bind(SHARD)
        .fetch_all(conn)
        .await?;
    let mut queues = BTreeMap::new();
    for row in &rows {
        let name: String = row.try_get("name")?;
        let queue = QueueView {
            dead: row.try_get("dead")?,
            paused_at: instant_or_none(row, "paused_at")?,
            paused_by: row.try_get("paused_by")?,
            pause_reason: row.try_get("reason")?,
            ..QueueView::empty(&name, depths.counted_at)
        };
        queues.insert(name, queue);
    }
    for depth in &depths.rows {
        queues
            .entry(depth.queue.clone())
            .or_insert_with(|| QueueView::empty(&depth.queue, depths.counted_at))
            .add(depth);
    }
    Ok(queues.into_values().collect())
}

/// The instant the database has now.
pub(crate) async fn instant_of_database(conn: &mut PgConnection) -> Result<Timestamp> {
    let now: jiff_sqlx::Timestamp = sqlx::query_scalar("select now()").fetch_one(conn).await?;
    Ok(now.to_jiff())
}

/// One row of [`JOB`].
pub(super) fn read_job(row: &PgRow) -> Result<JobView> {
    let word: String = row.try_get("state_word")?;
    let state = State::parse(&word)
        .ok_or_else(|| sqlx::Error::Protocol(format!("unknown state {word}")))?;
    let failed: i16 = row.try_get("failed")?;
    let args = json_or_text(row, "args")?.unwrap_or_default();
    let run_at = instant(row, "run_at")?;
    let is_future: bool = row.try_get("is_future")?;
    let label = match state {
        State::Available if failed > 0 => "retrying",
        State::Available if is_future => "scheduled",
        other => other.as_str(),
    };
    Ok(JobView {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        queue: row.try_get("queue")?,
        state,
        label,
        priority: row.try_get("priority")?,
        run_at,
        attempt: row.try_get("attempt")?,
        failed,
        crashes: row.try_get("crashes")?,
        max_attempts: row.try_get("max_attempts")?,
        worker_id: row.try_get("worker_id")?,
        started_at: instant_or_none(row, "started_at")?,
        lease_until: instant_or_none(row, "lease_until")?,
        cancel_requested: row.try_get("cancel_requested")?,
        waiting_for: row.try_get("waiting_for")?,
        ended_at: instant_or_none(row, "ended_at")?,
        outcome: row.try_get("outcome")?,
        code: row.try_get("code")?,
        error: row.try_get("error")?,
        fingerprint: row.try_get("fingerprint")?,
        result: json_or_text(row, "result")?,
        args,
        created_at: instant(row, "created_at")?,
        // Whoever enqueues by SQL may write nulls among them.
        tags: row
            .try_get::<Option<Vec<Option<String>>>, _>("tags")?
            .into_iter()
            .flatten()
            .flatten()
            .collect(),
        unique_key: row.try_get("unique_key")?,
        idempotency_key: row.try_get("idempotency_key")?,
        partition_key: row.try_get("partition_key")?,
        parent_id: row.try_get("parent_id")?,
        batch_id: row.try_get("batch_id")?,
        replayed_from: row.try_get("replayed_from")?,
        asked_by: row.try_get("asked_by")?,
    })
}

/// JSON, or its text when it holds a number that Postgres can and Rust cannot: one such job must not
/// hide a page of others.
fn json_or_text(row: &PgRow, column: &str) -> Result<Option<Value>> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(None);
    }
    // In binary, jsonb is its text after a version.
    let text = raw
        .as_str()
        .map_err(sqlx::Error::Decode)?
        .trim_start_matches('\u{1}');
    Ok(Some(
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    ))
}
