//! Links: the two ids of a record, its two bases, and how it stands.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::{local, observed};
use crate::Error;
use crate::creatio::record::{Filter, Record};
use crate::creatio::{Sort, Status};
use crate::plan::reconcile::{Base, Bases};
use crate::store::{instant, instant_or_none, listing, storable};

/// A link as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: i64,
    pub(crate) local_id: Option<Uuid>,
    pub(crate) remote_id: Option<Uuid>,
    /// None while the two were never at one.
    pub(crate) base: Option<Base>,
    pub(crate) is_separate: bool,
    /// What is wrong with it.
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<Value>,
}

/// How a link is left.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) id: i64,
    pub(crate) base: Option<Base>,
    pub(crate) status: Status,
    pub(crate) direction: Option<&'static str>,
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<Value>,
    /// The two sides are at one now.
    pub(crate) is_synced: bool,
}

pub(crate) async fn of(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    (locals, remotes): (&[Uuid], &[Uuid]),
) -> Result<Vec<Link>, Error> {
    let rows = sqlx::query(include_str!("link/of.sql"))
        .bind(connection)
        .bind(sort.stream())
        .bind(locals)
        .bind(remotes)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(link).collect::<sqlx::Result<_>>()?)
}

/// Both ids of records that have two, among these.
pub(crate) async fn pairs(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    Ok(sqlx::query_as(
        "select local_id, remote_id from sync.link \
         where connection = $1 and stream = $2 and local_id = any($3) and remote_id is not null and state = 'active' \
         union select local_id, remote_id from sync.link \
         where connection = $1 and stream = $2 and remote_id = any($3) and local_id is not null and state = 'active'",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(ids)
    .fetch_all(conn)
    .await?)
}

/// Those of the ids that are of live records on either side which may still be linked.
pub(crate) async fn to_come(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Uuid> = local::load(&mut *conn, connection, sort, ids)
        .await?
        .into_iter()
        .filter(|row| !row.is_deleted)
        .map(|row| row.id)
        .collect();
    let seen = observed::load(&mut *conn, connection, sort, ids).await?;
    found.extend(
        seen.into_iter()
            .filter(|one| !one.is_gone)
            .map(|one| one.id),
    );
    Ok(sqlx::query_scalar(
        "select x.id from unnest($3::uuid[]) as x (id) where not exists ( \
             select from sync.link where connection = $1 and stream = $2 and (local_id = x.id or remote_id = x.id) \
                 and state in ('tombstone', 'unlinked'))",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(found)
    .fetch_all(conn)
    .await?)
}

/// Links of records, by their two ids; none for one of which somebody else has just made one, of either id.
pub(crate) async fn make(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[(Option<Uuid>, Option<Uuid>)],
) -> Result<Vec<Link>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (locals, remotes): (Vec<Option<Uuid>>, Vec<Option<Uuid>>) = ids.iter().copied().unzip();
    let rows = sqlx::query(include_str!("link/make.sql"))
        .bind(connection)
        .bind(sort.stream())
        .bind(locals)
        .bind(remotes)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(link).collect::<sqlx::Result<_>>()?)
}

/// A link by its own id, locked: whose it is, and how it stands.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    id: i64,
) -> Result<Option<(String, Sort, Link, Status)>, Error> {
    let row = sqlx::query(include_str!("link/lock.sql"))
        .bind(id)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (stream, status): (String, String) = (row.try_get("stream")?, row.try_get("status")?);
    let unknown = |word: &str| sqlx::Error::Protocol(format!("unknown word {word}"));
    let sort = Sort::parse(&stream).ok_or_else(|| unknown(&stream))?;
    let status = Status::parse(&status).ok_or_else(|| unknown(&status))?;
    Ok(Some((
        row.try_get("connection")?,
        sort,
        link(&row)?,
        status,
    )))
}

