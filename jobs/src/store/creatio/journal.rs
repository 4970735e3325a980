//! The journal: what was written over, so that it can be found again and put back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use crate::Error;
use crate::creatio::Sort;
use crate::creatio::journal::{Entry, Filter};
use crate::store::{instant, instant_or_none, listing, storable};

/// What was written over, or will be once a write is known to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lost {
    pub(crate) link_id: i64,
    pub(crate) field: String,
    pub(crate) event: Cow<'static, str>,
    pub(crate) lost_local: Value,
    pub(crate) lost_remote: Value,
    pub(crate) now_local: Value,
    pub(crate) conflict_id: Option<i64>,
    pub(crate) actor: String,
}

pub(crate) async fn write(
    conn: &mut PgConnection,
    of: (&str, Sort),
    job_id: Uuid,
    lost: &[Lost],
) -> Result<(), Error> {
    sqlx::query(include_str!("journal/write.sql"))
        .bind(of.0)
        .bind(of.1.stream())
        .bind(job_id)
        .bind(storable(&json!(lost)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "id, link_id, connection, stream, local_id, remote_id, field, event, lost_local, lost_remote, \
         now_local, conflict_id, actor, job_id, at, undone_at, undone_by"
    };
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows = listing(concat!(
        "select ",
        columns!(),
        " from sync.journal where ($1::text is null or connection = $1) and ($2::text is null or stream = $2) \
             and ($3::uuid is null or local_id = $3) and ($4::bigint is null or id < $4) \
         order by id desc limit $5",
    ))
    .bind(filter.connection.as_deref())
    .bind(filter.sort.map(Sort::stream))
    .bind(filter.local_id)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// One entry, locked against others who would undo it.
pub(crate) async fn lock(conn: &mut PgConnection, id: i64) -> Result<Option<Entry>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.journal where id = $1 for update"
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

pub(crate) async fn undo(conn: &mut PgConnection, id: i64, by: &str) -> Result<(), Error> {
    sqlx::query("update sync.journal set undone_at = now(), undone_by = $2 where id = $1 and undone_at is null")
        .bind(id)
        .bind(by)
        .execute(conn)
        .await?;
    Ok(())
}

fn read(row: &PgRow) -> sqlx::Result<Entry> {
    let stream: String = row.try_get("stream")?;
    let sort = Sort::parse(&stream)
        .ok_or_else(|| sqlx::Error::Protocol(format!("unknown stream {stream}")))?;
    let value = |column: &str| -> sqlx::Result<Value> {
        Ok(row
            .try_get::<Option<Json<Value>>, _>(column)?
            .map_or(Value::Null, |json| json.0))
    };
    Ok(Entry {
        id: row.try_get("id")?,
        link_id: row.try_get("link_id")?,
        connection: row.try_get("connection")?,
        sort,
        local_id: row.try_get("local_id")?,
        remote_id: row.try_get("remote_id")?,
        field: row.try_get("field")?,
        event: row.try_get("event")?,
        lost_local: value("lost_local")?,
        lost_remote: value("lost_remote")?,
        now_local: value("now_local")?,
        conflict_id: row.try_get("conflict_id")?,
        actor: row.try_get("actor")?,
        job_id: row.try_get("job_id")?,
        at: instant(row, "at")?,
        undone_at: instant_or_none(row, "undone_at")?,
        undone_by: row.try_get("undone_by")?,
    })
}
