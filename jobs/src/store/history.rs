//! What happened to records, and why.

use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::instant;
use crate::Error;
use crate::flow::Progress;
use crate::history::Entry;
use crate::plan::difference::Changes;

/// One change of one record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) event: &'static str,
    pub(crate) changes: Changes,
}

impl Event {
    /// Of records that were marked as gone.
    pub(crate) fn all_gone(keys: &[String]) -> Vec<Event> {
        let gone = |key: &String| Event {
            key: key.clone(),
            event: "gone",
            changes: Changes::new(),
        };
        keys.iter().map(gone).collect()
    }
}

/// Writes what a run did.
pub(crate) async fn write(
    conn: &mut PgConnection,
    stream: &str,
    run: &Progress,
    events: &[Event],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into sync.history (stream, partition, key, event, changes, run_id) \
         select $1, $2, x.key, x.event, x.changes, $3 \
         from jsonb_to_recordset($4::jsonb) as x (key text, event text, changes jsonb)",
    )
    .bind(stream)
    .bind(run.partition.key())
    .bind(run.id)
    .bind(rows(events))
    .execute(conn)
    .await?;
    Ok(())
}

/// Who did what was done without a run.
pub(crate) enum By<'a> {
    Job(Uuid),
    /// A person, and why if they said.
    Person(&'a str, Option<&'a str>),
}

/// Writes what was done to records of several streams, without a run.
pub(crate) async fn write_without_run(
    conn: &mut PgConnection,
    partition: &str,
    by: &By<'_>,
    events: &[(&'static str, Event)],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let row = |(stream, one): &(&str, Event)| json!({"stream": stream, "key": one.key, "event": one.event, "changes": one.changes});
    let rows = super::storable(&events.iter().map(row).collect());
    let (job_id, actor, reason) = match *by {
        By::Job(id) => (Some(id), "sync", None),
        By::Person(name, reason) => (None, name, reason),
    };
    sqlx::query(
        "insert into sync.history (stream, partition, key, event, changes, job_id, actor, reason) \
         select x.stream, $1, x.key, x.event, x.changes, $2, $3, left($4, 1000) \
         from jsonb_to_recordset($5::jsonb) as x (stream text, key text, event text, changes jsonb)",
    )
    .bind(partition)
    .bind(job_id)
    .bind(actor)
    .bind(reason)
    .bind(rows)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes that a person had records marked as gone, which a run had left to them.
pub(crate) async fn write_by_hand(
    conn: &mut PgConnection,
    (stream, partition): (&str, &str),
    keys: &[String],
    (actor, reason): (&str, Option<&str>),
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.history (stream, partition, key, event, actor, reason) \
         select $1, $2, x.key, 'gone', $4, $5 from unnest($3::text[]) as x (key)",
    )
    .bind(stream)
    .bind(partition)
    .bind(keys)
    .bind(actor)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

fn rows(events: &[Event]) -> String {
    let row = |one: &Event| json!({"key": one.key, "event": one.event, "changes": one.changes});
    super::storable(&Value::Array(events.iter().map(row).collect()))
}

/// The changes of one record, newest first; with the key of another partition too, if there is such.
pub(crate) async fn list(
    conn: &mut PgConnection,
    (stream, key): (&str, &str),
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(
        "select h.id, h.partition, h.event, h.changes, h.run_id, h.actor, h.reason, h.at, \
             coalesce(h.job_id, r.job_id) as job_id \
         from sync.history h left join sync.run r on r.id = h.run_id \
         where h.stream = $1 and h.key = $2 and ($3::bigint is null or h.id < $3) \
         order by h.id desc limit $4",
    )
    .bind(stream)
    .bind(key)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Deletes what is older than so many days, of history, ended runs and resolved quarantine, a chunk of each;
/// how many rows went. Ids ascend with time, so that the oldest are found at once.
pub(crate) async fn prune(
    conn: &mut PgConnection,
    keep_days: i32,
    chunk: i64,
) -> Result<u64, Error> {
    let gone: i64 = sqlx::query_scalar(include_str!("prune_history.sql"))
        .bind(keep_days)
        .bind(chunk)
        .fetch_one(conn)
        .await?;
    Ok(gone.cast_unsigned())
}

fn read(row: &PgRow) -> sqlx::Result<Entry> {
    let Json(changes): Json<Value> = row.try_get("changes")?;
    Ok(Entry {
        id: row.try_get("id")?,
        partition: row.try_get("partition")?,
        event: row.try_get("event")?,
        changes,
        run_id: row.try_get("run_id")?,
        job_id: row.try_get::<Option<Uuid>, _>("job_id")?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        at: instant(row, "at")?,
    })
}