/// Gives a link its ids.
pub(crate) async fn name(
    conn: &mut PgConnection,
    id: i64,
    (local_id, remote_id): (Option<Uuid>, Option<Uuid>),
) -> Result<(), Error> {
    sqlx::query("update sync.link set local_id = $2, remote_id = $3 where id = $1")
        .bind(id)
        .bind(local_id)
        .bind(remote_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// What stood for records of Creatio's alone gives way to their pairs.
pub(crate) async fn drop_lonely(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    remotes: &[Uuid],
) -> Result<(), Error> {
    if remotes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from sync.link where connection = $1 and stream = $2 and remote_id = any($3) and local_id is null",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(remotes)
    .execute(conn)
    .await?;
    Ok(())
}

/// A person has said that it has no counterpart yet.
pub(crate) async fn separate(conn: &mut PgConnection, id: i64) -> Result<(), Error> {
    sqlx::query("update sync.link set is_separate = true, status = 'pending', code = null, detail = null where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn begin(conn: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    sqlx::query("update sync.link set status = 'in_progress', code = null, detail = null, decided_at = now() where id = any($1)")
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Leaves links as they stand now.
pub(crate) async fn leave(conn: &mut PgConnection, standings: &[Standing]) -> Result<(), Error> {
    let rows = standings.iter().map(|one| {
        let (state, local, remote, buried) = match &one.base {
            None => ("new", json!({}), json!({}), (None, None)),
            Some(Base::Active(bases)) => ("active", json!(bases.local()), json!(bases.remote()), (None, None)),
            Some(Base::Tombstone { local_at, remote_at }) => ("tombstone", json!({}), json!({}), (*local_at, *remote_at)),
            Some(Base::Unlinked) => ("unlinked", json!({}), json!({}), (None, None)),
        };
        json!({
            "id": one.id, "state": state, "base_local": local, "base_remote": remote,
            "buried_local_at": buried.0, "buried_remote_at": buried.1, "status": one.status.as_str(),
            "direction": one.direction, "code": one.code, "detail": one.detail, "is_synced": one.is_synced,
        })
    });
    sqlx::query(include_str!("link/leave.sql"))
        .bind(storable(&rows.collect()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Failed records are looked at again: their ids.
pub(crate) async fn retry_failed(
    conn: &mut PgConnection,
    connection: Option<&str>,
    sort: Option<Sort>,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(include_str!("link/retry_failed.sql"))
        .bind(connection)
        .bind(sort.map(Sort::stream))
        .fetch_one(conn)
        .await?)
}

/// Records that a filter lets through, in the order of their ids.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let rows = listing(include_str!("link/list.sql"))
        .bind(filter.connection.as_deref())
        .bind(filter.sort.map(Sort::stream))
        .bind(filter.status.map(Status::as_str))
        .bind(filter.local_id)
        .bind(filter.remote_id)
        .bind(filter.after.unwrap_or(0))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(record).collect::<sqlx::Result<_>>()?)
}

/// How many records stand how, by stream and status.
pub(crate) async fn counts(
    conn: &mut PgConnection,
    connection: Option<&str>,
) -> Result<Vec<(String, String, i64)>, Error> {
    Ok(sqlx::query_as(
        "select stream, status, count(*) from sync.link where $1::text is null or connection = $1 \
         group by stream, status order by stream, status",
    )
    .bind(connection)
    .fetch_all(conn)
    .await?)
}

fn link(row: &PgRow) -> sqlx::Result<Link> {
    let state: String = row.try_get("state")?;
    let base = match state.as_str() {
        "active" => {
            let Json(local): Json<Map<String, Value>> = row.try_get("base_local")?;
            let Json(remote): Json<Map<String, Value>> = row.try_get("base_remote")?;
            Some(Base::Active(Bases::new(local, remote)))
        }
        "tombstone" => Some(Base::Tombstone {
            local_at: instant_or_none(row, "buried_local_at")?,
            remote_at: instant_or_none(row, "buried_remote_at")?,
        }),
        "unlinked" => Some(Base::Unlinked),
        _ => None,
    };
    Ok(Link {
        id: row.try_get("id")?,
        local_id: row.try_get("local_id")?,
        remote_id: row.try_get("remote_id")?,
        base,
        is_separate: row.try_get("is_separate")?,
        code: row.try_get("code")?,
        detail: row
            .try_get::<Option<Json<Value>>, _>("detail")?
            .map(|json| json.0),
    })
}

fn record(row: &PgRow) -> sqlx::Result<Record> {
    let (stream, status): (String, String) = (row.try_get("stream")?, row.try_get("status")?);
    let unknown = |word: &str| sqlx::Error::Protocol(format!("unknown word {word}"));
    let synced_at: Option<Timestamp> = instant_or_none(row, "synced_at")?;
    Ok(Record {
        id: row.try_get("id")?,
        connection: row.try_get("connection")?,
        sort: Sort::parse(&stream).ok_or_else(|| unknown(&stream))?,
        local_id: row.try_get("local_id")?,
        remote_id: row.try_get("remote_id")?,
        state: row.try_get("state")?,
        status: Status::parse(&status).ok_or_else(|| unknown(&status))?,
        direction: row.try_get("direction")?,
        tries: row.try_get("tries")?,
        code: row.try_get("code")?,
        detail: row
            .try_get::<Option<Json<Value>>, _>("detail")?
            .map(|json| json.0),
        hash_local: row.try_get("hash_local")?,
        hash_remote: row.try_get("hash_remote")?,
        is_waiting: row.try_get("is_waiting")?,
        created_at: instant(row, "created_at")?,
        decided_at: instant_or_none(row, "decided_at")?,
        synced_at,
    })
}
