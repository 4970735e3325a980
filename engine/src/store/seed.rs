//! Seed: many invented jobs, quickly, so that reading can be measured against full tables.

use sqlx::postgres::PgConnection;

use super::SHARD;
use crate::{Result, State};

/// Jobs a statement invents.
const CHUNK: i64 = 100_000;

/// Invents `count` jobs that are completed, dead or, when available, far in the future. `numbers` is
/// how many were invented before, of `total` in all.
pub(crate) async fn seed(
    conn: &mut PgConnection,
    state: State,
    numbers: i64,
    count: i64,
    total: i64,
) -> Result<()> {
    let mut done = 0;
    while done < count {
        let chunk = CHUNK.min(count - done);
        sqlx::query(include_str!("seed.sql"))
            .bind(SHARD)
            .bind(numbers + done)
            .bind(chunk)
            .bind(state.as_str())
            .bind(total)
            .execute(&mut *conn)
            .await?;
        done += chunk;
    }
    Ok(())
}

/// Invents rows of the lists that are not of jobs.
pub(crate) async fn seed_lists(
    conn: &mut PgConnection,
    audit_rows: i64,
    schedule: &str,
) -> Result<()> {
    sqlx::query(include_str!("seed_lists.sql"))
        .bind(audit_rows)
        .bind(schedule)
        .bind(SHARD)
        .execute(conn)
        .await?;
    Ok(())
}

/// Tells the planner what has become of the tables.
pub(crate) async fn analyze(conn: &mut PgConnection) -> Result<()> {
    let tables = "vacuum (analyze) engine.job, engine.pending, engine.ended, engine.tally, \
         engine.audit, engine.tick, engine.worker, engine.token, engine.attempt, engine.step, engine.breaker, \
         engine.budget";
    sqlx::raw_sql(tables).execute(conn).await?;
    Ok(())
}

/// The transaction sees the database as it is now, and keeps vacuum from what it sees.
pub(crate) async fn take_snapshot(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("set transaction isolation level repeatable read; select 1")
        .execute(conn)
        .await?;
    Ok(())
}
