//! Step: what a filter meant at an instant, walked a bounded step at a time, for acts on many. The walk
//! and its index are those of lists. Acting changes what a filter matches, so a step goes on behind a
//! place that no act moves: the end of an ended job, the id of another.
//!
//! Exact for jobs that had ended, and for live ones when the filter means these wherever they stand. Of a
//! filter that names some live states only, a job that has moved since is left alone: where it stood at
//! the instant is not on record.

use jiff::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::drive::{Drive, Order};
use super::{Reach, bind_instant, walk};
use crate::Result;
use crate::cursor::Cursor;
use crate::filter::{Filter, Labels};

/// Rows a step looks at.
const STRIDE: i64 = 10_000;
/// Probes only: a plan that was made for other tables must not scan these.
const WALKING: &str = "set local jit = off; set local enable_seqscan = off; set local enable_bitmapscan = off; \
     set local enable_hashjoin = off; set local enable_mergejoin = off";
const WALKED: &str = "set local jit to default; set local enable_seqscan to default; \
     set local enable_bitmapscan to default; set local enable_hashjoin to default; \
     set local enable_mergejoin to default";

/// What is walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meant<'f> {
    pub(crate) filter: &'f Filter,
    /// As things stood then; as they stand, when there is none.
    pub(crate) as_of: Option<Timestamp>,
}

/// What a step has found.
#[derive(Debug)]
pub(crate) struct Step {
    /// The jobs, in no order.
    pub(crate) ids: Vec<Uuid>,
    /// Rows that were looked at.
    pub(crate) rows: i64,
    /// Where the next step goes on; none at the end.
    pub(crate) next: Option<Cursor>,
}

impl<'f> Meant<'f> {
    pub(super) fn now(filter: &'f Filter) -> Meant<'f> {
        Meant {
            filter,
            as_of: None,
        }
    }

    /// Adds the instant by which times are told.
    pub(super) fn push_now(self, query: &mut QueryBuilder<Postgres>) {
        match self.as_of {
            Some(_) => bind_instant(query, self.as_of),
            None => {
                query.push("now()");
            }
        }
    }
}

/// At most `wanted` jobs behind `before`, in the caller's transaction.
pub(crate) async fn step(
    conn: &mut PgConnection,
    meant: Meant<'_>,
    before: Option<Cursor>,
    wanted: usize,
) -> Result<Step> {
    let drive = Drive::of(meant.filter);
    let from = before.or_else(|| first(meant, &drive));
    sqlx::raw_sql(WALKING).execute(&mut *conn).await?;
    let reach = Reach {
        hits: wanted,
        rows: STRIDE,
    };
    let walk = walk(&mut *conn, meant, &drive, from, reach).await?;
    sqlx::raw_sql(WALKED).execute(&mut *conn).await?;
    let is_full = walk.hits.len() >= wanted;
    Ok(Step {
        next: match is_full {
            true => walk.hits.last().copied(),
            false => walk.stopped,
        },
        rows: walk.rows,
        ids: walk.hits.into_iter().map(|hit| hit.key).collect(),
    })
}

/// Ends after the instant are not even looked at.
fn first(meant: Meant<'_>, drive: &Drive) -> Option<Cursor> {
    let at = meant.as_of.filter(|_| drive.order == Order::Ended)?;
    Some(Cursor {
        at: Some(at),
        key: Uuid::max(),
    })
}

/// Adds the condition that the job met the filter at the instant already, as far as times tell.
pub(super) fn push_unmoved(query: &mut QueryBuilder<Postgres>, meant: Meant<'_>) {
    let Some(as_of) = meant.as_of else { return };
    let mut said = |text: &str| {
        query.push(text);
        bind_instant(query, Some(as_of));
    };
    said(" and case when w.ended_at is not null then w.ended_at <= ");
    said(" else j.created_at <= ");
    // A person's retry since then: the attempt that had ended it was put beside the others.
    said(
        " and not exists (select from engine.attempt a where a.shard = j.shard and a.job_id = w.id \
         and a.outcome in ('dead', 'cancel') and a.next_run_at > ",
    );
    query.push(")");
    let live = Labels::PENDING.or(Labels::RUNNING);
    if !live.within(meant.filter.labels()) {
        let mut said = |text: &str| {
            query.push(text);
            bind_instant(query, Some(as_of));
        };
        said(" and case when w.state = 'running' then w.run_at <= ");
        said(
            " else not exists (select from engine.attempt a where a.shard = j.shard and a.job_id = w.id \
             and a.attempt = w.attempt and (a.ended_at > ",
        );
        // Woken since.
        said(" or (a.outcome = 'wait' and w.state = 'available' and w.run_at > ");
        query.push("))) end");
    }
    query.push(" end");
}
