//! Why shut: which budgets, breakers and pauses keep the jobs of a connection back, and since when a job is
//! put off for them.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::row::{instant, instant_or_none};
use super::{SHARD, breaker};
use crate::breaker::BreakerState;
use crate::control::PauseScope;
use crate::view::JobView;
use crate::why::Why;
use crate::{Result, State};

/// What is shut of what a job needs: pauses, then budgets, then breakers, by name.
pub(super) async fn shut(conn: &mut PgConnection, job: Uuid) -> Result<Vec<Why>> {
    let keys = &breaker::rate_keys(conn, job).await?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut causes = pauses(conn, keys).await?;
    causes.extend(budgets(conn, keys).await?);
    causes.extend(breakers(conn, keys).await?);
    Ok(causes)
}

async fn pauses(conn: &mut PgConnection, keys: &[String]) -> Result<Vec<Why>> {
    let rows = sqlx::query(
        "select name, paused_at, paused_by, reason from engine.pause \
         where scope = 'connection' and name = any($1) order by name",
    )
    .bind(keys)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Why::Paused {
                scope: PauseScope::Connection,
                name: row.try_get("name")?,
                by: row.try_get("paused_by")?,
                since: instant(row, "paused_at")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

async fn budgets(conn: &mut PgConnection, keys: &[String]) -> Result<Vec<Why>> {
    let rows = sqlx::query(
        "select key, blocked_until from engine.budget \
         where shard = $1 and key = any($2) and blocked_until > now() order by key",
    )
    .bind(SHARD)
    .bind(keys)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Why::BudgetShut {
                key: row.try_get("key")?,
                until: instant(row, "blocked_until")?,
            })
        })
        .collect()
}

async fn breakers(conn: &mut PgConnection, keys: &[String]) -> Result<Vec<Why>> {
    // A person's word on an opening is stored with it. An older one stays on record and is none.
    let rows = sqlx::query(
        "select connection, state, opened_at, open_until, opens, probe_job, probe_until, reason, \
             case when state = 'open' and forced_at >= opened_at - interval '1 millisecond' then forced_by end as forced_by \
         from engine.breaker where shard = $1 and connection = any($2) and state <> 'closed' order by connection",
    )
    .bind(SHARD)
    .bind(keys)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let state = BreakerState::parse(row.try_get("state")?);
            let probed_until = instant_or_none(row, "probe_until")?;
            let forced_by: Option<String> = row.try_get("forced_by")?;
            Ok(Why::BreakerShut {
                connection: row.try_get("connection")?,
                state,
                since: instant_or_none(row, "opened_at")?,
                opens: row.try_get::<i32, _>("opens")?.into(),
                next_probe_at: match state {
                    BreakerState::HalfOpen => probed_until,
                    _ => instant_or_none(row, "open_until")?,
                },
                probe_job: row.try_get("probe_job")?,
                reason: match forced_by {
                    Some(_) => row.try_get("reason")?,
                    None => None,
                },
                forced_by,
            })
        })
        .collect()
}

/// That a job was put off and what for, if the last thing that happened to it is that.
pub(super) async fn put_off(conn: &mut PgConnection, job: &JobView) -> Result<Option<Why>> {
    if job.state != State::Available {
        return Ok(None);
    }
    let last = sqlx::query(
        "select a.outcome, a.started_at, coalesce(a.times, 1) as times, a.error, o.key \
         from engine.attempt a left join engine.put_off o on o.shard = a.shard and o.job_id = a.job_id \
         where a.shard = $1 and a.job_id = $2 order by a.attempt desc limit 1",
    )
    .bind(SHARD)
    .bind(job.id)
    .fetch_optional(conn)
    .await?;
    let Some(row) = last else {
        return Ok(None);
    };
    if row.try_get::<&str, _>("outcome")? != "put_off" {
        return Ok(None);
    }
    Ok(Some(Why::PutOff {
        key: row.try_get("key")?,
        times: row.try_get("times")?,
        since: instant(&row, "started_at")?,
        again_at: job.run_at,
    }))
}
