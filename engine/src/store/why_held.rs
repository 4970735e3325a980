//! Why held: what a job waits for, and which limits keep it back.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::row::instant;
use super::{SHARD, batch};
use crate::Result;
use crate::view::JobView;
use crate::why::Why;

/// Running jobs that are named.
const NAMED: i64 = 20;

/// What a waiting job that is no twin waits for; none when it has just been released.
pub(super) async fn wait(conn: &mut PgConnection, job: &JobView) -> Result<Option<Why>> {
    let waiting_for = job.waiting_for.as_deref().unwrap_or_default();
    if let Some(id) = waiting_for
        .strip_prefix("batch:")
        .and_then(|id| id.parse().ok())
    {
        return Ok(batch::counts(conn, id)
            .await?
            .map(|batch| Why::Members { batch }));
    }
    let limit: Option<jiff_sqlx::Timestamp> = sqlx::query_scalar(
        "select run_at from engine.pending where shard = $1 and id = $2 and run_at < 'infinity'",
    )
    .bind(SHARD)
    .bind(job.id)
    .fetch_optional(conn)
    .await?;
    let until = limit.map(jiff_sqlx::Timestamp::to_jiff);
    if let Some(name) = waiting_for.strip_prefix("signal:") {
        return Ok(Some(Why::Signal {
            name: name.to_owned(),
            until,
        }));
    }
    Ok(until.map(|until| Why::Sleeps { until }))
}

/// The limits that are reached now.
pub(super) async fn limits(conn: &mut PgConnection, job: &JobView) -> Result<Vec<Why>> {
    let row = sqlx::query(
        "select most_running, partition_running, partition_order is not null as ordered, by_connection \
         from engine.kind where name = $1",
    )
    .bind(&job.kind)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else {
        return Ok(Vec::new());
    };
    let mut reached = Vec::new();
    let most: Option<i32> = row.try_get("most_running")?;
    if let Some(most) = most.map(i64::from)
        && let Some(jobs) = full(conn, "kind", &job.kind, most).await?
    {
        reached.push(Why::KindFull {
            kind: job.kind.clone(),
            most,
            jobs,
        });
    }
    let Some(key) = &job.partition_key else {
        return Ok(reached);
    };
    if row.try_get("ordered")? {
        reached.extend(turn(conn, job, key).await?);
        return Ok(reached);
    }
    let most: Option<i32> = row.try_get("partition_running")?;
    let Some(most) = most.map(i64::from) else {
        return Ok(reached);
    };
    let Some(jobs) = full(conn, "partition_key", key, most).await? else {
        reached.extend(overtakes(conn, job, key).await?);
        return Ok(reached);
    };
    let key = key.clone();
    reached.push(match row.try_get("by_connection")? {
        true => Why::ConnectionFull { key, most, jobs },
        false => Why::PartitionFull { key, most, jobs },
    });
    Ok(reached)
}

/// The job of another kind that this one may not overtake.
async fn overtakes(conn: &mut PgConnection, job: &JobView, key: &str) -> Result<Option<Why>> {
    let row = sqlx::query(include_str!("why_overtakes.sql"))
        .bind(SHARD)
        .bind(&job.queue)
        .bind(key)
        .bind(job.id)
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(Why::WouldOvertake {
            key: key.to_owned(),
            head: row.try_get("id")?,
            kind: row.try_get("kind")?,
        })
    })
    .transpose()
}

/// Who is before a job of an ordered partition.
async fn turn(conn: &mut PgConnection, job: &JobView, key: &str) -> Result<Option<Why>> {
    let block = sqlx::query(
        "select job_id, blocked_at from engine.partition_block \
         where shard = $1 and partition_key = $2 and job_id <> $3",
    )
    .bind(SHARD)
    .bind(key)
    .bind(job.id)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = block {
        return Ok(Some(Why::PartitionBlocked {
            key: key.to_owned(),
            job_id: row.try_get("job_id")?,
            since: instant(&row, "blocked_at")?,
        }));
    }
    if let Some(jobs) = full(conn, "partition_key", key, 1).await? {
        return Ok(Some(Why::PartitionFull {
            key: key.to_owned(),
            most: 1,
            jobs,
        }));
    }
    let head: Option<Uuid> = sqlx::query_scalar(
        "select id from engine.pending where shard = $1 and partition_key = $2 and ordered order by id limit 1",
    )
    .bind(SHARD)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    Ok(head
        .filter(|head| *head != job.id)
        .map(|head| Why::NotItsTurn {
            key: key.to_owned(),
            head,
        }))
}

/// The first of those that run, if `most` or more do.
async fn full(
    conn: &mut PgConnection,
    column: &'static str,
    value: &str,
    most: i64,
) -> Result<Option<Vec<Uuid>>> {
    let statement = match column {
        "kind" => {
            "select id from engine.running where shard = $1 and kind = $2 order by started_at, id limit $3"
        }
        _ => {
            "select id from engine.running where shard = $1 and partition_key = $2 order by started_at, id limit $3"
        }
    };
    let mut jobs: Vec<Uuid> = sqlx::query_scalar(statement)
        .bind(SHARD)
        .bind(value)
        .bind(most.max(NAMED))
        .fetch_all(conn)
        .await?;
    let running = i64::try_from(jobs.len()).unwrap_or(i64::MAX);
    jobs.truncate(usize::try_from(NAMED).unwrap_or(0));
    Ok((running >= most).then_some(jobs))
}
