//! Worker: who is alive, for people and for alerts. Safety never depends on these rows.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Result;

/// Says that a worker has started, with its queues and the slots of each.
pub(crate) async fn start(
    conn: &mut PgConnection,
    id: Uuid,
    label: &str,
    (queues, slots): (&[String], &[i32]),
    kinds: &[String],
) -> Result<()> {
    sqlx::query(
        "insert into engine.worker (id, label, version, queues, kinds, slots) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(label)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(queues)
    .bind(kinds)
    .bind(slots)
    .execute(conn)
    .await?;
    Ok(())
}

/// Says that it is alive, and how many of its settles were refused so far.
pub(crate) async fn seen(conn: &mut PgConnection, id: Uuid, refused: i64) -> Result<()> {
    sqlx::query("update engine.worker set seen_at = now(), refused_settles = $2 where id = $1")
        .bind(id)
        .bind(refused)
        .execute(conn)
        .await?;
    Ok(())
}

/// Says that it has stopped in good order.
pub(crate) async fn stop(conn: &mut PgConnection, id: Uuid, refused: i64) -> Result<()> {
    sqlx::query(
        "update engine.worker set seen_at = now(), stopped_at = now(), refused_settles = $2 where id = $1",
    )
    .bind(id)
    .bind(refused)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many are alive.
pub(crate) async fn alive(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from engine.worker where stopped_at is null and seen_at > now() - interval '1 minute'",
    )
    .fetch_one(conn)
    .await?)
}
