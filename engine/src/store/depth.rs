//! Depth: the jobs that have not ended, by queue and kind. Those who move jobs do not count them, since
//! all of them would meet in the same rows; whoever asks counts, and keeps it for the others.

use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::SHARD;
use super::row::{instant, instant_or_none};
use crate::Result;
use crate::overview::{Depth, Depths};

/// So many pending jobs are counted in a few milliseconds, whenever somebody asks.
const FEW: i64 = 10_000;
/// Counting takes no more of the time than one part in so many.
const SHARE: u32 = 100;
/// Nobody needs it more often than this.
const SOONEST: Duration = Duration::from_secs(2);

/// True when counting costs next to nothing.
pub(crate) async fn are_few(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select count(*) <= $2 from (select from engine.pending where shard = $1 limit $2 + 1) few",
    )
    .bind(SHARD)
    .bind(FEW)
    .fetch_one(conn)
    .await?)
}

/// Counts them all now.
pub(crate) async fn count(conn: &mut PgConnection) -> Result<Depths> {
    let rows = sqlx::query(include_str!("count_depth.sql"))
        .bind(SHARD)
        .fetch_all(&mut *conn)
        .await?;
    let rows = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(Depths {
        counted_at: super::read::instant_of_database(conn).await?,
        rows,
    })
}

/// Counts them and keeps the counts, unless somebody else is at it or it is too soon; then nothing
/// happens. Runs in a transaction.
pub(crate) async fn sample(conn: &mut PgConnection) -> Result<()> {
    let due: Option<i16> = sqlx::query_scalar(
        "select shard from engine.depth_sample where shard = $1 and next_at <= now() for update skip locked",
    )
    .bind(SHARD)
    .fetch_optional(&mut *conn)
    .await?;
    if due.is_none() {
        return Ok(());
    }
    let begun = Instant::now();
    let depths = count(conn).await?;
    let took = begun.elapsed();
    sqlx::query("delete from engine.depth where shard = $1")
        .bind(SHARD)
        .execute(&mut *conn)
        .await?;
    keep(conn, &depths.rows).await?;
    sqlx::query(
        "update engine.depth_sample set sampled_at = now(), took_ms = $2, \
             next_at = now() + $3 * interval '1 millisecond' where shard = $1",
    )
    .bind(SHARD)
    .bind(took.as_secs_f64() * 1_000.0)
    .bind(super::millis((took * SHARE).max(SOONEST)))
    .execute(conn)
    .await?;
    Ok(())
}

async fn keep(conn: &mut PgConnection, rows: &[Depth]) -> Result<()> {
    let counts = |of: fn(&Depth) -> i64| -> Vec<i64> { rows.iter().map(of).collect() };
    let texts = |of: fn(&Depth) -> &str| -> Vec<&str> { rows.iter().map(of).collect() };
    let oldest: Vec<_> = rows
        .iter()
        .map(|row| row.oldest_due_at.map(jiff_sqlx::Timestamp::from))
        .collect();
    sqlx::query(
        "insert into engine.depth ( \
             shard, queue, kind, available, scheduled, retrying, waiting, running, oldest_due_at) \
         select $1, * from unnest( \
             $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
             $9::timestamptz[])",
    )
    .bind(SHARD)
    .bind(texts(|row| &row.queue))
    .bind(texts(|row| &row.kind))
    .bind(counts(|row| row.available))
    .bind(counts(|row| row.scheduled))
    .bind(counts(|row| row.retrying))
    .bind(counts(|row| row.waiting))
    .bind(counts(|row| row.running))
    .bind(oldest)
    .execute(conn)
    .await?;
    Ok(())
}

/// The counts that were kept last; none when there never were any. One statement, one instant.
pub(crate) async fn kept(conn: &mut PgConnection) -> Result<Option<Depths>> {
    let rows = sqlx::query(
        "select s.sampled_at, d.* from engine.depth_sample s \
         left join engine.depth d on d.shard = s.shard \
         where s.shard = $1 and s.sampled_at is not null order by d.queue, d.kind",
    )
    .bind(SHARD)
    .fetch_all(conn)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let counted_at = instant(first, "sampled_at")?;
    let mut depths = Vec::new();
    for row in &rows {
        if row.try_get::<Option<&str>, _>("queue")?.is_some() {
            depths.push(read(row)?);
        }
    }
    Ok(Some(Depths {
        counted_at,
        rows: depths,
    }))
}

fn read(row: &PgRow) -> Result<Depth> {
    Ok(Depth {
        queue: row.try_get("queue")?,
        kind: row.try_get("kind")?,
        available: row.try_get("available")?,
        scheduled: row.try_get("scheduled")?,
        retrying: row.try_get("retrying")?,
        waiting: row.try_get("waiting")?,
        running: row.try_get("running")?,
        oldest_due_at: instant_or_none(row, "oldest_due_at")?,
    })
}
