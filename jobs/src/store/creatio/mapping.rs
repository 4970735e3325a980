//! Mappings: the one in force for each connection, and those that were.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::Error;
use crate::creatio::mapping::Version;
use crate::store::instant;

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "id, connection, hash, text, enabled_by, enabled_at, is_current"
    };
}

/// Until the transaction ends, nobody else changes what is in force for the connection. A statement of its own: the
/// next one then sees what the one before us committed.
pub(crate) async fn lock(conn: &mut PgConnection, connection: &str) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('sync.mapping ' || $1, 0))")
        .bind(connection)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn current(
    conn: &mut PgConnection,
    connection: &str,
) -> Result<Option<Version>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.mapping where connection = $1 and is_current"
    ))
    .bind(connection)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Another version takes the place of the one in force. Needs the [`lock`].
pub(crate) async fn enable(
    conn: &mut PgConnection,
    (connection, hash): (&str, &str),
    text: &str,
    by: &str,
) -> Result<Version, Error> {
    sqlx::query("update sync.mapping set is_current = false where connection = $1 and is_current")
        .bind(connection)
        .execute(&mut *conn)
        .await?;
    let row = sqlx::query(concat!(
        "insert into sync.mapping (connection, hash, text, enabled_by) values ($1, $2, $3, $4) returning ",
        columns!(),
    ))
    .bind(connection)
    .bind(hash)
    .bind(text)
    .bind(by)
    .fetch_one(conn)
    .await?;
    Ok(read(&row)?)
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    connection: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Version>, Error> {
    let rows = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.mapping where connection = $1 and ($2::bigint is null or id < $2) order by id desc limit $3",
    ))
    .bind(connection)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Version> {
    Ok(Version {
        id: row.try_get("id")?,
        connection: row.try_get("connection")?,
        hash: row.try_get("hash")?,
        text: row.try_get("text")?,
        enabled_by: row.try_get("enabled_by")?,
        enabled_at: instant(row, "enabled_at")?,
        is_current: row.try_get("is_current")?,
    })
}
