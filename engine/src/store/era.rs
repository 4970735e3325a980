//! Era: the partitions of history. Made ahead of time, emptied when what is in them has expired, joined
//! with a neighbour when little is left. Everything here gives up after [`PATIENCE`] when somebody holds a
//! table: whoever waits for it waits behind us for as long.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

use super::row::instant_or_none;
use super::{SHARD, millis};
use crate::retention::{Emptied, Era, Retention};
use crate::{Error, Result};

/// How long a table is waited for.
const PATIENCE: &str = "set local lock_timeout = '200ms'";
/// How long ends of an era's jobs may be held off while it is read: well within a lease.
const MOST_READING: &str = "set local statement_timeout = '3s'";
/// How long the look before that may take. 0.3 s a million jobs where the rest takes 1.4.
const MOST_LOOKING: &str = "set local statement_timeout = '1s'";
/// Rows of a table that are moved while it is locked for all uses.
const MOST_MOVED: i64 = 5_000;
/// Rows that a sweep deletes from a table at a time.
const SWEPT: i64 = 2_000;

/// What became of an attempt to empty an era.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Emptying {
    Done(Emptied),
    /// More jobs must stay than are put back.
    Many,
    /// Its tables are in use, or take too long to read.
    Busy,
    /// Another process is at it, or was.
    Taken,
}

/// The eras, oldest first, and `other`.
pub(crate) async fn list(conn: &mut PgConnection, keep: Retention) -> Result<Vec<Era>> {
    let rows = sqlx::query(include_str!("list_eras.sql"))
        .bind(keep.completed.map(millis))
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Era> {
    Ok(Era {
        name: row.try_get("name")?,
        from: instant_or_none(row, "from_at")?,
        until: instant_or_none(row, "until_at")?,
        emptied: instant_or_none(row, "emptied_at")?,
        goes: instant_or_none(row, "goes_at")?,
        jobs: row.try_get("jobs")?,
        bytes: row.try_get("bytes")?,
        stays: None,
    })
}

/// The end that the next era should have; None when there are enough ahead.
pub(crate) async fn wanted(conn: &mut PgConnection, length: Duration) -> Result<Option<Timestamp>> {
    let row = sqlx::query(
        "select case when until_at < now() + 2 * $1 * interval '1 millisecond' then \
             greatest(until_at, date_trunc('hour', now(), 'UTC')) + $1 * interval '1 millisecond' end as end_at \
         from (select max(until_at) as until_at from engine.era) e",
    )
    .bind(millis(length))
    .fetch_one(conn)
    .await?;
    instant_or_none(&row, "end_at")
}

/// Makes the next era, up to `until` or later, in the caller's transaction; None when another process is at it.
pub(crate) async fn add(conn: &mut PgConnection, until: Timestamp) -> Result<Option<String>> {
    sqlx::raw_sql(PATIENCE).execute(&mut *conn).await?;
    Ok(sqlx::query_scalar("select engine.add_era($1, $2)")
        .bind(jiff_sqlx::Timestamp::from(until))
        .bind(MOST_MOVED)
        .fetch_one(conn)
        .await?)
}

/// How many jobs of an era must stay, counted up to one more than are put back.
pub(crate) async fn staying(conn: &mut PgConnection, era: &str, keep: Retention) -> Result<i64> {
    let [completed, cancelled, dead] = spans(keep);
    Ok(
        sqlx::query_scalar("select count(*) from engine.staying($1, $2, $3, $4, $5, $6)")
            .bind(SHARD)
            .bind(era)
            .bind(completed)
            .bind(cancelled)
            .bind(dead)
            .bind(Era::MOST_PUT_BACK + 1)
            .fetch_one(conn)
            .await?,
    )
}

/// True when an era can be emptied, by a look without any lock; the caller's transaction has less time from
/// here on.
pub(crate) async fn may_empty(conn: &mut PgConnection, era: &str, keep: Retention) -> Result<bool> {
    sqlx::raw_sql(MOST_LOOKING).execute(&mut *conn).await?;
    Ok(staying(conn, era, keep).await? <= Era::MOST_PUT_BACK)
}

/// The ended jobs of an era that must stay, exactly.
pub(crate) async fn staying_ended(
    conn: &mut PgConnection,
    era: &str,
    keep: Retention,
) -> Result<i64> {
    let [completed, cancelled, dead] = spans(keep);
    let sql = format!(
        "select count(*) from engine.staying($1, $2, $3, $4, $5, $6) s (id) \
         join engine.ended_{era} e on e.shard = $1 and e.id = s.id"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(SHARD)
        .bind(era)
        .bind(completed)
        .bind(cancelled)
        .bind(dead)
        .bind(i64::MAX)
        .fetch_one(conn)
        .await?)
}

/// The ended jobs of an era, counted.
pub(crate) async fn ended(conn: &mut PgConnection, era: &str) -> Result<i64> {
    let sql = format!("select count(*) from engine.ended_{era}");
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(conn)
        .await?)
}

