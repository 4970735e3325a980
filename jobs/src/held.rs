//! Held sweeps: rows that a complete walk missed and did not mark, since they were too many. A person looks,
//! and marks them or lets them be.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::creatio::Sort;
use crate::flow::Partition;
use crate::{Error, soundtrack, store, zoho};

const LARGEST_PAGE: u16 = 500;

/// How a held sweep stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has decided.
    Open,
    /// What was still missing was marked as gone.
    Approved,
    /// Nothing was marked. The next walk asks again.
    Rejected,
    /// A newer complete walk speaks for itself.
    Superseded,
}

impl Status {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Approved => "approved",
            Status::Rejected => "rejected",
            Status::Superseded => "superseded",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Status> {
        [
            Status::Open,
            Status::Approved,
            Status::Rejected,
            Status::Superseded,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// A sweep that waits for a person, or has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The run that held it, and its id.
    pub run_id: i64,
    /// What was listed: `zoho.products`.
    pub stream: String,
    /// Whose listing it was: `company:7`, or a connection.
    pub partition: String,
    /// The company, where the listing is one company's.
    pub company_id: Option<i64>,
    /// The connection, where the listing is a whole connection's.
    pub connection: Option<String>,
    /// `held_empty`: nothing was listed; `held_large`: more than ten and than a tenth would go.
    pub cause: String,
    /// Rows there were.
    pub known: i64,
    /// What is missing still: whatever an answer has named since is taken out.
    pub candidates: Vec<String>,
    /// How it stands.
    pub status: Status,
    /// Since when.
    pub held_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Rows that were marked as gone.
    pub marked: i32,
}

/// Held sweeps, newest first, at most `limit`, 500 at the most: those that wait, or with `all` every one.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    all: bool,
    before: Option<i64>,
    limit: u16,
) -> Result<Page<Held, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let is_open = (!all).then_some(true);
    let rows = store::held::list(&mut conn, is_open, before, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.run_id)))
}

/// One held sweep.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Database`].
pub async fn get(pool: &PgPool, run_id: i64) -> Result<Held, Error> {
    let found = store::held::get(&mut *pool.acquire().await?, run_id).await?;
    found.ok_or_else(|| no_such(run_id))
}

/// Marks what is still missing as gone, in the caller's transaction. What an answer has named since, or
/// anything has written, stays.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Decided`] when it is not open.
pub async fn approve(
    tx: &mut PgConnection,
    run_id: i64,
    (by, reason): (&str, Option<&str>),
) -> Result<Held, Error> {
    let held = open(tx, run_id).await?;
    let partition = held.listing();
    let table = match held.stream.as_str() {
        zoho::STREAM => store::product::TABLE,
        soundtrack::STREAM => store::zone::TABLE,
        other => {
            let sort = Sort::parse(other);
            let sort = sort
                .ok_or_else(|| Error::Invalid(format!("nothing is known of the stream {other}")))?;
            store::creatio::observed::table(sort)
        }
    };
    let since = Some(run_id);
    let marked = store::record::gone(tx, &table, &partition, &held.candidates, since).await?;
    let of = (held.stream.as_str(), held.partition.as_str());
    store::history::write_by_hand(tx, of, &marked, (by, reason)).await?;
    decide(tx, run_id, Status::Approved, (by, reason), marked.len()).await
}

/// Lets everything be as it is, in the caller's transaction. The next complete walk asks again.
///
/// # Errors
/// As for [`approve`].
pub async fn reject(
    tx: &mut PgConnection,
    run_id: i64,
    (by, reason): (&str, Option<&str>),
) -> Result<Held, Error> {
    open(tx, run_id).await?;
    decide(tx, run_id, Status::Rejected, (by, reason), 0).await
}

async fn open(tx: &mut PgConnection, run_id: i64) -> Result<Held, Error> {
    let held = store::held::lock(tx, run_id).await?;
    let held = held.ok_or_else(|| no_such(run_id))?;
    if held.status == Status::Open {
        return Ok(held);
    }
    Err(Error::Decided(format!(
        "the sweep of run {run_id} is {}",
        held.status.as_str()
    )))
}

async fn decide(
    tx: &mut PgConnection,
    run_id: i64,
    status: Status,
    by: (&str, Option<&str>),
    marked: usize,
) -> Result<Held, Error> {
    store::held::decide(tx, run_id, status, by, marked).await?;
    store::held::lock(tx, run_id)
        .await?
        .ok_or_else(|| no_such(run_id))
}

impl Held {
    fn listing(&self) -> Partition {
        match self.company_id {
            Some(id) => Partition::Company(id),
            None => Partition::Connection(self.connection.clone().unwrap_or_default()),
        }
    }
}

fn no_such(run_id: i64) -> Error {
    Error::NoSuch {
        what: "held sweep of run",
        id: run_id.to_string(),
    }
}
