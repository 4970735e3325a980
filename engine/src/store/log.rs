//! Log: what attempts said. One row an attempt, written over with each batch that has more of it.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::row::instant;
use super::{SHARD, millis};
use crate::log::{AttemptLog, Buffer, Kept, Key, LogLine};
use crate::worker::conclude::without_nuls;
use crate::{Error, Result};

/// Attempts a statement writes: a few megabytes at the most.
pub(crate) const BATCH: usize = 50;
/// Rows a statement deletes.
const PRUNE: i64 = 2_000;

/// Writes all lines of these attempts, of jobs that there still are.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    buffers: &[std::sync::Arc<Buffer>],
) -> Result<()> {
    let mut rows = Vec::new();
    for buffer in buffers {
        let (lines, left_out) = buffer.lines();
        if !lines.is_empty() {
            rows.push((buffer.key, json(&lines)?, left_out));
        }
    }
    // In one order by all who write.
    rows.sort_by_key(|row| row.0);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.0.0).collect();
    let attempts: Vec<i32> = rows.iter().map(|row| row.0.1).collect();
    let lines: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    let left_out: Vec<i64> = rows.iter().map(|row| row.2).collect();
    sqlx::query(include_str!("keep_log.sql"))
        .bind(SHARD)
        .bind(ids)
        .bind(attempts)
        .bind(lines)
        .bind(left_out)
        .execute(conn)
        .await?;
    Ok(())
}

fn json(lines: &[Kept]) -> Result<String> {
    let text = serde_json::to_string(lines).map_err(|source| Error::Encode {
        what: "the log of an attempt",
        source,
    })?;
    Ok(without_nuls(text))
}

/// Deletes the lines of these attempts.
pub(crate) async fn forget(conn: &mut PgConnection, keys: &[Key]) -> Result<()> {
    let (ids, attempts): (Vec<Uuid>, Vec<i32>) = keys.iter().copied().unzip();
    sqlx::query(
        "delete from engine.attempt_log l using unnest($2::uuid[], $3::integer[]) as x (id, attempt) \
         where l.shard = $1 and l.job_id = x.id and l.attempt = x.attempt",
    )
    .bind(SHARD)
    .bind(ids)
    .bind(attempts)
    .execute(conn)
    .await?;
    Ok(())
}

/// What the newest attempts of a job said, or one of them; at most `limit` attempts, oldest first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    id: Uuid,
    attempt: Option<i32>,
    limit: i64,
) -> Result<Vec<AttemptLog>> {
    let rows = sqlx::query(
        "select attempt, lines::text as lines, left_out, updated_at from engine.attempt_log \
         where shard = $1 and job_id = $2 and ($3::integer is null or attempt = $3) \
         order by attempt desc limit $4",
    )
    .bind(SHARD)
    .bind(id)
    .bind(attempt)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let starts: HashMap<i32, Timestamp> = super::read::attempts(conn, id)
        .await?
        .into_iter()
        .map(|attempt| (attempt.attempt, attempt.started_at))
        .collect();
    let mut logs = Vec::new();
    for row in rows.iter().rev() {
        let number: i32 = row.try_get("attempt")?;
        let kept: Vec<Kept> = serde_json::from_str(row.try_get("lines")?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        // An attempt that left no record of its own was written shortly after its last line.
        let last_ms = kept.last().map_or(0, |line| line.ms);
        let start = match starts.get(&number) {
            Some(start) => *start,
            None => later(instant(row, "updated_at")?, -last_ms),
        };
        logs.push(AttemptLog {
            attempt: number,
            lines: kept.into_iter().map(|line| shown(line, start)).collect(),
            left_out: row.try_get("left_out")?,
        });
    }
    Ok(logs)
}

fn shown(line: Kept, start: Timestamp) -> LogLine {
    LogLine {
        n: line.n,
        at: later(start, line.ms),
        level: line.level,
        target: line.target,
        text: line.text,
    }
}

fn later(at: Timestamp, ms: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(ms))
        .unwrap_or(at)
}

/// Deletes at most a batch of logs that are older than `keep`; returns how many.
pub(crate) async fn prune(conn: &mut PgConnection, keep: std::time::Duration) -> Result<u64> {
    // An address is one of each era: its job and number make it this row.
    let gone = sqlx::query(
        "with old as materialized ( \
             select ctid as row, job_id, attempt from engine.attempt_log \
             where shard = $1 and updated_at < now() - $2 * interval '1 millisecond' \
             order by updated_at limit $3 for update skip locked \
         ) \
         delete from engine.attempt_log \
         where ctid = any(array(select row from old)) and shard = $1 \
             and (job_id, attempt) in (select job_id, attempt from old)",
    )
    .bind(SHARD)
    .bind(millis(keep))
    .bind(PRUNE)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
