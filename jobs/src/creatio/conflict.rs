//! Conflicts: fields that both sides have edited and no rule settles, and records that one side has edited and the other
//! deleted. Only that field waits; the others go on.
//!
//! A decision is noted here and applied by the next sync, if both sides are still as the person saw them (law L11);
//! else the conflict is open again, with what is there now and the outcome `stale`.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Decision, Sort, edit};
use crate::Error;
use crate::plan::reconcile::Side;
use crate::store::creatio::{conflict as stored, dirty};

const LARGEST_PAGE: u16 = 500;
const LONGEST_NOTE: usize = 1_000;
/// Conflicts of a field that are decided in one statement after the other.
const AT_ONCE: i64 = 500;
/// The name of a conflict that is about a whole record.
pub const RECORD: &str = "*";

/// How a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Open,
    /// Somebody has said how to settle it, and somebody else must agree.
    Proposed,
    /// Decided: the next sync applies it.
    Resolved,
    Applied,
    /// The two sides have come to agree by themselves.
    Superseded,
}

/// Something that a person must settle, or has settled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    pub id: i64,
    #[serde(skip)]
    pub(crate) link_id: i64,
    pub connection: String,
    pub sort: Sort,
    pub local_id: Option<Uuid>,
    pub remote_id: Option<Uuid>,
    /// By its local name; [`RECORD`] when it is about the whole record.
    pub field: String,
    /// What both were when they were last at one; each in the form of its side.
    pub base_local: Value,
    pub base_remote: Value,
    /// What is here and what is there, the latter also as it would stand here: of a lookup its name, or null.
    pub ours: Value,
    pub theirs: Value,
    pub theirs_local: Value,
    /// Of a whole record: the side that it is gone from, `local` or `remote`.
    pub gone: Option<String>,
    pub local_version: Option<i64>,
    /// When each side was changed last, by its own clock.
    pub local_at: Option<Timestamp>,
    pub remote_at: Option<Timestamp>,
    /// The rule that left it to a person.
    pub policy: String,
    pub status: Status,
    pub decision: Option<Decision>,
    pub proposed_by: Option<String>,
    pub proposed_at: Option<Timestamp>,
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub note: Option<String>,
    pub applied_at: Option<Timestamp>,
    /// What the decision came to: `applied`, `stale`, or why it cannot be applied.
    pub outcome: Option<String>,
    pub detected_at: Timestamp,
    /// Of what it shows: hand it back with a decision.
    pub updated_at: Timestamp,
}

/// Which conflicts a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub connection: Option<String>,
    pub sort: Option<Sort>,
    pub field: Option<String>,
    pub status: Option<Status>,
    pub local_id: Option<Uuid>,
    /// Only those with a smaller id: the next page.
    pub before: Option<i64>,
}

/// Who decides, why, and what they saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Word<'a> {
    pub by: &'a str,
    pub note: Option<&'a str>,
    /// The conflict's `updated_at` that they saw; None trusts that it is as it was.
    pub seen: Option<Timestamp>,
}

impl Status {
    pub const ALL: [Status; 5] = [
        Status::Open,
        Status::Proposed,
        Status::Resolved,
        Status::Applied,
        Status::Superseded,
    ];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Proposed => "proposed",
            Status::Resolved => "resolved",
            Status::Applied => "applied",
            Status::Superseded => "superseded",
        }
    }

    /// The status of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// A page of conflicts, newest first, 500 at the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    limit: u16,
) -> Result<Page<Conflict, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = stored::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// A page of those that wait for a person, open or proposed, newest first; 500 at the most.
///
/// # Errors
/// [`Error::Database`].
pub async fn waiting(
    pool: &PgPool,
    filter: &Filter,
    limit: u16,
) -> Result<Page<Conflict, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let mut rows = Vec::new();
    for status in [Status::Open, Status::Proposed] {
        let filter = Filter {
            status: Some(status),
            ..filter.clone()
        };
        rows.extend(stored::list(&mut conn, &filter, i64::from(limit) + 1).await?);
    }
    rows.sort_unstable_by_key(|one| std::cmp::Reverse(one.id));
    rows.truncate(usize::from(limit) + 1);
    Ok(Page::of(rows, limit, |one| Cursor::of(one.id)))
}

/// One conflict.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Database`].
pub async fn show(pool: &PgPool, id: i64) -> Result<Conflict, Error> {
    let found = stored::get(&mut *pool.acquire().await?, id).await?;
    found.ok_or_else(|| no_such(id))
}

/// Settles a conflict, in the caller's transaction; the next sync applies it.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Decided`] when it is over, or shows something else than the person saw;
/// [`Error::Invalid`] for a value that the field cannot hold, or of a whole record, and for a note that is too long.
pub async fn resolve(
    tx: &mut PgConnection,
    id: i64,
    decision: &Decision,
    word: Word<'_>,
) -> Result<Conflict, Error> {
    let conflict = undecided(tx, id, word).await?;
    settle(tx, &conflict, decision, word).await?;
    again(tx, id).await
}

