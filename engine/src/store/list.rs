//! List: a page of jobs that meet a filter. A page costs what it looks at, never what the tables
//! hold: [`drive`] chooses the index that is walked in the list's order, a walk looks at so many rows
//! at most, and walks end when the page is full or [`PATIENCE`] is over. A page that is not full says
//! how far it looked.

mod branch;
mod drive;
pub(super) mod step;
mod term;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Postgres, QueryBuilder, Row};

use super::SHARD;
use super::pool::LONGEST_READ;
use super::read::{JOB, read_job};
use super::row::instant_or_none;
use crate::cursor::Cursor;
use crate::filter::Filter;
use crate::view::{JobView, Page, Searched};
use crate::{Error, Result};
use drive::{Drive, Order};
use step::Meant;

/// Rows a walk looks at for a page. A row of which the job itself must be read, from memory, costs 20 to 70 µs.
const GLANCE: i64 = 1_000;
/// After this no further walk begins: a page comes within 100 ms, however few jobs meet the filter.
const PATIENCE: Duration = Duration::from_millis(25);

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Until it has found so many.
    hits: usize,
    /// Until it has looked at so many rows.
    rows: i64,
}

/// A page of at most `limit` jobs behind `before`, by statements of [`read_pool`](super::pool::read_pool).
/// Each is a walk and its jobs as they stand in the same instant.
pub(crate) async fn page(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<Cursor>,
    limit: u16,
) -> Result<Page<JobView>> {
    let drive = Drive::of(filter);
    Cursor::check(before.as_ref(), drive.order == Order::Ended)?;
    turn(conn, Meant::now(filter), &drive, before, (limit, PATIENCE))
        .await
        .map_err(|error| too_slow(error, &drive))
}

async fn turn(
    conn: &mut PgConnection,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    (limit, patience): (u16, Duration),
) -> Result<Page<JobView>> {
    let begun = Instant::now();
    let wanted = usize::from(limit) + 1;
    let mut from = before;
    let mut found: Vec<(Cursor, JobView)> = Vec::new();
    let mut rows = 0_u64;
    let stopped = loop {
        let reach = Reach {
            hits: wanted - found.len(),
            rows: GLANCE,
        };
        let walk = walk_whole(conn, meant, drive, from, reach).await?;
        found.extend(walk.hits);
        rows += GLANCE.unsigned_abs();
        match walk.stopped {
            Some(at) if found.len() < wanted && begun.elapsed() < patience => from = Some(at),
            stopped => break stopped,
        }
    };
    let is_full = found.len() >= wanted;
    found.truncate(usize::from(limit));
    let next = if is_full {
        found.last().map(|(at, _)| *at)
    } else {
        stopped
    };
    Ok(Page {
        data: found.into_iter().map(|(_, job)| job).collect(),
        searched: (!is_full && stopped.is_some()).then_some(Searched {
            rows,
            help: drive.advice(),
        }),
        next,
    })
}

/// What one statement has found.
struct Walk<T> {
    hits: Vec<T>,
    /// Rows that were looked at, up to the last hit or to where it stopped.
    rows: i64,
    /// Where it stopped looking, when it did.
    stopped: Option<Cursor>,
}

/// The places of what a walk finds.
async fn walk(
    conn: &mut PgConnection,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    reach: Reach,
) -> Result<Walk<Cursor>> {
    if drive.branches.is_empty() {
        return Ok(Walk::over());
    }
    let mut query = QueryBuilder::new("");
    push_statement(&mut query, meant, drive, before, reach);
    // Made for one filter: not worth a place among the prepared ones.
    let rows = query.build().persistent(false).fetch_all(conn).await?;
    Walk::read(&rows, reach, |_, place| Ok(place))
}

/// The same with the jobs themselves.
async fn walk_whole(
    conn: &mut PgConnection,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    reach: Reach,
) -> Result<Walk<(Cursor, JobView)>> {
    if drive.branches.is_empty() {
        return Ok(Walk::over());
    }
    let mut query = QueryBuilder::new("");
    push_whole(&mut query, meant, drive, before, reach);
    let rows = query.build().fetch_all(conn).await?;
    Walk::read(&rows, reach, |row, place| Ok((place, read_job(row)?)))
}

