//! Group: dead letters of one cause, counted by whoever groups them, never by whoever reads.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::SHARD;
use super::row::{instant, instant_or_none};
use crate::Result;
use crate::cursor::Cursor;
use crate::fingerprint::{FINGERPRINT_VERSION, fingerprint, mask};
use crate::tendency::Tendency;
use crate::view::DeadGroup;

/// Letters a statement groups.
pub(crate) const BATCH: i64 = 1_000;

/// True when a letter is in no group yet.
pub(crate) async fn is_needed(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from engine.ended where shard = $1 and state = 'dead' and fingerprint is null)",
    )
    .bind(SHARD)
    .fetch_one(conn)
    .await?)
}

/// Puts at most [`BATCH`] letters into their groups; returns how many. Runs in a transaction: what was
/// taken is held until all is counted.
pub(crate) async fn group(conn: &mut PgConnection) -> Result<i64> {
    let rows = sqlx::query(include_str!("group_take.sql"))
        .bind(SHARD)
        .bind(BATCH)
        .fetch_all(&mut *conn)
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut letters = Columns::default();
    for row in &rows {
        letters.add(row)?;
    }
    sqlx::query(include_str!("group_write.sql"))
        .bind(SHARD)
        .bind(letters.ids)
        .bind(letters.fingerprints)
        .bind(letters.kinds)
        .bind(letters.codes)
        .bind(letters.messages)
        .bind(letters.errors)
        .bind(FINGERPRINT_VERSION)
        .execute(conn)
        .await?;
    Ok(i64::try_from(rows.len()).unwrap_or(BATCH))
}

#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    fingerprints: Vec<String>,
    kinds: Vec<String>,
    codes: Vec<Option<String>>,
    messages: Vec<String>,
    errors: Vec<String>,
}

impl Columns {
    fn add(&mut self, row: &PgRow) -> Result<()> {
        let kind: String = row.try_get("kind")?;
        let code: Option<String> = row.try_get("code")?;
        let error: Option<String> = row.try_get("error")?;
        let error = error.unwrap_or_default();
        self.ids.push(row.try_get("id")?);
        self.fingerprints
            .push(fingerprint(&kind, code.as_deref(), &error));
        self.messages.push(mask(&error));
        self.kinds.push(kind);
        self.codes.push(code);
        self.errors.push(error);
        Ok(())
    }
}

/// Groups that have letters, the newest letter first; or one group, with letters or without.
pub(crate) async fn list(
    conn: &mut PgConnection,
    only: Option<&str>,
    before: Option<&Cursor<String>>,
    limit: i64,
) -> Result<Vec<DeadGroup>> {
    let rows = sqlx::query(include_str!("group_list.sql"))
        // One plan for all would read all groups for the one that is asked for.
        .persistent(false)
        .bind(SHARD)
        .bind(only)
        .bind(
            before
                .and_then(|before| before.at)
                .map(jiff_sqlx::Timestamp::from),
        )
        .bind(before.map(|before| before.key.as_str()))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<DeadGroup> {
    let trend: Vec<i64> = row.try_get("trend")?;
    Ok(DeadGroup {
        fingerprint: row.try_get("fingerprint")?,
        version: row.try_get("version")?,
        kind: row.try_get("kind")?,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        sample_job_id: row.try_get("sample_job_id")?,
        sample_error: row.try_get("sample_error")?,
        first_seen_at: instant(row, "first_seen_at")?,
        last_seen_at: instant(row, "last_seen_at")?,
        regressed_at: instant_or_none(row, "regressed_at")?,
        deaths: row.try_get("deaths")?,
        dead: row.try_get("dead")?,
        tendency: Tendency::of(&trend),
        trend,
    })
}

/// Deletes the hours of the trend that nobody is shown any more, and groups that have been without a
/// letter for as long as their last was seen: a month.
pub(crate) async fn prune(conn: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query(
        "with forgotten as ( \
             delete from engine.dead_group \
             where shard = $1 and dead = 0 and last_seen_at < now() - interval '30 days') \
         delete from engine.dead_group_hour where shard = $1 and hour_at < now() - interval '14 days'",
    )
    .bind(SHARD)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
