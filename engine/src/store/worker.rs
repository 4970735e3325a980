//! Worker: who is alive, for people and for alerts. Safety never depends on these rows.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::row::{instant, instant_or_none};
use crate::Result;
use crate::view::{WorkerPlace, WorkerView};

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

/// Workers behind a place, the living first, and among them those that started last: ids are in the
/// order of their starts.
pub(crate) async fn list(
    conn: &mut PgConnection,
    before: Option<WorkerPlace>,
    limit: i64,
) -> Result<Vec<WorkerView>> {
    let rows = sqlx::query(
        "select * from ( \
             select id, label, version, queues, started_at, seen_at, stopped_at, refused_settles, \
                 stopped_at is null and seen_at > now() - interval '1 minute' as alive \
             from engine.worker) w \
         where $2::uuid is null or (alive, id) < ($1, $2) order by alive desc, id desc limit $3",
    )
    .bind(before.is_some_and(|before| before.alive))
    .bind(before.map(|before| before.id))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(WorkerView {
                id: row.try_get("id")?,
                label: row.try_get("label")?,
                version: row.try_get("version")?,
                queues: row.try_get("queues")?,
                started_at: instant(row, "started_at")?,
                seen_at: instant(row, "seen_at")?,
                stopped_at: instant_or_none(row, "stopped_at")?,
                refused_settles: row.try_get("refused_settles")?,
                alive: row.try_get("alive")?,
            })
        })
        .collect()
}
