//! Records: how each stands, what was done for it, and how it goes on the whole.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Sort, Status};
use crate::plan::reconcile::Side;
use crate::store::creatio::{conflict, dirty, link, operation};
use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;
/// Over which rates are told.
const RATE_HOURS: i32 = 24;

/// How a record stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Of the pair.
    pub id: i64,
    pub connection: String,
    pub sort: Sort,
    pub local_id: Option<Uuid>,
    /// Creatio's id. Of a record that is yet to be made there, the one that was chosen for it.
    pub remote_id: Option<Uuid>,
    /// `new` (never at one), `active`, `tombstone` (deleted on both sides) or `unlinked`.
    pub state: String,
    pub status: Status,
    /// Which way the last write went: `to_creatio`, `from_creatio` or `both`.
    pub direction: Option<String>,
    /// Tries in a row that failed.
    pub tries: i32,
    /// What is wrong, a stable word.
    pub code: Option<String>,
    /// More of it: names of fields, ids that come into question.
    pub detail: Option<Value>,
    /// Of what each side was when both were last at one.
    pub hash_local: String,
    pub hash_remote: String,
    /// It is to be looked at.
    pub is_waiting: bool,
    pub created_at: Timestamp,
    /// When it was last looked at.
    pub decided_at: Option<Timestamp>,
    /// When the two sides were last at one.
    pub synced_at: Option<Timestamp>,
}

/// Which records a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub connection: Option<String>,
    pub sort: Option<Sort>,
    pub status: Option<Status>,
    pub local_id: Option<Uuid>,
    pub remote_id: Option<Uuid>,
    /// Only those with a greater id: the next page.
    pub after: Option<i64>,
}

/// Something that was done or tried for a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    pub id: i64,
    /// `create`, `update`, `delete`, `link`, `unlink`, `bury`, `conflict` or `review`.
    pub verb: String,
    pub direction: Option<String>,
    /// `success`, `failed`, `unknown`, `conflict` or `manual_review`.
    pub status: String,
    pub code: Option<String>,
    /// Field by field, from what to what, in local form. Long texts are cut.
    pub changes: Map<String, Value>,
    pub job_id: Option<Uuid>,
    pub began_at: Timestamp,
    /// From the look at both sides to its end.
    pub took_ms: i32,
}

/// How the operations of one stream and direction went in the last day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    pub stream: String,
    pub direction: String,
    pub succeeded: i64,
    pub failed: i64,
    pub took_p50_ms: f64,
    pub took_p95_ms: f64,
}

/// How a connection, or all of them, stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Records by stream and status.
    pub records: Vec<Count>,
    /// Conflicts that nobody has decided, those that somebody has proposed to settle, and those decided and not
    /// yet applied.
    pub open_conflicts: i64,
    pub proposed_conflicts: i64,
    pub resolved_conflicts: i64,
    /// Records that are to be looked at now, and later.
    pub due: i64,
    pub later: i64,
    /// How long the oldest of those due has waited, in seconds.
    pub oldest_s: Option<f64>,
    /// Of the last 24 hours.
    pub rates: Vec<Rate>,
}

/// So many records of a stream are in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    pub stream: String,
    pub status: String,
    pub records: i64,
}

/// A page of records in the order of their ids, 500 at the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Record, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = link::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// The record of a local id.
///
/// # Errors
/// [`Error::NoSuch`], also for one that no sync has looked at yet; [`Error::Database`].
pub async fn show(pool: &PgPool, sort: Sort, local_id: Uuid) -> Result<Record, Error> {
    let filter = Filter {
        sort: Some(sort),
        local_id: Some(local_id),
        ..Filter::default()
    };
    let found = list(pool, &filter, 1).await?.data.into_iter().next();
    found.ok_or_else(|| no_such(sort, local_id))
}

