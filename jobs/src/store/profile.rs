//! Profiles, which customer each of them is, and what a person must say of it.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::{instant_or_none, listing};
use crate::Error;
use crate::packages::{Filter, Link, Profile, SyncAll};

/// What a profile was before it was written.
pub(crate) struct Put {
    /// None where there was none such.
    pub(crate) connection: Option<String>,
    pub(crate) has_changed: bool,
}

/// Writes what the booking site says of a profile, if that is new and it has no other connection. One statement, since
/// a login waits for it.
pub(crate) async fn put(conn: &mut PgConnection, profile: &Profile) -> Result<Put, Error> {
    let (connection, has_changed) = sqlx::query_as(
        "with put as ( \
             insert into sync.profile as p (id, connection, name, email, phone) values ($1, $5, $2, $3, $4) \
             on conflict (id) do update \
             set name = excluded.name, email = excluded.email, phone = excluded.phone, updated_at = now() \
             where p.connection = excluded.connection \
                 and (p.name, p.email, p.phone) is distinct from (excluded.name, excluded.email, excluded.phone) \
             returning true \
         ) \
         select (select connection from sync.profile where id = $1), exists (select from put)",
    )
    .bind(profile.id)
    .bind(&profile.name)
    .bind(&profile.email)
    .bind(&profile.phone)
    .bind(&profile.connection)
    .fetch_one(conn)
    .await?;
    Ok(Put {
        connection,
        has_changed,
    })
}

pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Profile>, Error> {
    let row =
        sqlx::query("select id, connection, name, email, phone from sync.profile where id = $1")
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Profiles in the order of their ids.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<(Profile, Option<Link>)>, Error> {
    let rows = listing(include_str!("list_profiles.sql"))
        .bind(filter.connection.as_deref())
        .bind(filter.is_linked)
        .bind(filter.after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let is_linked = row.try_get::<Option<String>, _>("customer_id")?.is_some();
        let link = is_linked.then(|| read_link(row)).transpose()?;
        found.push((read(row)?, link));
    }
    Ok(found)
}

/// Takes a profile away with all that hangs on it.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    sqlx::query("delete from sync.profile where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that the CRM was asked who a profile is, in vain.
pub(crate) async fn asked(conn: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    sqlx::query("update sync.profile set asked_at = now() where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whoever changes what hangs on a profile does so under this lock; false when there is none such.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<bool, Error> {
    let found: Option<Uuid> =
        sqlx::query_scalar("select id from sync.profile where id = $1 for update")
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Profiles for a bulk sync, each with its connection: those that are linked, or those that were never synced and that
/// no person is asked about. Whoever has waited longest comes first, so that a bound leaves nobody out for ever.
pub(crate) async fn of_bulk(
    conn: &mut PgConnection,
    asked: &SyncAll,
) -> Result<Vec<(String, Uuid)>, Error> {
    Ok(sqlx::query_as(include_str!("list_bulk.sql"))
        .bind(asked.only_new)
        .bind(asked.connection.as_deref())
        .bind(asked.max_profiles.map(i64::from))
        .fetch_all(conn)
        .await?)
}

pub(crate) async fn link_of(
    conn: &mut PgConnection,
    profile_id: Uuid,
) -> Result<Option<Link>, Error> {
    let row = sqlx::query(
        "select customer_id, stable_hash, method, confidence, synced_at from sync.customer_link where profile_id = $1",
    )
    .bind(profile_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read_link).transpose()?)
}

fn read(row: &PgRow) -> sqlx::Result<Profile> {
    Ok(Profile {
        id: row.try_get("id")?,
        connection: row.try_get("connection")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        phone: row.try_get("phone")?,
    })
}

fn read_link(row: &PgRow) -> sqlx::Result<Link> {
    Ok(Link {
        customer_id: row.try_get("customer_id")?,
        stable_hash: row.try_get("stable_hash")?,
        method: row.try_get("method")?,
        confidence: row.try_get("confidence")?,
        synced_at: instant_or_none(row, "synced_at")?,
    })
}

/// Links a profile to a customer, unless it is so already.
pub(crate) async fn link(
    conn: &mut PgConnection,
    profile_id: Uuid,
    link: &Link,
    by: &str,
) -> Result<bool, Error> {
    let done = sqlx::query(include_str!("link_customer.sql"))
        .bind(profile_id)
        .bind(&link.customer_id)
        .bind(&link.stable_hash)
        .bind(&link.method)
        .bind(link.confidence)
        .bind(by)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes an answer that is applied; false when a newer one was.
pub(crate) async fn answered(
    conn: &mut PgConnection,
    profile_id: Uuid,
    stable_hash: &str,
    answered_at: Option<jiff::Timestamp>,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.customer_link \
         set stable_hash = $2, answered_at = coalesce($3, answered_at), synced_at = now() \
         where profile_id = $1 and ($3 is null or answered_at is null or answered_at <= $3)",
    )
    .bind(profile_id)
    .bind(stable_hash)
    .bind(answered_at.map(jiff_sqlx::Timestamp::from))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Of these customers, those that another profile is, and those that a person has said this one is not.
pub(crate) async fn standing(
    conn: &mut PgConnection,
    profile_id: Uuid,
    customers: &[String],
) -> Result<(Vec<String>, Vec<String>), Error> {
    let row = sqlx::query(
        "select \
             array(select distinct l.customer_id from sync.customer_link l \
                   join sync.profile p on p.id = l.profile_id \
                   join sync.profile o on o.id = $1 and o.connection = p.connection \
                   where l.customer_id = any($2) and l.profile_id <> $1) as taken, \
             array(select f.customer_id from sync.match_refusal f \
                   where f.profile_id = $1 and f.customer_id = any($2)) as refused",
    )
    .bind(profile_id)
    .bind(customers)
    .fetch_one(conn)
    .await?;
    Ok((row.try_get("taken")?, row.try_get("refused")?))
}

/// Asks a person, once, or brings the question up to date.
pub(crate) async fn ask(
    conn: &mut PgConnection,
    profile_id: Uuid,
    reason: &str,
    candidates: &str,
) -> Result<(), Error> {
    sqlx::query(include_str!("ask_match.sql"))
        .bind(profile_id)
        .bind(reason)
        .bind(candidates)
        .execute(conn)
        .await?;
    Ok(())
}

/// The question of a profile that is answered otherwise meanwhile.
pub(crate) async fn supersede(conn: &mut PgConnection, profile_id: Uuid) -> Result<(), Error> {
    sqlx::query(
        "update sync.match_review set status = 'superseded', decided_at = now(), decided_by = 'lockstep' \
         where profile_id = $1 and status = 'open'",
    )
    .bind(profile_id)
    .execute(conn)
    .await?;
    Ok(())
}
