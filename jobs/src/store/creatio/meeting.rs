//! Meetings that were told of, and requests that may be sent again.

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgConnection, types::PgInterval};
use uuid::Uuid;

use crate::Error;

/// Expired answers that one request takes away.
const AT_ONCE: i64 = 100;

/// Notes that somebody tells of a meeting, and holds it until the transaction ends; the id of its activity.
pub(crate) async fn told(
    conn: &mut PgConnection,
    (connection, meeting_id): (&str, Uuid),
    activity_id: Uuid,
    by: &str,
) -> Result<Uuid, Error> {
    Ok(sqlx::query_scalar(
        "insert into sync.meeting as m (connection, meeting_id, activity_id, told_by) values ($1, $2, $3, $4) \
         on conflict (connection, meeting_id) do update set told_by = excluded.told_by, told_at = now() \
         returning m.activity_id",
    )
    .bind(connection)
    .bind(meeting_id)
    .bind(activity_id)
    .bind(by)
    .fetch_one(conn)
    .await?)
}

/// Whose lead it is, once nobody else writes it; none when there is no such lead.
pub(crate) async fn hold_lead(
    conn: &mut PgConnection,
    lead_id: Uuid,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar(
        "select connection from sync.lead where id = $1 and deleted_at is null for update",
    )
    .bind(lead_id)
    .fetch_optional(conn)
    .await?)
}

/// Whose lead it is; also of one that was deleted.
pub(crate) async fn connection_of_lead(
    conn: &mut PgConnection,
    lead_id: Uuid,
) -> Result<Option<String>, Error> {
    Ok(
        sqlx::query_scalar("select connection from sync.lead where id = $1")
            .bind(lead_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// True when nobody has used the key yet. Whoever uses it now is waited for.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    (asked_by, key): (&str, &str),
    hash: &[u8],
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into sync.meeting_request (asked_by, key, hash) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(asked_by)
    .bind(key)
    .bind(hash)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What was asked with the key, and answered.
pub(crate) async fn answered(
    conn: &mut PgConnection,
    (asked_by, key): (&str, &str),
) -> Result<Option<(Vec<u8>, Value)>, Error> {
    Ok(sqlx::query_as(
        "select hash, answer from sync.meeting_request where asked_by = $1 and key = $2 and answer is not null",
    )
    .bind(asked_by)
    .bind(key)
    .fetch_optional(conn)
    .await?)
}

pub(crate) async fn answer(
    conn: &mut PgConnection,
    (asked_by, key): (&str, &str),
    answer: &Value,
) -> Result<(), Error> {
    sqlx::query("update sync.meeting_request set answer = $3 where asked_by = $1 and key = $2")
        .bind(asked_by)
        .bind(key)
        .bind(answer)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets some answers that are older than `keep`.
pub(crate) async fn forget(conn: &mut PgConnection, keep: Duration) -> Result<(), Error> {
    let keep = PgInterval::try_from(keep).unwrap_or(PgInterval {
        months: 0,
        days: 1,
        microseconds: 0,
    });
    sqlx::query(
        "delete from sync.meeting_request where (asked_by, key) in ( \
             select asked_by, key from sync.meeting_request where asked_at < now() - $1 \
             order by asked_at limit $2 for update skip locked)",
    )
    .bind(keep)
    .bind(AT_ONCE)
    .execute(conn)
    .await?;
    Ok(())
}
