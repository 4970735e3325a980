//! Token: the API's bearer tokens. Only hashes are stored.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::row::{instant, instant_or_none};
use crate::Result;
use crate::cursor::Cursor;
use crate::token::{NewToken, TokenView};

/// Adds a token.
pub(crate) async fn create(conn: &mut PgConnection, token: &NewToken) -> Result<()> {
    sqlx::query(
        "insert into engine.token (id, name, secret_hash, scopes, created_by, expires_at) \
         values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')",
    )
    .bind(&token.id)
    .bind(&token.name)
    .bind(&token.secret_hash)
    .bind(&token.scopes)
    .bind(&token.created_by)
    .bind(
        token
            .valid_for
            .map(|span| i64::try_from(span.as_secs()).unwrap_or(i64::MAX)),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The hash, name and scopes of a token that is neither expired nor revoked. Notes its use, at most
/// once a minute.
pub(crate) async fn find(
    conn: &mut PgConnection,
    id: &str,
) -> Result<Option<(Vec<u8>, String, Vec<String>)>> {
    Ok(sqlx::query_as(
        "with used as ( \
             update engine.token set last_used_at = now() \
             where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')) \
         select secret_hash, name, scopes from engine.token \
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

/// Tokens behind a place, newest first; or one of them, revoked or not.
pub(crate) async fn list(
    conn: &mut PgConnection,
    only: Option<&str>,
    before: Option<&Cursor<String>>,
    limit: i64,
) -> Result<Vec<TokenView>> {
    let at = before.and_then(|before| before.at);
    let rows = sqlx::query(
        "select * from engine.token \
         where ($1::text is null or id = $1) and ($2::timestamptz is null or (created_at, id) < ($2, $3)) \
         order by created_at desc, id desc limit $4",
    )
    .bind(only)
    .bind(at.map(jiff_sqlx::Timestamp::from))
    .bind(before.map(|before| before.key.as_str()))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(TokenView {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                scopes: row.try_get("scopes")?,
                created_at: instant(row, "created_at")?,
                created_by: row.try_get("created_by")?,
                expires_at: instant_or_none(row, "expires_at")?,
                revoked_at: instant_or_none(row, "revoked_at")?,
                last_used_at: instant_or_none(row, "last_used_at")?,
            })
        })
        .collect()
}

/// Revokes a token; false when there is none that is not revoked.
pub(crate) async fn revoke(conn: &mut PgConnection, id: &str) -> Result<bool> {
    let done = sqlx::query(
        "update engine.token set revoked_at = now() where id = $1 and revoked_at is null",
    )
    .bind(id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}
