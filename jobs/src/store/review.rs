//! Reviews: profiles whose customer a person says.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use uuid::Uuid;

use super::{instant, instant_or_none, listing};
use crate::Error;
use crate::packages::Review;

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "id, profile_id, status, reason, candidates, customer_id, decided_by, decided_at, note, created_at"
    };
}

/// Reviews with a greater id, oldest first; of one status, or of all; of one profile, or of all.
pub(crate) async fn list(
    conn: &mut PgConnection,
    (status, profile_id): (Option<&str>, Option<Uuid>),
    after: i64,
    limit: i64,
) -> Result<Vec<Review>, Error> {
    let rows = listing(concat!(
        "select ",
        columns!(),
        " from sync.match_review where id > $2 and ($1::text is null or status = $1) \
             and ($4::uuid is null or profile_id = $4) \
         order by id limit $3",
    ))
    .bind(status)
    .bind(after)
    .bind(limit)
    .bind(profile_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Review>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.match_review where id = $1"
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// One review, locked against others who would decide it.
pub(crate) async fn lock(conn: &mut PgConnection, id: i64) -> Result<Option<Review>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.match_review where id = $1 for update"
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Ends an open review; false when it was decided meanwhile.
pub(crate) async fn decide(
    conn: &mut PgConnection,
    id: i64,
    (status, customer_id): (&str, Option<&str>),
    (by, note): (&str, Option<&str>),
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.match_review set status = $2, customer_id = $3, decided_by = $4, note = $5, decided_at = now() \
         where id = $1 and status = 'open'",
    )
    .bind(id)
    .bind(status)
    .bind(customer_id)
    .bind(by)
    .bind(note)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// From now on the profile is none of these customers.
pub(crate) async fn refuse(
    conn: &mut PgConnection,
    profile_id: Uuid,
    customers: &[String],
    by: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.match_refusal (profile_id, customer_id, refused_by) \
         select $1, c, $3 from unnest($2::text[]) c on conflict do nothing",
    )
    .bind(profile_id)
    .bind(customers)
    .bind(by)
    .execute(conn)
    .await?;
    Ok(())
}

fn read(row: &PgRow) -> sqlx::Result<Review> {
    let decided_at: Option<Timestamp> = instant_or_none(row, "decided_at")?;
    Ok(Review {
        id: row.try_get("id")?,
        profile_id: row.try_get("profile_id")?,
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        candidates: row.try_get::<Json<_>, _>("candidates")?.0,
        customer_id: row.try_get("customer_id")?,
        decided_by: row.try_get("decided_by")?,
        decided_at,
        note: row.try_get("note")?,
        created_at: instant(row, "created_at")?,
    })
}
