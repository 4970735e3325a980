//! Sealed values: read, write, and what a change of keys does to them.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::instant;
use crate::Error;
use crate::seal::Sealed;

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "connection, field, version, key_id, wrapped_key, value, set_by, set_at"
    };
}

/// A sealed value with where it lies.
#[derive(Debug)]
pub(crate) struct SecretRow {
    pub(crate) connection: String,
    pub(crate) field: String,
    pub(crate) version: i64,
    pub(crate) sealed: Sealed,
    pub(crate) set_by: String,
    pub(crate) set_at: Timestamp,
}

/// The sealed values of a connection, by field.
pub(crate) async fn of(conn: &mut PgConnection, connection: &str) -> Result<Vec<SecretRow>, Error> {
    let rows = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.secret where connection = $1 order by field"
    ))
    .bind(connection)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The versions of a connection's values: another sum is another set of values.
pub(crate) async fn generation(conn: &mut PgConnection, connection: &str) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "select coalesce(sum(version), 0)::bigint from sync.secret \
         where connection = $1 and field <> 'access_token'",
    )
    .bind(connection)
    .fetch_one(conn)
    .await?)
}

/// The version of a value, locked against others who would write it; 0 when there is none. The connection's
/// row is what is locked, since there may be no value yet.
pub(crate) async fn version_locked(
    conn: &mut PgConnection,
    connection: &str,
    field: &str,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "select coalesce((select s.version from sync.secret s where s.connection = c.name and s.field = $2), 0) \
         from sync.connection c where c.name = $1 for update of c",
    )
    .bind(connection)
    .bind(field)
    .fetch_one(conn)
    .await?)
}

/// Writes a value over that of the version before; false when there is another by now.
pub(crate) async fn write(
    conn: &mut PgConnection,
    (connection, field, version): (&str, &str, i64),
    sealed: &Sealed,
    by: &str,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into sync.secret as s (connection, field, version, key_id, wrapped_key, value, set_by) \
         values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (connection, field) do update set version = excluded.version, key_id = excluded.key_id, \
             wrapped_key = excluded.wrapped_key, value = excluded.value, set_by = excluded.set_by, set_at = now() \
         where s.version < excluded.version",
    )
    .bind(connection)
    .bind(field)
    .bind(version)
    .bind(&sealed.key_id)
    .bind(&sealed.wrapped_key)
    .bind(&sealed.value)
    .bind(by)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Some values whose keys are wrapped by another than this one, locked; those that somebody writes at this
/// moment are passed over, and `behind` is where the last look ended.
pub(crate) async fn lock_some(
    conn: &mut PgConnection,
    key_id: &str,
    behind: (&str, &str),
    limit: i64,
) -> Result<Vec<SecretRow>, Error> {
    let rows = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.secret where key_id <> $1 and (connection, field) > ($2, $3) \
         order by connection, field limit $4 for update skip locked",
    ))
    .bind(key_id)
    .bind(behind.0)
    .bind(behind.1)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Writes the wrapping of a value whose version still is the same.
pub(crate) async fn rewrap(
    conn: &mut PgConnection,
    row: &SecretRow,
    sealed: &Sealed,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.secret set key_id = $4, wrapped_key = $5 \
         where connection = $1 and field = $2 and version = $3 and key_id = $6",
    )
    .bind(&row.connection)
    .bind(&row.field)
    .bind(row.version)
    .bind(&sealed.key_id)
    .bind(&sealed.wrapped_key)
    .bind(&row.sealed.key_id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many values each key wraps, by key; keys that wrap nothing any more too.
pub(crate) async fn by_key(conn: &mut PgConnection) -> Result<Vec<(String, i64)>, Error> {
    Ok(sqlx::query_as(
        "select k.id, count(s.key_id) from sync.sealing_key k left join sync.secret s on s.key_id = k.id \
         group by k.id order by k.id",
    )
    .fetch_all(conn)
    .await?)
}

/// The proof of a key that was used here before.
pub(crate) async fn proof(conn: &mut PgConnection, key_id: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(
        sqlx::query_scalar("select proof from sync.sealing_key where id = $1")
            .bind(key_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Notes a key that is used for the first time.
pub(crate) async fn add_key(
    conn: &mut PgConnection,
    key_id: &str,
    proof: &[u8],
) -> Result<(), Error> {
    sqlx::query("insert into sync.sealing_key (id, proof) values ($1, $2) on conflict do nothing")
        .bind(key_id)
        .bind(proof)
        .execute(conn)
        .await?;
    Ok(())
}

fn read(row: &PgRow) -> sqlx::Result<SecretRow> {
    Ok(SecretRow {
        connection: row.try_get("connection")?,
        field: row.try_get("field")?,
        version: row.try_get("version")?,
        sealed: Sealed {
            key_id: row.try_get("key_id")?,
            wrapped_key: row.try_get("wrapped_key")?,
            value: row.try_get("value")?,
        },
        set_by: row.try_get("set_by")?,
        set_at: instant(row, "set_at")?,
    })
}
