//! Retry: let the same job try on, now.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SHARD, partition, read};
use crate::{Error, Result};

/// Moves the job back among the available and returns its queue. Runs in a transaction, which the
/// caller must roll back on an error.
pub(crate) async fn retry(conn: &mut PgConnection, id: Uuid) -> Result<String> {
    if let Some(queue) = hasten(conn, id).await? {
        return Ok(queue);
    }
    if let Some(queue) = reopen(conn, id).await? {
        return Ok(queue);
    }
    Err(match read::state(conn, id).await? {
        Some(state) => Error::WrongState {
            id,
            state,
            verb: "retry",
        },
        None => Error::NoJob(id),
    })
}

/// Lets a dead or cancelled job try on; its queue, or none when it is neither. As [`retry`] else.
pub(crate) async fn reopen(conn: &mut PgConnection, id: Uuid) -> Result<Option<String>> {
    type Row = (String, String, Option<String>, Option<Uuid>, String);
    let back: Option<Row> = sqlx::query_as(include_str!("retry.sql"))
        .bind(SHARD)
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?;
    let Some((kind, queue, key, batch_id, was)) = back else {
        return Ok(None);
    };
    if let Some(key) = key {
        let twin = take_key(conn, &kind, &key, id).await?;
        if let Some(twin) = twin.filter(|twin| *twin != id) {
            return Err(Error::UniqueKeyTaken { id, twin });
        }
    }
    partition::unblock_by(conn, id).await?;
    if let Some(batch_id) = batch_id {
        sqlx::query("select engine.reopen_member($1, $2, $3::engine.job_state)")
            .bind(SHARD)
            .bind(batch_id)
            .bind(was)
            .execute(&mut *conn)
            .await?;
    }
    Ok(Some(queue))
}

/// A job that waits for its time, or for its next attempt, need not wait.
pub(crate) async fn hasten(conn: &mut PgConnection, id: Uuid) -> Result<Option<String>> {
    Ok(sqlx::query_scalar(
        "update engine.pending set due = true, run_at = now(), rank_at = least(rank_at, now() + priority * interval '1 minute') \
         where shard = $1 and id = $2 and state = 'available' returning queue",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

/// Takes the unique key again; the job that has it meanwhile, if one does.
async fn take_key(
    conn: &mut PgConnection,
    kind: &str,
    key: &str,
    id: Uuid,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "select job_id from engine.take_key($1, $2, 'unique:' || $3, $4, null, null)",
    )
    .bind(SHARD)
    .bind(kind)
    .bind(key)
    .bind(id)
    .fetch_one(conn)
    .await?)
}
