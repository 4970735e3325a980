//! Batch: jobs that one other job waits for, and their counts.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::SHARD;
use crate::Result;
use crate::flow::Batch;

type Row = (Uuid, Uuid, String, i32, i32, i32, i32, i32);

/// Makes a batch without members; false when the owner has one of that name.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    owner_id: Uuid,
    name: &str,
    needs_all: bool,
) -> Result<bool> {
    let made = sqlx::query(
        "insert into engine.batch (shard, id, owner_id, name, needs_all, total, pending) \
         values ($1, $2, $3, $4, $5, 0, 0) on conflict (shard, owner_id, name) do nothing",
    )
    .bind(SHARD)
    .bind(id)
    .bind(owner_id)
    .bind(name)
    .bind(needs_all)
    .execute(conn)
    .await?;
    Ok(made.rows_affected() > 0)
}

/// Members as they are added.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Added {
    pub(crate) pending: i32,
    pub(crate) completed: i32,
    pub(crate) cancelled: i32,
    pub(crate) dead: i32,
}

/// Adds members, before any can end, and some that have.
pub(crate) async fn add(conn: &mut PgConnection, id: Uuid, added: Added) -> Result<()> {
    sqlx::query(
        "update engine.batch set \
             total = total + $3 + $4 + $5 + $6, pending = pending + $3, completed = completed + $4, \
             cancelled = cancelled + $5, dead = dead + $6 \
         where shard = $1 and id = $2",
    )
    .bind(SHARD)
    .bind(id)
    .bind(added.pending)
    .bind(added.completed)
    .bind(added.cancelled)
    .bind(added.dead)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets a job stand for a member and counts it: as pending if it is live, or else as it has ended.
pub(crate) async fn stand_for(
    conn: &mut PgConnection,
    id: Uuid,
    job_id: Uuid,
    added: &mut Added,
) -> Result<()> {
    let word: String = sqlx::query_scalar("select engine.stand_for($1, $2, $3)")
        .bind(SHARD)
        .bind(id)
        .bind(job_id)
        .fetch_one(conn)
        .await?;
    match word.as_str() {
        "watched" => added.pending += 1,
        "cancelled" => added.cancelled += 1,
        "dead" => added.dead += 1,
        _ => added.completed += 1,
    }
    Ok(())
}

/// Lets the owner go on if no member is pending.
pub(crate) async fn look(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query("select engine.end_members($1, $2, 0, 0, 0)")
        .bind(SHARD)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// How it stands.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Batch>> {
    let row: Option<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead \
         from engine.batch where shard = $1 and id = $2",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// The one of that name that a job waits or waited for.
pub(crate) async fn named(
    conn: &mut PgConnection,
    owner_id: Uuid,
    name: &str,
) -> Result<Option<Batch>> {
    let owned = owned(conn, owner_id).await?;
    Ok(owned.into_iter().find(|batch| batch.name == name))
}

/// The batches a job waits or waited for, oldest first.
pub(crate) async fn owned(conn: &mut PgConnection, owner_id: Uuid) -> Result<Vec<Batch>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead \
         from engine.batch where shard = $1 and owner_id = $2 order by id",
    )
    .bind(SHARD)
    .bind(owner_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// The results of the members that completed, in the order of their ids.
pub(crate) async fn results(conn: &mut PgConnection, id: Uuid) -> Result<Vec<Value>> {
    let rows: Vec<Json<Value>> = sqlx::query_scalar(
        "select e.result from engine.job j join engine.ended e on e.shard = j.shard and e.id = j.id \
         where j.shard = $1 and j.batch_id = $2 and e.state = 'completed' and e.result is not null order by j.id",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|Json(value)| value).collect())
}

/// A batch whose owner was cancelled while members are live.
pub(crate) async fn abandoned(conn: &mut PgConnection) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "select id from engine.batch where shard = $1 and abandoned order by id limit 1",
    )
    .bind(SHARD)
    .fetch_optional(conn)
    .await?)
}

/// Members that are live and not yet asked to stop, at most `limit`.
pub(crate) async fn live_members(
    conn: &mut PgConnection,
    id: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select j.id from engine.job j where j.shard = $1 and j.batch_id = $2 and ( \
             exists (select from engine.pending p where p.shard = j.shard and p.id = j.id) \
             or exists (select from engine.running r where r.shard = j.shard and r.id = j.id and not r.cancel_requested)) \
         order by j.id limit $3",
    )
    .bind(SHARD)
    .bind(id)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// All members have been told.
pub(crate) async fn settle_abandoned(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query("update engine.batch set abandoned = false where shard = $1 and id = $2")
        .bind(SHARD)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

fn read(row: Row) -> Batch {
    let (id, owner_id, name, total, pending, completed, cancelled, dead) = row;
    Batch {
        id,
        owner_id,
        name,
        total,
        pending,
        completed,
        cancelled,
        dead,
        twins: Vec::new(),
    }
}
