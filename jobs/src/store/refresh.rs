//! The renewal of an access token, step by step. Each names the version it found and, once it has the lease, its
//! holder: who lost the lease writes nothing.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::plan::refresh::Standing;
use crate::seal::Sealed;

/// Where a renewal stands, and the token that is stored.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) standing: Standing,
    pub(crate) api_domain: Option<String>,
    /// Failures in a row.
    pub(crate) failures: i16,
    /// The token of that version.
    pub(crate) sealed: Option<Sealed>,
}

/// Who renews what.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) connection: String,
    pub(crate) version: i64,
    pub(crate) holder: Uuid,
}

/// A token that was fetched.
#[derive(Debug)]
pub(crate) struct Fetched<'a> {
    pub(crate) sealed: &'a Sealed,
    pub(crate) lives: Duration,
    pub(crate) api_domain: Option<&'a str>,
}

pub(crate) async fn load(conn: &mut PgConnection, name: &str) -> Result<Option<Loaded>, Error> {
    let row = sqlx::query(include_str!("load_credential.sql"))
        .bind(name)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let key_id: Option<String> = row.try_get("key_id")?;
    let sealed = match key_id {
        Some(key_id) => Some(Sealed {
            key_id,
            wrapped_key: row.try_get("wrapped_key")?,
            value: row.try_get("value")?,
        }),
        None => None,
    };
    let recent: i32 = row.try_get("recent")?;
    Ok(Some(Loaded {
        standing: Standing {
            is_stopped: row.try_get("is_stopped")?,
            version: row.try_get("version")?,
            left_s: row.try_get("left_s")?,
            fresh_s: row.try_get("fresh_s")?,
            age_s: row.try_get("age_s")?,
            is_leased: row.try_get("is_leased")?,
            was_sent: row.try_get("was_sent")?,
            lost: row.try_get("lost")?,
            retry_s: row.try_get("retry_s")?,
            recent: usize::try_from(recent).unwrap_or(0),
            recent_s: row.try_get("recent_s")?,
        },
        api_domain: row.try_get("api_domain")?,
        failures: row.try_get("failures")?,
        sealed,
    }))
}

/// Takes the lease; false when somebody else has it, or has renewed the token meanwhile.
pub(crate) async fn take(
    conn: &mut PgConnection,
    lease: &Lease,
    span: Duration,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.credential \
         set intent = 'planned', holder = $3, lease_until = now() + $4 * interval '1 millisecond', \
             lost = lost + (intent = 'sent')::integer, updated_at = now() \
         where connection = $1 and version = $2 and not is_revoked \
             and (lease_until is null or lease_until <= now())",
    )
    .bind(&lease.connection)
    .bind(lease.version)
    .bind(lease.holder)
    .bind(millis(span))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Says that the remote is called next; false when the lease is lost.
pub(crate) async fn will_send(conn: &mut PgConnection, lease: &Lease) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.credential set intent = 'sent', updated_at = now(), \
             sent_at = array(select t from unnest(sent_at) t where t > now() - interval '10 minutes' order by t) || now() \
         where connection = $1 and version = $2 and holder = $3 and intent = 'planned' and lease_until > now()",
    )
    .bind(&lease.connection)
    .bind(lease.version)
    .bind(lease.holder)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the renewal with a token that lives from when it was asked for; false when the lease is lost. The token
/// itself is the caller's next statement, in the same transaction.
pub(crate) async fn store(
    conn: &mut PgConnection,
    lease: &Lease,
    fetched: &Fetched<'_>,
) -> Result<bool, Error> {
    let done = sqlx::query(include_str!("store_credential.sql"))
        .bind(&lease.connection)
        .bind(lease.version)
        .bind(lease.holder)
        .bind(millis(fetched.lives))
        .bind(fetched.api_domain)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a renewal that brought nothing. `counts` is whether it was a failure and not a refusal for the number
/// of calls.
pub(crate) async fn fail(
    conn: &mut PgConnection,
    lease: &Lease,
    (code, counts): (&str, bool),
    pause: Duration,
) -> Result<(), Error> {
    sqlx::query(
        "update sync.credential \
         set intent = 'idle', holder = null, lease_until = null, code = $4, \
             failures = least(failures + $5::integer, 1000), \
             retry_at = now() + $6 * interval '1 millisecond', updated_at = now() \
         where connection = $1 and version = $2 and holder = $3",
    )
    .bind(&lease.connection)
    .bind(lease.version)
    .bind(lease.holder)
    .bind(code)
    .bind(counts)
    .bind(millis(pause))
    .execute(conn)
    .await?;
    Ok(())
}

/// The grant is no longer good. False when the token was renewed meanwhile, or that was known.
pub(crate) async fn revoke(
    conn: &mut PgConnection,
    name: &str,
    version: i64,
    code: &str,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.credential \
         set is_revoked = true, code = $3, intent = 'idle', holder = null, lease_until = null, updated_at = now() \
         where connection = $1 and version = $2 and not is_revoked",
    )
    .bind(name)
    .bind(version)
    .bind(code)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets what went wrong and lets the token run out, so that the next to ask renews it with the new grant.
pub(crate) async fn begin_anew(conn: &mut PgConnection, name: &str) -> Result<(), Error> {
    sqlx::query(
        "update sync.credential \
         set is_revoked = false, code = null, lost = 0, failures = 0, retry_at = null, \
             intent = 'idle', holder = null, lease_until = null, \
             expires_at = case when version > 0 then least(expires_at, now()) end, \
             renew_at = case when version > 0 then least(renew_at, now()) end, updated_at = now() \
         where connection = $1",
    )
    .bind(name)
    .execute(conn)
    .await?;
    Ok(())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
