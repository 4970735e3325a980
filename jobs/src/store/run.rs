//! Runs: open, move on, end, list.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::{instant, instant_or_none, listing};
use crate::Error;
use crate::flow::{Counters, Mode, Partition, Progress};
use crate::run::{Filter, Run, Status};

/// A run that is to be opened.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) stream: &'a str,
    pub(crate) partition: &'a Partition,
    pub(crate) job_id: Uuid,
    pub(crate) scope: &'a str,
    pub(crate) principal: i64,
    pub(crate) mode: Mode,
    pub(crate) since: Option<Timestamp>,
}

/// Opens a run; none when one of this stream and partition is under way.
pub(crate) async fn open(
    conn: &mut PgConnection,
    opening: &Opening<'_>,
) -> Result<Option<Progress>, Error> {
    let row = sqlx::query(include_str!("open_run.sql"))
        .bind(opening.stream)
        .bind(opening.partition.company_id())
        .bind(opening.partition.connection())
        .bind(opening.job_id)
        .bind(opening.scope)
        .bind(opening.principal)
        .bind(opening.mode.as_str())
        .bind(opening.since.map(jiff_sqlx::Timestamp::from))
        .bind(opening.partition.key())
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(progress).transpose()?)
}

/// The run under way. It is stale when its cursor is too old to be trusted: vendors do not say how
/// long theirs live, and a listing drifts meanwhile.
pub(crate) async fn under_way(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
) -> Result<Option<Progress>, Error> {
    let row = sqlx::query(include_str!("run_under_way.sql"))
        .bind(stream)
        .bind(partition.key())
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(progress).transpose()?)
}

/// Until when every change of a listing has been read, by the remote's clock. None also while that lies
/// a day ahead: a remote's clock was wrong once, and what is modified until then would be missed.
pub(crate) async fn watermark(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
    scope: &str,
) -> Result<Option<Timestamp>, Error> {
    let row = sqlx::query(
        "select watermark_at from sync.stream where name = $1 and partition = $2 and scope = $3 \
             and watermark_at < now() + interval '1 day'",
    )
    .bind(stream)
    .bind(partition.key())
    .bind(scope)
    .fetch_optional(conn)
    .await?;
    let found = row.map(|row| instant_or_none(&row, "watermark_at"));
    Ok(found.transpose()?.flatten())
}

/// The scope and the secrets of the last complete walk.
pub(crate) async fn known(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
) -> Result<Option<(String, i64)>, Error> {
    Ok(sqlx::query_as(
        "select scope, principal from sync.stream where name = $1 and partition = $2",
    )
    .bind(stream)
    .bind(partition.key())
    .fetch_optional(conn)
    .await?)
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
        .bind(counters.ignored)
        .bind(counters.gone)
        .bind(after.server_at.map(jiff_sqlx::Timestamp::from))
        .bind(counters.fetched)
        .bind(counters.stale)
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
        .bind(counters.ignored)
        .bind(counters.gone)
        .bind(after.server_at.map(jiff_sqlx::Timestamp::from))
        .bind(counters.fetched)
        .bind(counters.stale)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The newest runs that a filter lets through.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Run>, Error> {
    let partition = filter.partition.as_ref();
    let rows = listing(include_str!("list_runs.sql"))
        .bind(partition.and_then(Partition::company_id))
        .bind(partition.and_then(Partition::connection))
        .bind(filter.before)
        .bind(filter.stream.as_deref())
        .bind(filter.status.map(Status::as_str))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Run>, Error> {
    let row = sqlx::query(include_str!("get_run.sql"))
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

fn progress(row: &PgRow) -> sqlx::Result<Progress> {
    let known: Option<String> = row.try_get("known_scope")?;
    let known_principal: Option<i64> = row.try_get("known_principal")?;
    Ok(Progress {
        id: row.try_get("id")?,
        partition: partition(row)?,
        job_id: row.try_get("job_id")?,
        mode: mode(row)?,
        since: instant_or_none(row, "since_at")?,
        scope: row.try_get("scope")?,
        principal: row.try_get("principal")?,
        known: known.zip(known_principal),
        generation: row.try_get::<i16, _>("generation")?.cast_unsigned(),
        cursor: row.try_get("cursor")?,
        pages: row.try_get("pages")?,
        walk_pages: row.try_get("walk_pages")?,
        walk_total: row.try_get("walk_total")?,
        walk_is_clean: row.try_get("walk_is_clean")?,
        walk_has_drifted: row.try_get("walk_has_drifted")?,
        server_at: instant_or_none(row, "server_at")?,
        clean_walks: row.try_get::<i16, _>("clean_walks")?.cast_unsigned(),
        counters: counters(row)?,
        is_stale: row.try_get("is_stale")?,
    })
}

fn partition(row: &PgRow) -> sqlx::Result<Partition> {
    Ok(match row.try_get("company_id")? {
        Some(id) => Partition::Company(id),
        None => Partition::Connection(row.try_get("connection")?),
    })
}

fn mode(row: &PgRow) -> sqlx::Result<Mode> {
    let word: String = row.try_get("mode")?;
    Mode::parse(&word).ok_or_else(|| sqlx::Error::Protocol(format!("unknown mode {word}")))
}

fn counters(row: &PgRow) -> sqlx::Result<Counters> {
    let counters = Counters {
        fetched: 0,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        unchanged: row.try_get("unchanged")?,
        stale: row.try_get("stale")?,
        revived: row.try_get("revived")?,
        adopted: row.try_get("adopted")?,
        duplicate: row.try_get("duplicate")?,
        quarantined: row.try_get("quarantined")?,
        ignored: row.try_get("ignored")?,
        gone: row.try_get("gone")?,
    };
    // An older version began the run and counted nothing: it is believed so far.
    let fetched: Option<i32> = row.try_get("fetched")?;
    Ok(Counters {
        fetched: fetched.unwrap_or_else(|| counters.accounted()),
        ..counters
    })
}

fn read(row: &PgRow) -> sqlx::Result<Run> {
    let status: String = row.try_get("status")?;
    Ok(Run {
        id: row.try_get("id")?,
        stream: row.try_get("stream")?,
        company_id: row.try_get("company_id")?,
        connection: row.try_get("connection")?,
        mode: mode(row)?,
        since_at: instant_or_none(row, "since_at")?,
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
