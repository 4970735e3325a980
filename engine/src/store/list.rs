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
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::read::{JOB, read_job};
use super::row::instant_or_none;
use super::{SHARD, millis};
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
/// A statement that takes longer is given up: a cold disk, a locked table.
const LONGEST: Duration = Duration::from_secs(3);

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Until it has found so many.
    hits: usize,
    /// Until it has looked at so many rows.
    rows: i64,
}

/// A page of at most `limit` jobs behind `before`. Runs in a transaction of its own, which it makes a
/// read-only one with one view of all tables.
pub(crate) async fn page(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<Cursor>,
    limit: u16,
) -> Result<Page<JobView>> {
    // Probes only: a plan that was made for other tables must not scan these.
    let settings = format!(
        "set transaction isolation level repeatable read read only; set local statement_timeout = {}; \
         set local jit = off; set local enable_seqscan = off; set local enable_bitmapscan = off; \
         set local enable_hashjoin = off; set local enable_mergejoin = off",
        millis(LONGEST)
    );
    sqlx::raw_sql(AssertSqlSafe(settings))
        .execute(&mut *conn)
        .await?;
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
    let mut found = Vec::new();
    let mut rows = 0_u64;
    let stopped = loop {
        let reach = Reach {
            hits: wanted - found.len(),
            rows: GLANCE,
        };
        let walk = walk(conn, meant, drive, from, reach).await?;
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
        found.last().copied()
    } else {
        stopped
    };
    Ok(Page {
        data: load(conn, &found).await?,
        searched: (!is_full && stopped.is_some()).then_some(Searched {
            rows,
            help: drive.advice(),
        }),
        next,
    })
}

/// What one statement has found.
struct Walk {
    hits: Vec<Cursor>,
    /// Rows that were looked at, up to the last hit or to where it stopped.
    rows: i64,
    /// Where it stopped looking, when it did.
    stopped: Option<Cursor>,
}

async fn walk(
    conn: &mut PgConnection,
    meant: Meant<'_>,
    drive: &Drive,
    before: Option<Cursor>,
    reach: Reach,
) -> Result<Walk> {
    let mut walk = Walk {
        hits: Vec::new(),
        rows: 0,
        stopped: None,
    };
    if drive.branches.is_empty() {
        return Ok(walk);
    }
    let mut query = QueryBuilder::new("");
    push_statement(&mut query, meant, drive, before, reach);
    // Made for one filter: not worth a place among the prepared ones.
    let rows = query.build().persistent(false).fetch_all(conn).await?;
    for row in rows {
        let position = Cursor {
            at: instant_or_none(&row, "at")?,
            key: row.try_get("id")?,
        };
        if row.try_get("hit")? {
            walk.hits.push(position);
        }
        walk.rows = row.try_get("n")?;
        if walk.rows == reach.rows {
            walk.stopped = Some(position);
        }
    }
    Ok(walk)
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
    query.push("select h.id, h.at, h.n, h.hit from (select w.id, w.at, w.n, (");
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

/// The jobs at these places, in their order. One that is deleted meanwhile is still seen: the
/// transaction has one view.
async fn load(conn: &mut PgConnection, found: &[Cursor]) -> Result<Vec<JobView>> {
    let ids: Vec<Uuid> = found.iter().map(|position| position.key).collect();
    let rows = sqlx::query(AssertSqlSafe(format!(
        "{JOB} where s.shard = $1 and s.id = any($2) order by array_position($2, s.id), s.id"
    )))
    .bind(SHARD)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read_job).collect()
}

fn too_slow(error: Error, drive: &Drive) -> Error {
    match &error {
        // 57014: the statement timeout.
        Error::Database(sqlx::Error::Database(db)) if db.code().as_deref() == Some("57014") => {
            Error::TooBroad {
                seconds: LONGEST.as_secs(),
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
