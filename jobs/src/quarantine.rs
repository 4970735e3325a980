//! Quarantine: records that could not be read, kept as they came.

use engine::{Cursor, NewJob, Page};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::creatio::Sort;
use crate::{Error, creatio, packages, soundtrack, store, zoho};

const LARGEST_PAGE: u16 = 500;
const LONGEST_REASON: usize = 1_000;

/// How a bad record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It still cannot be read, and makes its runs partial.
    Open,
    /// A person has said that it may stay as it is. When it changes it is open again.
    Ignored,
    /// It could be read since, or is gone.
    Resolved,
}

impl Status {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Ignored => "ignored",
            Status::Resolved => "resolved",
        }
    }

    /// The status of a word, if it is one.
    pub fn parse(word: &str) -> Option<Status> {
        [Status::Open, Status::Ignored, Status::Resolved]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A record that could not be read, by what may be told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id at the remote, when at least that could be read.
    pub key: Option<String>,
    /// The field that is not as expected.
    pub field: String,
    /// What was expected. What was there instead is not told.
    pub expected: String,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quarantined {
    /// Its id here.
    pub id: i64,
    /// What it is a record of: `zoho.products`.
    pub stream: String,
    /// Whose listing named it: `company:7`, `profile:0198c7a2-…`, or a connection.
    pub partition: String,
    /// The company, where the listing is one company's.
    pub company_id: Option<i64>,
    /// The connection, where the listing is not one company's.
    pub connection: Option<String>,
    /// The profile, where the listing is one profile's.
    pub profile_id: Option<Uuid>,
    /// Its id at the remote; the hash of the raw record when not even that could be read.
    pub key: String,
    /// True when `key` is an id.
    pub is_named: bool,
    /// The field that is not as expected.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// How often it came.
    pub times: i32,
    /// How it stands.
    pub status: Status,
    /// The last run that found it bad; none for what is synced without runs.
    pub run_id: Option<i64>,
    /// The last job that found it bad, where that has no run.
    pub job_id: Option<Uuid>,
    /// When it first came.
    pub first_seen_at: Timestamp,
    /// When it last came.
    pub last_seen_at: Timestamp,
    /// Since when it is resolved.
    pub resolved_at: Option<Timestamp>,
    /// Who has said to ignore it.
    pub ignored_by: Option<String>,
    /// Why.
    pub ignored_because: Option<String>,
    /// As it came.
    pub raw: Value,
}

/// Which bad records a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this stream.
    pub stream: Option<String>,
    /// In this status.
    pub status: Option<Status>,
    /// Only those with a smaller id: the next page.
    pub before: Option<i64>,
}

/// Bad records, newest first, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    limit: u16,
) -> Result<Page<Quarantined, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::quarantine::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// One bad record.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Database`].
pub async fn get(conn: &mut PgConnection, id: i64) -> Result<Quarantined, Error> {
    let found = store::quarantine::get(conn, id).await?;
    found.ok_or_else(|| Error::NoSuch {
        what: "record in quarantine",
        id: id.to_string(),
    })
}

/// The job that reads a bad record again: alone, where its remote gives single records, or with its listing.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Decided`] when it is resolved.
pub async fn retry_job(conn: &mut PgConnection, id: i64, asked_by: &str) -> Result<NewJob, Error> {
    let one = get(conn, id).await?;
    if one.status == Status::Resolved {
        return Err(Error::Decided(format!(
            "record {id} is resolved: there is nothing to try again"
        )));
    }
    if let Some(profile_id) = one.profile_id {
        let profile = packages::find(conn, profile_id).await?;
        return Ok(packages::sync_again_of(&profile, asked_by));
    }
    if let (Some(sort), Some(connection)) = (Sort::parse(&one.stream), &one.connection) {
        return Ok(creatio::observe_of(connection, sort, false, asked_by));
    }
    match (one.company_id, one.connection) {
        (Some(company), _) => Ok(soundtrack::sync_of(company, asked_by)),
        // What is bad about a record may be its id, by which nothing can be asked for.
        (None, Some(connection)) if one.is_named && zoho::is_item_id(&one.key) => {
            Ok(zoho::sync_items_of(&connection, vec![one.key], asked_by))
        }
        (None, connection) => {
            let connection = connection.unwrap_or_default();
            Ok(zoho::sync_of(&connection, false, asked_by))
        }
    }
}

/// Lets a bad record be as it is, in the caller's transaction: runs are not partial for its sake any more.
///
/// # Errors
/// [`Error::Invalid`] without a reason; [`Error::NoSuch`]; [`Error::Decided`] when it is not open.
pub async fn ignore(
    conn: &mut PgConnection,
    id: i64,
    (by, because): (&str, &str),
) -> Result<Quarantined, Error> {
    let because = because.trim();
    if because.is_empty() || because.chars().count() > LONGEST_REASON {
        return Err(Error::Invalid(
            "reason: say why it may be ignored, in 1 to 1000 characters".into(),
        ));
    }
    let one = get(conn, id).await?;
    if !store::quarantine::ignore(conn, id, (by, because)).await? {
        return Err(Error::Decided(format!(
            "record {id} is {}, and only an open one can be ignored",
            one.status.as_str()
        )));
    }
    get(conn, id).await
}
