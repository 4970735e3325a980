//! Operations: what was done or tried for each record, and what they add up to.

use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use crate::Error;
use crate::creatio::record::{Operation, Rate};
use crate::creatio::{Counts, Sort};
use crate::store::{instant, storable};

/// Something that was done or tried.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) link_id: i64,
    pub(crate) verb: &'static str,
    pub(crate) direction: Option<&'static str>,
    pub(crate) status: &'static str,
    pub(crate) code: Option<String>,
    pub(crate) changes: Map<String, Value>,
    pub(crate) took_ms: i64,
}

pub(crate) async fn write(
    conn: &mut PgConnection,
    of: (&str, Sort),
    job_id: Uuid,
    done: &[Done],
) -> Result<(), Error> {
    let rows = done.iter().map(|one| {
        json!({
            "link_id": one.link_id, "verb": one.verb, "direction": one.direction, "status": one.status,
            "code": one.code, "changes": one.changes, "took_ms": one.took_ms,
        })
    });
    sqlx::query(include_str!("operation/write.sql"))
        .bind(of.0)
        .bind(of.1.stream())
        .bind(job_id)
        .bind(storable(&rows.collect()))
        .execute(conn)
        .await?;
    Ok(())
}

/// What was done for one record, newest first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    link_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Operation>, Error> {
    let rows = sqlx::query(
        "select id, verb, direction, status, code, changes, job_id, began_at, took_ms \
         from sync.operation where link_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3",
    )
    .bind(link_id)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// What some jobs did.
pub(crate) async fn of_jobs(conn: &mut PgConnection, jobs: &[Uuid]) -> Result<Counts, Error> {
    let row = sqlx::query(include_str!("operation/of_jobs.sql"))
        .bind(jobs)
        .fetch_one(conn)
        .await?;
    Ok(Counts {
        created_in_creatio: row.try_get("created_in_creatio")?,
        updated_in_creatio: row.try_get("updated_in_creatio")?,
        deleted_in_creatio: row.try_get("deleted_in_creatio")?,
        created_here: row.try_get("created_here")?,
        updated_here: row.try_get("updated_here")?,
        deleted_here: row.try_get("deleted_here")?,
        linked: row.try_get("linked")?,
        conflicts: row.try_get("conflicts")?,
        in_review: row.try_get("in_review")?,
        failed: row.try_get("failed")?,
    })
}

/// How many operations succeeded, and how long they took, by stream and direction, over so many hours.
pub(crate) async fn rates(
    conn: &mut PgConnection,
    connection: Option<&str>,
    hours: i32,
) -> Result<Vec<Rate>, Error> {
    let rows = sqlx::query(include_str!("operation/rates.sql"))
        .bind(connection)
        .bind(hours)
        .fetch_all(conn)
        .await?;
    let rate = |row: &PgRow| {
        Ok(Rate {
            stream: row.try_get("stream")?,
            direction: row.try_get("direction")?,
            succeeded: row.try_get("succeeded")?,
            failed: row.try_get("failed")?,
            took_p50_ms: row.try_get("took_p50_ms")?,
            took_p95_ms: row.try_get("took_p95_ms")?,
        })
    };
    Ok(rows.iter().map(rate).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Operation> {
    let Json(changes) = row.try_get("changes")?;
    Ok(Operation {
        id: row.try_get("id")?,
        verb: row.try_get("verb")?,
        direction: row.try_get("direction")?,
        status: row.try_get("status")?,
        code: row.try_get("code")?,
        changes,
        job_id: row.try_get("job_id")?,
        began_at: instant(row, "began_at")?,
        took_ms: row.try_get("took_ms")?,
    })
}