impl<T> Walk<T> {
    /// One that had nothing to look at.
    fn over() -> Walk<T> {
        Walk {
            hits: Vec::new(),
            rows: 0,
            stopped: None,
        }
    }

    fn read(
        rows: &[PgRow],
        reach: Reach,
        hit: impl Fn(&PgRow, Cursor) -> Result<T>,
    ) -> Result<Walk<T>> {
        let mut walk = Walk::over();
        for row in rows {
            let place = Cursor {
                at: instant_or_none(row, "walked_at")?,
                key: row.try_get("walked_id")?,
            };
            if row.try_get("hit")? {
                walk.hits.push(hit(row, place)?);
            }
            walk.rows = row.try_get("n")?;
            if walk.rows == reach.rows {
                walk.stopped = Some(place);
            }
        }
        Ok(walk)
    }
}

/// Each hit of the walk with its job, in the walk's order.
fn push_whole(
    query: &mut QueryBuilder<Postgres>,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    reach: Reach,
) {
    query.push("select walked_id, walked_at, n, whole.id is not null as hit, whole.* from (");
    push_statement(query, meant, drive, before, reach);
    query.push(format!(
        ") walked left join lateral ({JOB} where s.shard = "
    ));
    query.push_bind(SHARD);
    query.push(format!(
        " and s.id = walked.walked_id and walked.hit offset 0) whole on true order by {}",
        match drive.order {
            Order::Id => "walked_id desc",
            Order::Ended => "walked_at desc, walked_id desc",
        }
    ));
}

/// The walked rows stream in the list's order through every level, so that the outermost limit ends
/// the walk as soon as the page is full. The last row of a full walk comes out even when it is no hit:
/// it is where the next walk begins.
fn push_statement(
    query: &mut QueryBuilder<Postgres>,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    reach: Reach,
) {
    let most = reach.rows;
    let order = |of: &str| match drive.order {
        Order::Id => format!("{of}.id desc"),
        Order::Ended => format!("{of}.at desc, {of}.id desc"),
    };
    query.push(
        "select h.id as walked_id, h.at as walked_at, h.n, h.hit from (select w.id, w.at, w.n, (",
    );
    term::push(query, meant);
    step::push_unmoved(query, meant);
    query.push(format!(
        ") is true as hit from (select u.*, row_number() over (order by {}) as n from (",
        order("u")
    ));
    for (index, one) in drive.branches.iter().enumerate() {
        query.push(if index == 0 { "(" } else { " union all (" });
        branch::push(query, one, meant, (before, most));
        query.push(")");
    }
    query.push(format!(") u order by {} limit {most}) w", order("u")));
    if meant.as_of.is_some() || term::needs_job(meant.filter) {
        query.push(
            " cross join lateral (select shard, tags, args, created_at, parent_id, batch_id, unique_key, partition_key \
             from engine.job where shard = ",
        );
        query.push_bind(SHARD);
        query.push(" and id = w.id offset 0) j");
    }
    query.push(format!(
        ") h where h.hit or h.n = {most} order by {} limit ",
        order("h")
    ));
    query.push_bind(i64::try_from(reach.hits).unwrap_or(i64::MAX));
}

fn too_slow(error: Error, drive: &Drive) -> Error {
    match &error {
        // 57014: the statement timeout.
        Error::Database(sqlx::Error::Database(db)) if db.code().as_deref() == Some("57014") => {
            Error::TooBroad {
                seconds: LONGEST_READ.as_secs(),
                help: drive.advice().to_owned(),
            }
        }
        _ => error,
    }
}

/// Binds an instant that may be missing.
fn bind_instant(query: &mut QueryBuilder<Postgres>, at: Option<Timestamp>) {
    query.push_bind(at.map(jiff_sqlx::Timestamp::from));
}