/// A page of what was done for a record, newest first.
///
/// # Errors
/// As for [`show`].
pub async fn history(
    pool: &PgPool,
    (sort, local_id): (Sort, Uuid),
    before: Option<i64>,
    limit: u16,
) -> Result<Page<Operation, i64>, Error> {
    let record = show(pool, sort, local_id).await?;
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = operation::list(&mut conn, record.id, before, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// How a connection stands, or all of them together.
///
/// # Errors
/// [`Error::Database`].
pub async fn overview(pool: &PgPool, connection: Option<&str>) -> Result<Overview, Error> {
    let mut conn = pool.acquire().await?;
    let records = link::counts(&mut conn, connection).await?;
    let conflicts = conflict::counts(&mut conn, connection).await?;
    let (due, later, oldest_s) = dirty::depth(&mut conn, connection).await?;
    let count = |status: &str| {
        let found = conflicts.iter().find(|(one, _)| one == status);
        found.map_or(0, |(_, count)| *count)
    };
    let records = records.into_iter().map(|(stream, status, records)| Count {
        stream,
        status,
        records,
    });
    Ok(Overview {
        records: records.collect(),
        open_conflicts: count("open"),
        proposed_conflicts: count("proposed"),
        resolved_conflicts: count("resolved"),
        due,
        later,
        oldest_s,
        rates: operation::rates(&mut conn, connection, RATE_HOURS).await?,
    })
}

/// Has all failed records looked at again, in the caller's transaction; how many there are.
///
/// # Errors
/// [`Error::Database`].
pub async fn retry_failed(
    tx: &mut PgConnection,
    connection: Option<&str>,
    sort: Option<Sort>,
) -> Result<i64, Error> {
    link::retry_failed(tx, connection, sort).await
}

/// A person says that these two are one, in the caller's transaction. They are compared at the next sync, as at
/// first contact.
///
/// # Errors
/// [`Error::NoSuch`] when one of them is not there; [`Error::Decided`] when one has another counterpart already.
pub async fn pair(
    tx: &mut PgConnection,
    connection: &str,
    sort: Sort,
    (local_id, remote_id): (Uuid, Uuid),
) -> Result<(), Error> {
    let here = store::creatio::local::load(tx, connection, sort, &[local_id]).await?;
    if here.iter().all(|one| one.is_deleted) {
        return Err(no_such(sort, local_id));
    }
    let there = store::creatio::observed::load(tx, connection, sort, &[remote_id]).await?;
    if there.iter().all(|one| one.is_gone) {
        return Err(Error::NoSuch {
            what: "record seen at Creatio",
            id: remote_id.to_string(),
        });
    }
    let links = link::of(tx, connection, sort, (&[local_id], &[remote_id])).await?;
    for one in &links {
        if one.local_id == Some(local_id) && one.remote_id == Some(remote_id) {
            return Err(Error::Decided(format!(
                "the two {}s are a pair already",
                sort.as_str()
            )));
        }
        let is_free = one.base.is_none() && (one.local_id.is_none() || one.remote_id.is_none());
        if !is_free {
            return Err(Error::Decided(format!(
                "the {} has another counterpart already",
                sort.as_str()
            )));
        }
    }
    link::drop_lonely(tx, connection, sort, &[remote_id]).await?;
    match links.iter().find(|one| one.local_id == Some(local_id)) {
        Some(one) => link::name(tx, one.id, (Some(local_id), Some(remote_id))).await?,
        None => {
            link::make(tx, connection, sort, &[(Some(local_id), Some(remote_id))])
                .await?
                .pop();
        }
    }
    dirty::mark(tx, connection, (sort, Side::Local), &[local_id], "paired").await
}

/// A person says that a record in review has no counterpart, in the caller's transaction: it is made on the other
/// side at the next sync. The answer is its connection.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Decided`] when it is in no review.
pub async fn separate(tx: &mut PgConnection, id: i64) -> Result<String, Error> {
    let row = link::lock(tx, id).await?;
    let (connection, sort, link, status) = row.ok_or_else(|| Error::NoSuch {
        what: "record",
        id: id.to_string(),
    })?;
    if status != Status::ManualReview {
        return Err(Error::Decided(format!("record {id} is in no review")));
    }
    link::separate(tx, id).await?;
    let (side, key) = match (link.local_id, link.remote_id) {
        (Some(local_id), _) => (Side::Local, local_id),
        (None, remote_id) => (Side::Remote, remote_id.unwrap_or_default()),
    };
    dirty::mark(tx, &connection, (sort, side), &[key], "separate").await?;
    Ok(connection)
}

fn no_such(sort: Sort, id: Uuid) -> Error {
    Error::NoSuch {
        what: sort.as_str(),
        id: id.to_string(),
    }
}
