//! Profiles, which customer each of them is, and what a person must say of it.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::packages::{Link, Profile};

/// Writes what the booking site says of a profile, if that is new; false when it stood there already.
pub(crate) async fn put(conn: &mut PgConnection, profile: &Profile) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into sync.profile as p (id, name, email, phone) values ($1, $2, $3, $4) \
         on conflict (id) do update \
         set name = excluded.name, email = excluded.email, phone = excluded.phone, updated_at = now() \
         where (p.name, p.email, p.phone) is distinct from (excluded.name, excluded.email, excluded.phone)",
    )
    .bind(profile.id)
    .bind(&profile.name)
    .bind(&profile.email)
    .bind(&profile.phone)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Profile>, Error> {
    let row = sqlx::query("select id, name, email, phone from sync.profile where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Profile {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        phone: row.try_get("phone")?,
    }))
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

/// Profiles for a bulk sync in the order of their ids: those that are linked, or those that were never synced and
/// that no person is asked about.
pub(crate) async fn of_bulk(
    conn: &mut PgConnection,
    only_new: bool,
    most: Option<i64>,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select p.id from sync.profile p left join sync.customer_link l on l.profile_id = p.id \
         where case when $1 \
             then l.synced_at is null and not exists ( \
                 select from sync.match_review r where r.profile_id = p.id and r.status = 'open') \
             else l.profile_id is not null end \
         order by p.id limit $2",
    )
    .bind(only_new)
    .bind(most)
    .fetch_all(conn)
    .await?)
}

pub(crate) async fn link_of(
    conn: &mut PgConnection,
    profile_id: Uuid,
) -> Result<Option<Link>, Error> {
    let row = sqlx::query(
        "select customer_id, stable_hash, method, confidence from sync.customer_link where profile_id = $1",
    )
    .bind(profile_id)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Link {
        customer_id: row.try_get("customer_id")?,
        stable_hash: row.try_get("stable_hash")?,
        method: row.try_get("method")?,
        confidence: row.try_get("confidence")?,
    }))
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
