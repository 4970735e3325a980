//! Rollup: fold what was tallied, read what was counted, forget what is old. A reader adds what is not
//! folded yet, in the same statement, so that a count is in exactly one of the two.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::row::instant;
use super::{SHARD, millis};
use crate::overview::Total;
use crate::rollup::{Counted, Figures, HOURS_KEPT, MINUTES_KEPT, Rollup, RollupQuery, Span};
use crate::{Error, Result};

/// Tallies a statement folds.
pub(crate) const BATCH: i64 = 5_000;
/// Rows a statement deletes.
const PRUNE: i64 = 10_000;
/// Rows that are read for one answer.
const MOST_ROWS: i64 = 50_000;

/// Folds at most [`BATCH`] tallies into rollups and totals; returns how many. One process at a time: the
/// others find nothing to do. In one statement, so that a crash loses and doubles nothing.
pub(crate) async fn fold(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar(include_str!("fold_tallies.sql"))
        .bind(SHARD)
        .bind(BATCH)
        .fetch_one(conn)
        .await?)
}

/// What ended within a span, point by point.
pub(crate) async fn list(
    conn: &mut PgConnection,
    query: &RollupQuery,
    span: &Span,
) -> Result<Vec<Rollup>> {
    let rows = sqlx::query(include_str!("list_rollups.sql"))
        .bind(SHARD)
        .bind(span.grain)
        .bind(jiff_sqlx::Timestamp::from(span.from))
        .bind(jiff_sqlx::Timestamp::from(span.to))
        .bind(span.minutes)
        .bind([
            query.by.queue,
            query.by.kind,
            query.by.state,
            query.by.connection,
        ])
        .bind(&query.queue)
        .bind(&query.kind)
        .bind(&query.state)
        .bind(&query.connection)
        .bind(MOST_ROWS + 1)
        .fetch_all(conn)
        .await?;
    if rows.len() > usize::try_from(MOST_ROWS).unwrap_or(usize::MAX) {
        return Err(Error::Invalid(
            "the answer would be too large; take a longer step, a shorter span or fewer `by`, or narrow it by kind or queue".into(),
        ));
    }
    gather(&rows, query)
}

/// Rows of one point and key stand together; they differ in state and duration.
fn gather(rows: &[PgRow], query: &RollupQuery) -> Result<Vec<Rollup>> {
    let mut all: Vec<Rollup> = Vec::new();
    for row in rows {
        let counted = Counted {
            state: row.try_get("state")?,
            bucket: row.try_get("bucket")?,
            ended: row.try_get("ended")?,
            sum_ms: row.try_get("sum_ms")?,
            most_ms: row.try_get("most_ms")?,
        };
        let next = Rollup {
            at: instant(row, "at")?,
            queue: row.try_get("queue")?,
            kind: row.try_get("kind")?,
            state: query.by.state.then(|| counted.state.clone()),
            connection: row.try_get("connection")?,
            figures: Figures::default(),
        };
        let is_next = |last: &Rollup| {
            (
                last.at,
                &last.queue,
                &last.kind,
                &last.state,
                &last.connection,
            ) == (
                next.at,
                &next.queue,
                &next.kind,
                &next.state,
                &next.connection,
            )
        };
        if !all.last().is_some_and(is_next) {
            all.push(next);
        }
        if let Some(last) = all.last_mut() {
            last.figures.add(&counted);
        }
    }
    for rollup in &mut all {
        rollup.figures = std::mem::take(&mut rollup.figures).finish();
    }
    Ok(all)
}

/// The ended jobs there are, by queue, kind and state.
pub(crate) async fn totals(conn: &mut PgConnection) -> Result<Vec<Total>> {
    let rows = sqlx::query(include_str!("list_totals.sql"))
        .bind(SHARD)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Total {
                queue: row.try_get("queue")?,
                kind: row.try_get("kind")?,
                state: row.try_get("state")?,
                jobs: row.try_get("jobs")?,
            })
        })
        .collect()
}

/// Deletes rollups past their time; returns how many of a batch there were.
pub(crate) async fn prune(conn: &mut PgConnection) -> Result<u64> {
    let mut gone = 0;
    for (step, kept) in [(1_i16, MINUTES_KEPT), (60, HOURS_KEPT)] {
        gone += prune_step(conn, step, kept).await?;
    }
    Ok(gone)
}

async fn prune_step(conn: &mut PgConnection, step: i16, kept: Duration) -> Result<u64> {
    let gone = sqlx::query(
        "delete from engine.rollup where ctid = any(array( \
             select ctid from engine.rollup \
             where shard = $1 and step_minutes = $2 and start_at < now() - $3 * interval '1 millisecond' \
             limit $4 for update skip locked \
         )) and shard = $1",
    )
    .bind(SHARD)
    .bind(step)
    .bind(millis(kept))
    .bind(PRUNE)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
