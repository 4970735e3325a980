//! Batch: jobs that one other job waits for, and their counts.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::SHARD;
use crate::Result;
use crate::flow::Batch;

type Row = (
    Uuid,
    Uuid,
    String,
    i32,
    i32,
    i32,
    i32,
    i32,
    Option<Vec<Uuid>>,
);

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
#[derive(Debug, Default, Clone)]
pub(crate) struct Added {
    pub(crate) pending: i32,
    pub(crate) completed: i32,
    pub(crate) cancelled: i32,
    pub(crate) dead: i32,
    /// Jobs of others that stand for some of them.
    pub(crate) twins: Vec<Uuid>,
}

/// Adds members, before any can end, and some that have.
pub(crate) async fn add(conn: &mut PgConnection, id: Uuid, added: Added) -> Result<()> {
    sqlx::query(
        "update engine.batch set \
             total = total + $3 + $4 + $5 + $6, pending = pending + $3, completed = completed + $4, \
             cancelled = cancelled + $5, dead = dead + $6, twins = nullif(coalesce(twins, '{}') || $7::uuid[], '{}') \
         where shard = $1 and id = $2",
    )
    .bind(SHARD)
    .bind(id)
    .bind(added.pending)
    .bind(added.completed)
    .bind(added.cancelled)
    .bind(added.dead)
    .bind(added.twins)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets jobs stand for members and counts them: those that are live as pending, or else as they have ended. They are
/// locked in the order given.
pub(crate) async fn stand_for(
    conn: &mut PgConnection,
    id: Uuid,
    jobs: &[Uuid],
    added: &mut Added,
) -> Result<()> {
    let counts: Vec<(String, i32)> = sqlx::query_as(
        "select word, count(*)::integer \
         from (select engine.stand_for($1, $2, job_id) as word from unnest($3::uuid[]) job_id) stood group by word",
    )
    .bind(SHARD)
    .bind(id)
    .bind(jobs)
    .fetch_all(conn)
    .await?;
    for (word, jobs) in counts {
        match word.as_str() {
            "watched" => added.pending += jobs,
            "cancelled" => added.cancelled += jobs,
            "dead" => added.dead += jobs,
            _ => added.completed += jobs,
        }
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

/// How it stands, and who stands for members.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Batch>> {
    let row: Option<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead, twins \
         from engine.batch where shard = $1 and id = $2",
    )
    .bind(SHARD)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// How it stands, without those who stand for members.
pub(crate) async fn counts(conn: &mut PgConnection, id: Uuid) -> Result<Option<Batch>> {
    let row: Option<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead, null::uuid[] \
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
    let row: Option<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead, twins \
         from engine.batch where shard = $1 and owner_id = $2 and name = $3",
    )
    .bind(SHARD)
    .bind(owner_id)
    .bind(name)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// The batches a job waits or waited for, oldest first, without those who stand for members.
pub(crate) async fn owned(conn: &mut PgConnection, owner_id: Uuid) -> Result<Vec<Batch>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, owner_id, name, total, pending, completed, cancelled, dead, null::uuid[] \
         from engine.batch where shard = $1 and owner_id = $2 order by id",
    )
    .bind(SHARD)
    .bind(owner_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// The results of members that completed and are behind `after`, in the order of their ids: at most `limit`, and no
/// more than one beyond `bytes` as they are stored. None is the end.
pub(crate) async fn results(
    conn: &mut PgConnection,
    id: Uuid,
    after: Uuid,
    (limit, bytes): (i64, i64),
) -> Result<Vec<(Uuid, Value)>> {
    let rows: Vec<(Uuid, Json<Value>)> = sqlx::query_as(
        "select id, result from ( \
             select id, result, sum(pg_column_size(result)) over (order by id) - pg_column_size(result) as ahead from ( \
                 select j.id, e.result \
                 from engine.job j join engine.ended e on e.shard = j.shard and e.id = j.id \
                 where j.shard = $1 and j.batch_id = $2 and j.id > $3 and e.state = 'completed' and e.result is not null \
                 order by j.id limit $4 \
             ) page \
         ) counted where ahead < $5 order by id",
    )
    .bind(SHARD)
    .bind(id)
    .bind(after)
    .bind(limit)
    .bind(bytes)
    .fetch_all(conn)
    .await?;
    let results = rows.into_iter().map(|(id, Json(value))| (id, value));
    Ok(results.collect())
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

/// Members that are live and not yet asked to stop, at most `limit`, behind that id.
pub(crate) async fn live_members(
    conn: &mut PgConnection,
    id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let members = sqlx::query_scalar(include_str!("live_members.sql"))
        .bind(SHARD)
        .bind(id)
        .bind(after)
        .bind(limit);
    Ok(members.fetch_all(conn).await?)
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
    let (id, owner_id, name, total, pending, completed, cancelled, dead, twins) = row;
    Batch {
        id,
        owner_id,
        name,
        total,
        pending,
        completed,
        cancelled,
        dead,
        twins: twins.unwrap_or_default(),
    }
}
