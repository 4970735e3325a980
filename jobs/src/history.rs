//! History: why a value of a record is what it is.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::creatio::Sort;
use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;

/// The streams whose records have a history.
pub const STREAMS: [&str; 8] = [
    crate::soundtrack::STREAM,
    crate::zoho::STREAM,
    crate::packages::STREAM,
    crate::packages::LINKS,
    Sort::Contact.stream(),
    Sort::Lead.stream(),
    Sort::Activity.stream(),
    Sort::Participant.stream(),
];

/// One change of a record. What an answer left as it was is no change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Ascending with time.
    pub id: i64,
    /// Whose listing it was: `company:7`, `profile:0198c7a2-…`, or a connection.
    pub partition: String,
    /// `created`, `updated`, `revived`, `missing` or `gone`.
    pub event: String,
    /// From what to what: `{"price": ["6", "7"]}`. Long texts are cut.
    pub changes: Value,
    /// The run that did it; none for a person's act, and for what is synced without runs.
    pub run_id: Option<i64>,
    /// The job that did it; the job of the run, while the run is kept.
    pub job_id: Option<Uuid>,
    /// `sync`, or the person who did it.
    pub actor: String,
    /// Why, if a person said.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The changes of the record of a stream with this id at the remote, newest first, at most `limit`, 500 at
/// the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    (stream, key): (&str, &str),
    before: Option<i64>,
    limit: u16,
) -> Result<Page<Entry, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::history::list(&mut conn, (stream, key), before, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |entry| Cursor::of(entry.id)))
}
