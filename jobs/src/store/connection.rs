//! Connections: declare, read, stop and start again.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::{instant, instant_or_none};
use crate::Error;
use crate::connection::{Credential, Declared, State, Stored};

/// Writes what the settings say of a connection, if that is new, with a place for its credential.
pub(crate) async fn declare(conn: &mut PgConnection, one: &Declared) -> Result<(), Error> {
    sqlx::query(include_str!("declare_connection.sql"))
        .bind(&one.name)
        .bind(one.service.as_str())
        .bind(one.region())
        .bind(&one.base_url)
        .execute(conn)
        .await?;
    Ok(())
}

/// All connections by name, or the one of that name.
pub(crate) async fn list(
    conn: &mut PgConnection,
    name: Option<&str>,
) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query(include_str!("list_connections.sql"))
        .bind(name)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Notes that the connection is used now, at most once a minute.
pub(crate) async fn touch(conn: &mut PgConnection, name: &str) -> Result<(), Error> {
    sqlx::query(
        "update sync.connection set used_at = now() \
         where name = $1 and (used_at is null or used_at < now() - interval '1 minute')",
    )
    .bind(name)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the row against whoever stops the connection or gives another secret.
pub(crate) async fn lock(conn: &mut PgConnection, name: &str) -> Result<(), Error> {
    sqlx::query("select from sync.connection where name = $1 for update")
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a person must give another credential first.
pub(crate) async fn is_stopped(conn: &mut PgConnection, name: &str) -> Result<bool, Error> {
    let stopped: Option<bool> =
        sqlx::query_scalar("select state <> 'active' from sync.connection where name = $1")
            .bind(name)
            .fetch_optional(conn)
            .await?;
    Ok(stopped.unwrap_or(false))
}

/// From now on a person must give another credential; false when that was so already.
pub(crate) async fn stop(conn: &mut PgConnection, name: &str, why: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.connection \
         set state = 'needs_reauthorisation', state_reason = $2, state_at = now(), updated_at = now() \
         where name = $1 and state = 'active'",
    )
    .bind(name)
    .bind(why)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A person has given another credential, or it was found good; false when nothing was wrong.
pub(crate) async fn start(conn: &mut PgConnection, name: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.connection \
         set state = 'active', state_reason = null, state_at = now(), updated_at = now() \
         where name = $1 and state <> 'active'",
    )
    .bind(name)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn read(row: &PgRow) -> sqlx::Result<Stored> {
    let state: String = row.try_get("state")?;
    Ok(Stored {
        name: row.try_get("name")?,
        service: row.try_get("service")?,
        region: row.try_get("region")?,
        base_url: row.try_get("base_url")?,
        state: match state.as_str() {
            "active" => State::Active,
            _ => State::NeedsReauthorisation,
        },
        state_reason: row.try_get("state_reason")?,
        state_at: instant(row, "state_at")?,
        used_at: instant_or_none(row, "used_at")?,
        fields: row.try_get("fields")?,
        credential: Credential {
            is_revoked: row.try_get("is_revoked")?,
            is_expired: row.try_get("is_expired")?,
            is_expiring: row.try_get("is_expiring")?,
            expires_at: instant_or_none(row, "expires_at")?,
            refreshed_at: instant_or_none(row, "refreshed_at")?,
            version: row.try_get("version")?,
            code: row.try_get("code")?,
        },
    })
}