/// Settles all undecided conflicts of one field in the same way, in the caller's transaction; how many.
///
/// # Errors
/// As for [`resolve`].
pub async fn resolve_field(
    tx: &mut PgConnection,
    connection: &str,
    (sort, field): (Sort, &str),
    decision: &Decision,
    word: Word<'_>,
) -> Result<i64, Error> {
    let (mut after, mut settled) = (0, 0);
    loop {
        let some = stored::of_field(tx, connection, (sort, field), (after, AT_ONCE)).await?;
        let Some(last) = some.last() else {
            return Ok(settled);
        };
        after = last.id;
        for conflict in &some {
            settle(tx, conflict, decision, word).await?;
            settled += 1;
        }
    }
}

/// Says how a conflict could be settled, in the caller's transaction. It waits for somebody else's approval.
///
/// # Errors
/// As for [`resolve`].
pub async fn propose(
    tx: &mut PgConnection,
    id: i64,
    decision: &Decision,
    word: Word<'_>,
) -> Result<Conflict, Error> {
    let conflict = undecided(tx, id, word).await?;
    check(&conflict, decision, word)?;
    let by = (word.by, word.note);
    stored::decide(tx, id, Status::Proposed, Some(decision), by).await?;
    again(tx, id).await
}

/// Agrees with what was proposed, in the caller's transaction; the next sync applies it.
///
/// # Errors
/// As for [`resolve`]; [`Error::Decided`] when nothing is proposed, or by the same person.
pub async fn approve(tx: &mut PgConnection, id: i64, word: Word<'_>) -> Result<Conflict, Error> {
    let conflict = undecided(tx, id, word).await?;
    let Some(decision) = conflict
        .decision
        .clone()
        .filter(|_| conflict.status == Status::Proposed)
    else {
        return decided(format!("nothing is proposed for conflict {id}"));
    };
    if conflict.proposed_by.as_deref() == Some(word.by) {
        return decided(format!(
            "conflict {id}: who proposed it cannot approve it; somebody else must"
        ));
    }
    settle(tx, &conflict, &decision, word).await?;
    again(tx, id).await
}

/// Does not agree with what was proposed, in the caller's transaction: it is open again.
///
/// # Errors
/// As for [`approve`].
pub async fn decline(tx: &mut PgConnection, id: i64, word: Word<'_>) -> Result<Conflict, Error> {
    let conflict = undecided(tx, id, word).await?;
    if conflict.status != Status::Proposed {
        return decided(format!("nothing is proposed for conflict {id}"));
    }
    stored::decide(tx, id, Status::Open, None, (word.by, word.note)).await?;
    again(tx, id).await
}

async fn settle(
    tx: &mut PgConnection,
    conflict: &Conflict,
    decision: &Decision,
    word: Word<'_>,
) -> Result<(), Error> {
    check(conflict, decision, word)?;
    stored::decide(
        tx,
        conflict.id,
        Status::Resolved,
        Some(decision),
        (word.by, word.note),
    )
    .await?;
    let (side, key) = match (conflict.local_id, conflict.remote_id) {
        (Some(local_id), _) => (Side::Local, local_id),
        (None, remote_id) => (Side::Remote, remote_id.unwrap_or_default()),
    };
    dirty::mark(
        tx,
        &conflict.connection,
        (conflict.sort, side),
        &[key],
        "resolved",
    )
    .await
}

fn check(conflict: &Conflict, decision: &Decision, word: Word<'_>) -> Result<(), Error> {
    let (sort, field) = (conflict.sort, conflict.field.as_str());
    let fits = match decision {
        Decision::Take(_) => Ok(()),
        Decision::Value(_) if field == RECORD => {
            Err("expected local or creatio: one side has deleted the record".to_owned())
        }
        Decision::Value(value) => edit::check(sort, field, value)
            .map_err(|why| format!("{why} for {}.{field}", sort.as_str())),
    };
    fits.map_err(|why| Error::Invalid(format!("value: {why}")))?;
    let is_odd = |note: &str| note.chars().count() > LONGEST_NOTE || note.contains('\0');
    if word.note.is_some_and(is_odd) {
        let why = "note: expected at most 1000 characters, none of them NUL";
        return Err(Error::Invalid(why.to_owned()));
    }
    Ok(())
}

async fn undecided(tx: &mut PgConnection, id: i64, word: Word<'_>) -> Result<Conflict, Error> {
    let conflict = stored::lock(tx, id).await?.ok_or_else(|| no_such(id))?;
    if !matches!(conflict.status, Status::Open | Status::Proposed) {
        return decided(format!("conflict {id} is {}", conflict.status.as_str()));
    }
    if word.seen.is_some_and(|seen| seen != conflict.updated_at) {
        return decided(format!(
            "conflict {id} has changed since you looked: look again"
        ));
    }
    Ok(conflict)
}

async fn again(tx: &mut PgConnection, id: i64) -> Result<Conflict, Error> {
    stored::get(tx, id).await?.ok_or_else(|| no_such(id))
}

fn decided<T>(text: String) -> Result<T, Error> {
    Err(Error::Decided(text))
}

fn no_such(id: i64) -> Error {
    Error::NoSuch {
        what: "conflict",
        id: id.to_string(),
    }
}
