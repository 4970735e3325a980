//! Intents: what is to be written to Creatio, noted before it is sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::journal::Lost;
use crate::Error;
use crate::store::{instant_or_none, storable};

/// Something that is to be written, or may have been.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Intent {
    pub(crate) op_id: Uuid,
    pub(crate) link_id: i64,
    pub(crate) remote_id: Uuid,
    pub(crate) verb: Verb,
    /// By Creatio's names, as it is sent.
    pub(crate) payload: Map<String, Value>,
    /// By the mapping's names.
    pub(crate) fields: BTreeMap<String, Field>,
    /// What it writes over.
    pub(crate) lost: Vec<Lost>,
    pub(crate) state: State,
    pub(crate) sent_at: Option<Timestamp>,
    /// Since it was sent, in seconds.
    pub(crate) age_s: f64,
}

/// Something that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct New {
    pub(crate) link_id: i64,
    pub(crate) remote_id: Uuid,
    pub(crate) verb: Verb,
    pub(crate) payload: Map<String, Value>,
    pub(crate) fields: BTreeMap<String, Field>,
    /// What it writes over.
    pub(crate) lost: Vec<Lost>,
    pub(crate) hash: Vec<u8>,
    pub(crate) expected_at: Option<Timestamp>,
}

/// What is sent of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// The local value that it was planned from.
    pub(crate) local: Value,
    pub(crate) sent: Value,
    /// What Creatio had before.
    pub(crate) before: Value,
    /// The local side is to have another value too.
    pub(crate) is_merged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Update,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Planned,
    Sent,
    Unknown,
    Acked,
    Rejected,
}

/// What an intent came to.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) op_id: Uuid,
    pub(crate) state: State,
    pub(crate) code: Option<String>,
    /// Fields that Creatio has as before, though it took the write: nothing of them is lost.
    pub(crate) unkept: Vec<String>,
}

/// Notes what is to be written; the operation's id for each link.
pub(crate) async fn plan(
    conn: &mut PgConnection,
    job_id: Uuid,
    intents: &[New],
) -> Result<Vec<(i64, Uuid)>, Error> {
    let rows = intents.iter().map(|one| {
        let hash: String = one.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "link_id": one.link_id, "remote_id": one.remote_id, "verb": one.verb.word(),
            "payload": one.payload, "fields": one.fields, "lost": one.lost, "hash": format!("\\x{hash}"), "expected_at": one.expected_at,
        })
    });
    Ok(sqlx::query_as(include_str!("intent/plan.sql"))
        .bind(job_id)
        .bind(storable(&rows.collect()))
        .fetch_all(conn)
        .await?)
}

/// From here on they may be at Creatio. Those that are not planned any more are not told of.
pub(crate) async fn send(conn: &mut PgConnection, op_ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "update sync.intent set state = 'sent', sent_at = now() where op_id = any($1) and state = 'planned' \
         returning op_id",
    )
    .bind(op_ids)
    .fetch_all(conn)
    .await?)
}

/// Ends intents, or leaves them in doubt; what those that were acked have written over.
pub(crate) async fn end(conn: &mut PgConnection, ends: &[End]) -> Result<Vec<Lost>, Error> {
    let rows = ends.iter().map(|one| {
        json!({"op_id": one.op_id, "state": one.state.word(), "code": one.code, "unkept": one.unkept})
    });
    let Json(lost) = sqlx::query_scalar(include_str!("intent/end.sql"))
        .bind(Value::Array(rows.collect()).to_string())
        .fetch_one(conn)
        .await?;
    Ok(lost)
}

/// The intents of these links that are not over.
pub(crate) async fn open(conn: &mut PgConnection, links: &[i64]) -> Result<Vec<Intent>, Error> {
    let rows = sqlx::query(
        "select op_id, link_id, remote_id, verb, payload, fields, lost, state, sent_at, \
             coalesce(extract(epoch from now() - sent_at), 0)::float8 as age_s from sync.intent \
         where link_id = any($1) and state in ('planned', 'sent', 'unknown') order by op_id",
    )
    .bind(links)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Links whose last three writes said the same, all within the hour: Creatio does not keep what it is sent.
pub(crate) async fn repeated(
    conn: &mut PgConnection,
    links: &[i64],
    hashes: &[Vec<u8>],
) -> Result<Vec<i64>, Error> {
    Ok(sqlx::query_scalar(include_str!("intent/repeated.sql"))
        .bind(links)
        .bind(hashes)
        .fetch_all(conn)
        .await?)
}

/// Records that may be at Creatio under an id that we do not know yet.
pub(crate) async fn creates_in_doubt(
    conn: &mut PgConnection,
    connection: &str,
    stream: &str,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "select count(*) from sync.intent i join sync.link l on l.id = i.link_id \
         where l.connection = $1 and l.stream = $2 and i.verb = 'create' and i.state in ('sent', 'unknown')",
    )
    .bind(connection)
    .bind(stream)
    .fetch_one(conn)
    .await?)
}

impl Verb {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        }
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Planned => "planned",
            State::Sent => "sent",
            State::Unknown => "unknown",
            State::Acked => "acked",
            State::Rejected => "rejected",
        }
    }
}

fn read(row: &PgRow) -> sqlx::Result<Intent> {
    let (verb, state): (String, String) = (row.try_get("verb")?, row.try_get("state")?);
    let unknown = |word: &str| sqlx::Error::Protocol(format!("unknown word {word}"));
    let verbs = [Verb::Create, Verb::Update, Verb::Delete];
    let states = [
        State::Planned,
        State::Sent,
        State::Unknown,
        State::Acked,
        State::Rejected,
    ];
    let Json(payload) = row.try_get("payload")?;
    let Json(fields) = row.try_get("fields")?;
    let Json(lost) = row.try_get("lost")?;
    Ok(Intent {
        op_id: row.try_get("op_id")?,
        link_id: row.try_get("link_id")?,
        remote_id: row.try_get("remote_id")?,
        verb: verbs
            .into_iter()
            .find(|one| one.word() == verb)
            .ok_or_else(|| unknown(&verb))?,
        payload,
        fields,
        lost,
        state: states
            .into_iter()
            .find(|one| one.word() == state)
            .ok_or_else(|| unknown(&state))?,
        sent_at: instant_or_none(row, "sent_at")?,
        age_s: row.try_get("age_s")?,
    })
}
