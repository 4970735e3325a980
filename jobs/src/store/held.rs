//! Sweeps that wait for a person.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::record::Missing;
use super::{instant, instant_or_none, listing};
use crate::Error;
use crate::flow::{Partition, Progress};
use crate::held::{Held, Status};

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "run_id, stream, partition, company_id, connection, cause, known, candidates, status, held_at, \
         decided_at, decided_by, reason, marked"
    };
}

/// Keeps what a walk missed, until a person decides.
pub(crate) async fn hold(
    conn: &mut PgConnection,
    stream: &str,
    run: &Progress,
    cause: Option<&str>,
    missing: &Missing,
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.held_sweep (run_id, stream, company_id, connection, cause, known, candidates) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(run.id)
    .bind(stream)
    .bind(run.partition.company_id())
    .bind(run.partition.connection())
    .bind(cause)
    .bind(missing.known.cast_signed())
    .bind(&missing.keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes the sweep that waits: a newer complete walk speaks for itself.
pub(crate) async fn supersede(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
) -> Result<(), Error> {
    sqlx::query(
        "update sync.held_sweep set status = 'superseded', decided_at = now() \
         where stream = $1 and partition = $2 and status = 'open'",
    )
    .bind(stream)
    .bind(partition.key())
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes out what an answer has named since: that is not missing any more.
pub(crate) async fn strike(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
    keys: &[String],
) -> Result<(), Error> {
    sqlx::query(
        "update sync.held_sweep \
         set candidates = array(select c from unnest(candidates) as c where c <> all($3)) \
         where stream = $1 and partition = $2 and status = 'open' and candidates && $3",
    )
    .bind(stream)
    .bind(partition.key())
    .bind(keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// One held sweep, locked against walks and other people.
pub(crate) async fn lock(conn: &mut PgConnection, run_id: i64) -> Result<Option<Held>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.held_sweep where run_id = $1 for update"
    ))
    .bind(run_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Writes a decision; false when somebody was faster.
pub(crate) async fn decide(
    conn: &mut PgConnection,
    run_id: i64,
    status: Status,
    (by, reason): (&str, Option<&str>),
    marked: usize,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.held_sweep \
         set status = $2, decided_at = now(), decided_by = $3, reason = $4, marked = $5 \
         where run_id = $1 and status = 'open'",
    )
    .bind(run_id)
    .bind(status.as_str())
    .bind(by)
    .bind(reason)
    .bind(i32::try_from(marked).unwrap_or(i32::MAX))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Held sweeps, newest first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    is_open: Option<bool>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Held>, Error> {
    let rows = listing(concat!(
        "select ",
        columns!(),
        " from sync.held_sweep \
         where ($1::boolean is null or (status = 'open') = $1) and ($2::bigint is null or run_id < $2) \
         order by run_id desc limit $3",
    ))
    .bind(is_open)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

pub(crate) async fn get(conn: &mut PgConnection, run_id: i64) -> Result<Option<Held>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.held_sweep where run_id = $1"
    ))
    .bind(run_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

fn read(row: &PgRow) -> sqlx::Result<Held> {
    let status: String = row.try_get("status")?;
    Ok(Held {
        run_id: row.try_get("run_id")?,
        stream: row.try_get("stream")?,
        partition: row.try_get("partition")?,
        company_id: row.try_get("company_id")?,
        connection: row.try_get("connection")?,
        cause: row.try_get("cause")?,
        known: row.try_get("known")?,
        candidates: row.try_get("candidates")?,
        status: Status::parse(&status)
            .ok_or_else(|| sqlx::Error::Protocol(format!("unknown status {status}")))?,
        held_at: instant(row, "held_at")?,
        decided_at: instant_or_none(row, "decided_at")?,
        decided_by: row.try_get("decided_by")?,
        reason: row.try_get("reason")?,
        marked: row.try_get("marked")?,
    })
}
