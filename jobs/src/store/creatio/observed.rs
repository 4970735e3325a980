//! Creatio's records as they were last seen: by the pull, and by what a write or a look answered.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::alike::{Alike, probing};
use crate::Error;
use crate::creatio::Sort;
use crate::store::record::Table;
use crate::store::{instant_or_none, storable};

/// A record as it was last seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observed {
    pub(crate) id: Uuid,
    /// By Creatio's names.
    pub(crate) fields: Map<String, Value>,
    pub(crate) keys: Vec<String>,
    pub(crate) modified_at: Option<Timestamp>,
    pub(crate) modified_by: Option<Uuid>,
    pub(crate) is_gone: bool,
}

/// Each statement begins with the name of its stream.
macro_rules! table {
    ($stream:literal) => {
        Table {
            stored: concat!(
                "with this (stream) as (values ('",
                $stream,
                "')) ",
                include_str!("observed/stored.sql")
            ),
            create: concat!(
                "with this (stream) as (values ('",
                $stream,
                "')), ",
                include_str!("observed/put.sql")
            ),
            update: concat!(
                "with this (stream) as (values ('",
                $stream,
                "')), ",
                include_str!("observed/put.sql")
            ),
            missing: include_str!("observed/missing.sql"),
            gone: concat!(
                "with this (stream) as (values ('",
                $stream,
                "')), ",
                include_str!("observed/gone.sql")
            ),
            live: concat!(
                "with this (stream) as (values ('",
                $stream,
                "')) ",
                include_str!("observed/live.sql")
            ),
        }
    };
}

const TABLES: [Table; 4] = [
    table!("creatio.contacts"),
    table!("creatio.leads"),
    table!("creatio.activities"),
    table!("creatio.participants"),
];

pub(crate) const fn table(sort: Sort) -> Table {
    TABLES[sort as usize]
}

pub(crate) async fn load(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<Observed>, Error> {
    let rows = sqlx::query(
        "select remote_id, fields, keys, modified_at, modified_by, gone_at from sync.observed \
         where connection = $1 and stream = $2 and remote_id = any($3)",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Writes what an answer showed of records, and has nobody look at them for it: whoever asked does.
pub(crate) async fn put(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    seen: &[Observed],
) -> Result<(), Error> {
    let rows = seen.iter().map(|one| {
        json!({
            "key": one.id, "fields": one.fields, "keys": one.keys, "modified_at": one.modified_at,
            "modified_by": one.modified_by,
        })
    });
    sqlx::query(include_str!("observed/see.sql"))
        .bind(connection)
        .bind(sort.stream())
        .bind(storable(&rows.collect()))
        .execute(conn)
        .await?;
    Ok(())
}

/// We have deleted them, or an answer that can be believed says that they are not there.
pub(crate) async fn bury(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<(), Error> {
    sqlx::query(
        "update sync.observed set gone_at = now(), updated_at = now() \
         where connection = $1 and stream = $2 and remote_id = any($3) and gone_at is null",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records without a counterpart that have one of these match keys, with all of theirs; 20 at the most.
pub(crate) async fn matching(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    keys: &[String],
) -> Result<Alike, Error> {
    let mut tx = probing(conn).await?;
    let rows = sqlx::query_as(
        "select k.key, m.remote_id, m.keys from unnest($3::text[]) as k (key) cross join lateral ( \
             select o.remote_id, o.keys \
             from (select connection, stream, remote_id, keys, gone_at from sync.observed \
                   where keys @> array[k.key] offset 0) o \
             left join sync.link l on l.connection = o.connection and l.stream = o.stream and l.remote_id = o.remote_id \
             where o.connection = $1 and o.stream = $2 and o.gone_at is null \
                 and (l.id is null or l.local_id is null and not l.is_separate) \
             limit 20) m",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(keys)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Alike::of(rows))
}

/// The latest that Creatio said of anything before an instant of ours, by its own clock. What a wrong clock wrote a day
/// ahead does not count: whatever happens now would seem to be before it.
pub(crate) async fn latest(
    conn: &mut PgConnection,
    (connection, sort): (&str, Sort),
    before: Option<Timestamp>,
) -> Result<Option<Timestamp>, Error> {
    let row = sqlx::query(
        "select max(modified_at) as modified_at from sync.observed \
         where connection = $1 and stream = $2 and updated_at < $3 and modified_at < now() + interval '1 day'",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(before.map(jiff_sqlx::Timestamp::from))
    .fetch_one(conn)
    .await?;
    Ok(instant_or_none(&row, "modified_at")?)
}

fn read(row: &PgRow) -> sqlx::Result<Observed> {
    let Json(fields) = row.try_get("fields")?;
    Ok(Observed {
        id: row.try_get("remote_id")?,
        fields,
        keys: row.try_get("keys")?,
        modified_at: instant_or_none(row, "modified_at")?,
        modified_by: row.try_get("modified_by")?,
        is_gone: instant_or_none(row, "gone_at")?.is_some(),
    })
}
