//! Journal: what a rule or a decision wrote over. Every entry can be put back while nothing has changed since.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::conflict::RECORD;
use super::{Chosen, Sort};
use crate::Error;
use crate::store::creatio::journal as stored;
use crate::store::creatio::local::{self, Local, Patch};

const LARGEST_PAGE: u16 = 500;

/// A value that is no more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    pub id: i64,
    #[serde(skip)]
    pub(crate) link_id: i64,
    pub connection: String,
    pub sort: Sort,
    pub local_id: Option<Uuid>,
    pub remote_id: Option<Uuid>,
    /// By its local name; `*` for a record that was deleted.
    pub field: String,
    /// `overwrote_local`, `overwrote_remote`, `kept_local`, `kept_remote`, `merged`, `deleted_local` or
    /// `deleted_remote`.
    pub event: String,
    /// What each side had and has no more, in local form.
    pub lost_local: Value,
    pub lost_remote: Value,
    /// What is here instead.
    pub now_local: Value,
    /// The conflict that a person settled so.
    pub conflict_id: Option<i64>,
    /// `sync`, or who decided.
    pub actor: String,
    pub job_id: Option<Uuid>,
    pub at: Timestamp,
    pub undone_at: Option<Timestamp>,
    pub undone_by: Option<String>,
}

/// Which entries a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub connection: Option<String>,
    pub sort: Option<Sort>,
    pub local_id: Option<Uuid>,
    /// Only those with a smaller id: the next page.
    pub before: Option<i64>,
}

/// A page of entries, newest first, 500 at the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Entry, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = stored::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// Puts a value back, as an edit of ours that the next sync carries over, in the caller's transaction. Of two edits
/// that were merged, `take` says which.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Decided`] when it was undone, when nothing was lost, or when the value has changed
/// since; [`Error::Invalid`] when `take` is missing.
pub async fn undo(
    tx: &mut PgConnection,
    id: i64,
    take: Option<Chosen>,
    by: &str,
) -> Result<Entry, Error> {
    let entry = stored::lock(tx, id).await?.ok_or_else(|| no_such(id))?;
    if entry.undone_at.is_some() {
        return Err(Error::Decided(format!("entry {id} is undone already")));
    }
    let value = lost(&entry, take)?;
    let local_id = entry.local_id.unwrap_or_default();
    local::lock(tx, &entry.connection, entry.sort, &[local_id]).await?;
    let rows = local::load(tx, &entry.connection, entry.sort, &[local_id]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(Error::Decided(format!(
            "entry {id}: the record is gone for good"
        )));
    };
    let patch = match entry.field.as_str() {
        RECORD => of_record(id, &row)?,
        field => of_field(&entry, &row, field, value)?,
    };
    if local::update(tx, &entry.connection, entry.sort, &[patch])
        .await?
        .is_empty()
    {
        return Err(Error::Decided(format!(
            "entry {id}: somebody is writing the record now; try again"
        )));
    }
    stored::undo(tx, id, by).await?;
    stored::lock(tx, id).await?.ok_or_else(|| no_such(id))
}

fn lost(entry: &Entry, take: Option<Chosen>) -> Result<Value, Error> {
    match (entry.event.as_str(), take) {
        ("overwrote_local", _) | ("merged", Some(Chosen::Local)) => Ok(entry.lost_local.clone()),
        ("overwrote_remote", _) | ("merged", Some(Chosen::Creatio)) => {
            Ok(entry.lost_remote.clone())
        }
        ("deleted_local" | "deleted_remote", _) => Ok(Value::Null),
        ("merged", None) => Err(Error::Invalid(
            "take: expected local or creatio: two edits were merged".to_owned(),
        )),
        _ => Err(Error::Decided(format!(
            "entry {}: nothing was written over",
            entry.id
        ))),
    }
}

fn of_record(id: i64, row: &Local) -> Result<Patch, Error> {
    if !row.is_deleted {
        return Err(Error::Decided(format!(
            "entry {id}: the record is back already"
        )));
    }
    Ok(Patch {
        id: row.id,
        version: row.version,
        fields: Map::new(),
        deletes: Some(false),
    })
}

fn of_field(entry: &Entry, row: &Local, field: &str, value: Value) -> Result<Patch, Error> {
    let now = row.fields.get(field).unwrap_or(&Value::Null);
    if row.is_deleted || !is_same(now, &entry.now_local) {
        return Err(Error::Decided(format!(
            "entry {}: the record has changed since: edit it instead",
            entry.id
        )));
    }
    Ok(Patch {
        id: row.id,
        version: row.version,
        fields: Map::from_iter([(field.to_owned(), value)]),
        deletes: None,
    })
}

/// The journal has canonical forms, and the table its own.
fn is_same(now: &Value, then: &Value) -> bool {
    let instant = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let number = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<rust_decimal::Decimal>().ok())
    };
    let lower = |value: &Value| value.as_str().map(|text| text.trim().to_lowercase());
    let digits = |value: &Value| -> Option<String> {
        let text = value.as_str()?;
        let is_number = |c: char| c.is_ascii_digit() || "+-(). /".contains(c);
        text.chars().all(is_number).then_some(())?;
        Some(
            text.chars()
                .filter(|c| c.is_ascii_digit() || *c == '+')
                .collect(),
        )
    };
    now == then
        || (instant(now).is_some() && instant(now) == instant(then))
        || (number(now).is_some() && number(now) == number(then))
        || (lower(now).is_some() && lower(now) == lower(then))
        || (digits(now).is_some_and(|text| text.len() > 4) && digits(now) == digits(then))
        || (now.as_str() == Some("") && then.is_null())
}

fn no_such(id: i64) -> Error {
    Error::NoSuch {
        what: "journal entry",
        id: id.to_string(),
    }
}
