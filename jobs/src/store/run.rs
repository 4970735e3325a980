//! Runs: open, move on, end, list.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::{instant, instant_or_none};
use crate::Error;
use crate::flow::{Counters, Progress};
use crate::run::{Run, Status};

/// Opens a run; none when one of this stream and company is under way.
pub(crate) async fn open(
    conn: &mut PgConnection,
    stream: &str,
    company_id: i64,
    job_id: Uuid,
    scope: &str,
) -> Result<Option<Progress>, Error> {
    let row = sqlx::query(
        "insert into sync.run (stream, company_id, job_id, scope) values ($1, $2, $3, $4) \
         on conflict (stream, company_id) where status = 'running' do nothing \
         returning *, false as is_stale, \
             (select s.scope from sync.stream s where s.name = $1 and s.company_id = $2) as known_scope",
    )
    .bind(stream)
    .bind(company_id)
    .bind(job_id)
    .bind(scope)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(progress).transpose()?)
}

/// The run under way. It is stale when its cursor is too old to be trusted: vendors do not say how
/// long theirs live, and a listing drifts meanwhile.
pub(crate) async fn under_way(
    conn: &mut PgConnection,
    stream: &str,
    company_id: i64,
) -> Result<Option<Progress>, Error> {
    let row = sqlx::query(
        "select r.*, r.touched_at < now() - interval '15 minutes' as is_stale, s.scope as known_scope \
         from sync.run r \
         left join sync.stream s on s.name = r.stream and s.company_id = r.company_id \
         where r.stream = $1 and r.company_id = $2 and r.status = 'running'",
    )
    .bind(stream)
    .bind(company_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(progress).transpose()?)
}

/// Gives a run to another job; false when its present one is not `from` any more.
pub(crate) async fn take_over(
    conn: &mut PgConnection,
    run_id: i64,
    from: Uuid,
    to: Uuid,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.run set job_id = $3, touched_at = now() \
         where id = $1 and job_id = $2 and status = 'running'",
    )
    .bind(run_id)
    .bind(from)
    .bind(to)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Writes where the run is now, after a page of it; false when the run is not `before` any more.
pub(crate) async fn advance(
    conn: &mut PgConnection,
    before: &Progress,
    after: &Progress,
) -> Result<bool, Error> {
    let counters = &after.counters;
    let done = sqlx::query(include_str!("advance_run.sql"))
        .bind(before.id)
        .bind(before.job_id)
        .bind(before.pages)
        .bind(before.generation.cast_signed())
        .bind(after.pages)
        .bind(after.generation.cast_signed())
        .bind(after.cursor.as_deref())
        .bind(after.walk_pages)
        .bind(after.walk_total)
        .bind(after.walk_is_clean)
        .bind(after.walk_has_drifted)
        .bind(after.clean_walks.cast_signed())
        .bind(counters.created)
        .bind(counters.updated)
        .bind(counters.unchanged)
        .bind(counters.revived)
        .bind(counters.adopted)
        .bind(counters.duplicate)
        .bind(counters.quarantined)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    pub(crate) status: Status,
    /// The last walk saw everything there was.
    pub(crate) is_complete: bool,
    pub(crate) sweep: Option<&'a str>,
    pub(crate) orphaned: i32,
    pub(crate) held: i32,
    pub(crate) code: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

impl Ending<'_> {
    /// A run that is given up.
    pub(crate) fn failed<'a>(code: &'a str, error: &'a str) -> Ending<'a> {
        Ending {
            status: Status::Failed,
            is_complete: false,
            sweep: None,
            orphaned: 0,
            held: 0,
            code: Some(code),
            error: Some(error),
        }
    }
}

/// Ends a run that stands at `before` with the counters and pages of `after`; none when it does
/// not stand there any more. What a complete walk proves is written with it.
pub(crate) async fn end(
    conn: &mut PgConnection,
    before: &Progress,
    after: &Progress,
    ending: Ending<'_>,
) -> Result<Option<Run>, Error> {
    let counters = &after.counters;
    let row = sqlx::query(include_str!("end_run.sql"))
        .bind(before.id)
        .bind(before.job_id)
        .bind(before.pages)
        .bind(before.generation.cast_signed())
        .bind(ending.status.as_str())
        .bind(ending.is_complete)
        .bind(ending.sweep)
        .bind(ending.orphaned)
        .bind(ending.held)
        .bind(ending.code)
        .bind(ending.error)
        .bind(after.pages)
        .bind(counters.created)
        .bind(counters.updated)
        .bind(counters.unchanged)
        .bind(counters.revived)
        .bind(counters.adopted)
        .bind(counters.duplicate)
        .bind(counters.quarantined)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The newest runs, of one company or of all.
pub(crate) async fn list(
    conn: &mut PgConnection,
    company_id: Option<i64>,
    limit: i64,
) -> Result<Vec<Run>, Error> {
    let rows = sqlx::query(
        "select * from sync.run where $1::bigint is null or company_id = $1 order by id desc limit $2",
    )
    .bind(company_id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn progress(row: &PgRow) -> sqlx::Result<Progress> {
    Ok(Progress {
        id: row.try_get("id")?,
        company_id: row.try_get("company_id")?,
        job_id: row.try_get("job_id")?,
        scope: row.try_get("scope")?,
        known_scope: row.try_get("known_scope")?,
        generation: row.try_get::<i16, _>("generation")?.cast_unsigned(),
        cursor: row.try_get("cursor")?,
        pages: row.try_get("pages")?,
        walk_pages: row.try_get("walk_pages")?,
        walk_total: row.try_get("walk_total")?,
        walk_is_clean: row.try_get("walk_is_clean")?,
        walk_has_drifted: row.try_get("walk_has_drifted")?,
        clean_walks: row.try_get::<i16, _>("clean_walks")?.cast_unsigned(),
        counters: counters(row)?,
        is_stale: row.try_get("is_stale")?,
    })
}

fn counters(row: &PgRow) -> sqlx::Result<Counters> {
    Ok(Counters {
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        unchanged: row.try_get("unchanged")?,
        revived: row.try_get("revived")?,
        adopted: row.try_get("adopted")?,
        duplicate: row.try_get("duplicate")?,
        quarantined: row.try_get("quarantined")?,
    })
}

fn read(row: &PgRow) -> sqlx::Result<Run> {
    let status: String = row.try_get("status")?;
    Ok(Run {
        id: row.try_get("id")?,
        stream: row.try_get("stream")?,
        company_id: row.try_get("company_id")?,
        job_id: row.try_get("job_id")?,
        status: Status::parse(&status)
            .ok_or_else(|| sqlx::Error::Protocol(format!("unknown run status {status}")))?,
        walks: row.try_get("generation")?,
        pages: row.try_get("pages")?,
        counters: counters(row)?,
        orphaned: row.try_get("orphaned")?,
        held: row.try_get("held")?,
        sweep: row.try_get("sweep")?,
        code: row.try_get("code")?,
        error: row.try_get("error")?,
        started_at: instant(row, "started_at")?,
        touched_at: instant(row, "touched_at")?,
        ended_at: instant_or_none(row, "ended_at")?,
    })
}
