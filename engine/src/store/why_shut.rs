//! Why shut: which budgets, breakers and pauses keep the jobs of a connection back, and since when a job is
//! put off for them or was sent back by its own last attempt.

use jiff::Timestamp;
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

/// The code of an attempt that got no tokens.
const THROTTLED: &str = "throttled";

/// What is shut of what a job needs: pauses, then budgets, then breakers, by name. `sent_back` is what its
/// last attempt said, if that is why it is not due.
pub(super) async fn shut(
    conn: &mut PgConnection,
    job: Uuid,
    sent_back: Option<&Why>,
) -> Result<Vec<Why>> {
    let keys = &breaker::rate_keys(conn, job).await?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut causes = pauses(conn, keys).await?;
    causes.extend(budgets(conn, keys).await?);
    let turn = match sent_back {
        Some(Why::Snoozed { code, again_at, .. }) if code.as_deref() == Some(THROTTLED) => {
            Some(*again_at)
        }
        _ => None,
    };
    causes.extend(buckets(conn, keys, turn).await?);
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

/// Buckets of the keys, and those beside them, that hold less than a token, or kept somebody waiting when the
/// job was sent away until its `turn`. What leases hold is not to be had.
async fn buckets(
    conn: &mut PgConnection,
    keys: &[String],
    turn: Option<Timestamp>,
) -> Result<Vec<Why>> {
    let rows = sqlx::query(
        "select key, tokens, capacity, refill, \
             now() + greatest(0, (1 - tokens) / refill) * interval '1 second' as enough_at \
         from ( \
             select b.key, b.capacity, b.queued_until, engine.budget_refill(b, now()) as refill, \
                 least(engine.budget_level(b, now()), b.capacity - engine.budget_leased(b.shard, b.key, now())) as tokens \
             from engine.budget b \
             where \
                 b.shard = $1 and b.level_known and coalesce(b.blocked_until <= now(), true) \
                 and exists (select from unnest($2::text[]) k where b.key = k or starts_with(b.key, k || '/')) \
         ) b \
         where tokens < 1 or ($3 and queued_until > now()) order by key",
    )
    .bind(SHARD)
    .bind(keys)
    .bind(turn.is_some())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let one_at = instant(row, "enough_at")?;
            Ok(Why::BucketEmpty {
                key: row.try_get("key")?,
                tokens: row.try_get("tokens")?,
                capacity: row.try_get("capacity")?,
                refill_per_s: row.try_get("refill")?,
                enough_at: turn.map_or(one_at, |turn| turn.max(one_at)),
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

/// That a job was put off and what for, or that its last attempt sent it back and why, if that was the last thing
/// that happened to it.
pub(super) async fn sent_back(conn: &mut PgConnection, job: &JobView) -> Result<Option<Why>> {
    if job.state != State::Available {
        return Ok(None);
    }
    let last = sqlx::query(
        "select a.outcome, a.started_at, a.ended_at, coalesce(a.times, 1) as times, a.code, a.error, o.key \
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
    Ok(match row.try_get("outcome")? {
        "put_off" => Some(Why::PutOff {
            key: row.try_get("key")?,
            times: row.try_get("times")?,
            since: instant(&row, "started_at")?,
            again_at: job.run_at,
        }),
        "snooze" => Some(Why::Snoozed {
            code: row.try_get("code")?,
            error: row.try_get("error")?,
            since: instant(&row, "ended_at")?,
            again_at: job.run_at,
        }),
        _ => None,
    })
}