/// Empties an era in the caller's transaction: whatever may go is gone with its commit, and nothing else.
pub(crate) async fn empty(conn: &mut PgConnection, era: &str, keep: Retention) -> Result<Emptying> {
    sqlx::raw_sql(PATIENCE).execute(&mut *conn).await?;
    sqlx::raw_sql(MOST_READING).execute(&mut *conn).await?;
    let [completed, cancelled, dead] = spans(keep);
    let row = sqlx::query("select * from engine.empty_era($1, $2, $3, $4, $5, $6)")
        .bind(SHARD)
        .bind(era)
        .bind(completed)
        .bind(cancelled)
        .bind(dead)
        .bind(Era::MOST_PUT_BACK)
        .fetch_one(conn)
        .await?;
    Ok(match row.try_get("answer")? {
        Some("emptied") => Emptying::Done(Emptied {
            era: era.to_owned(),
            gone: row.try_get("gone")?,
            stayed: row.try_get("stayed")?,
        }),
        Some(_) => Emptying::Many,
        None => Emptying::Taken,
    })
}

/// Notes that an era has been pruned job by job, and will be from now on.
pub(crate) async fn set_emptied(conn: &mut PgConnection, era: &str) -> Result<()> {
    sqlx::query("update engine.era set emptied_at = now() where name = $1 and emptied_at is null")
        .bind(era)
        .execute(conn)
        .await?;
    Ok(())
}

/// Emptied eras on whose jobs something may still hang.
pub(crate) async fn unswept(conn: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select name from engine.era where emptied_at is not null and swept_at is null order by from_at",
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes some of what hangs on jobs that went with their era; returns how many rows.
pub(crate) async fn sweep(conn: &mut PgConnection, era: &str) -> Result<i64> {
    Ok(sqlx::query_scalar("select engine.sweep_era($1, $2, $3)")
        .bind(SHARD)
        .bind(era)
        .bind(SWEPT)
        .fetch_one(conn)
        .await?)
}

/// Notes that nothing hangs any more on jobs that went with their era.
pub(crate) async fn set_swept(conn: &mut PgConnection, era: &str) -> Result<()> {
    sqlx::query("update engine.era set swept_at = now() where name = $1")
        .bind(era)
        .execute(conn)
        .await?;
    Ok(())
}

/// Two eras of which the first can be taken up by the second.
pub(crate) async fn neighbours(conn: &mut PgConnection) -> Result<Option<(String, String)>> {
    let row = sqlx::query("select goes, stays from engine.neighbours($1) where goes is not null")
        .bind(MOST_MOVED)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.try_get("goes")?, row.try_get("stays")?)))
        .transpose()
}

/// Gives the one that stays its new bounds, as a check that is still to be proven.
pub(crate) async fn add_bounds(conn: &mut PgConnection, goes: &str, stays: &str) -> Result<()> {
    sqlx::raw_sql(PATIENCE).execute(&mut *conn).await?;
    sqlx::query("select engine.add_bounds($1, $2)")
        .bind(goes)
        .bind(stays)
        .execute(conn)
        .await?;
    Ok(())
}

/// Proves these, in the caller's transaction: reads the era's tables, and holds up nobody.
pub(crate) async fn prove_bounds(conn: &mut PgConnection, stays: &str) -> Result<()> {
    sqlx::raw_sql(PATIENCE).execute(&mut *conn).await?;
    sqlx::query("select engine.prove_bounds($1)")
        .bind(stays)
        .execute(conn)
        .await?;
    Ok(())
}

/// Moves one into the other, in the caller's transaction; false when they are no such neighbours any more.
pub(crate) async fn join(conn: &mut PgConnection, goes: &str, stays: &str) -> Result<bool> {
    sqlx::raw_sql(PATIENCE).execute(&mut *conn).await?;
    Ok(sqlx::query_scalar("select engine.join_eras($1, $2, $3)")
        .bind(goes)
        .bind(stays)
        .bind(MOST_MOVED)
        .fetch_one(conn)
        .await?)
}

/// True when a table was held for longer than is waited, or was too large to be read meanwhile.
pub(crate) fn is_busy(error: &Error) -> bool {
    // 55P03: the lock timeout; 40P01: it would have been a deadlock; 57014: the statement timeout.
    matches!(error, Error::Database(sqlx::Error::Database(db))
        if matches!(db.code().as_deref(), Some("55P03" | "40P01" | "57014")))
}

/// True when this role does not own the tables of history.
pub(crate) fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Database(sqlx::Error::Database(db)) if db.code().as_deref() == Some("42501"))
}

/// True when an era was taken up by another since it was listed: what was to be done there is done.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Database(sqlx::Error::Database(db)) if matches!(db.code().as_deref(), Some("42P01" | "42704")))
}

fn spans(keep: Retention) -> [Option<i64>; 3] {
    [keep.completed, keep.cancelled, keep.dead].map(|span| span.map(millis))
}
