//! Schedule: the declared schedules, and the ledger of their ticks.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::SHARD;
use super::row::{instant, instant_or_none};
use crate::cursor::Cursor;
use crate::schedule::{CatchUp, Overlap, Schedule, ScheduleView, TickView};
use crate::{Pause, PauseScope, Result, State};

/// A schedule with ticks to decide, locked by this transaction.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) schedule: Schedule,
    pub(crate) decided_until: Timestamp,
    pub(crate) paused: bool,
    /// The database's clock.
    pub(crate) now: Timestamp,
}

/// Locks one schedule that is due. Others that decide at the same time get others.
pub(crate) async fn lock_due(conn: &mut PgConnection) -> Result<Option<Due>> {
    let row = sqlx::query(
        "select s.*, now() as now, \
             exists (select from engine.pause p where p.scope = 'schedule' and p.name = s.name) as paused \
         from engine.schedule s where s.removed_at is null and s.next_at <= now() \
         order by s.next_at, s.name limit 1 for update of s skip locked",
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Due {
            schedule: read_schedule(&row)?,
            decided_until: instant(&row, "decided_until")?,
            paused: row.try_get("paused")?,
            now: instant(&row, "now")?,
        })
    })
    .transpose()
}

/// The next due instant of all schedules, in milliseconds from now; negative when it has come.
pub(crate) async fn next_in_ms(conn: &mut PgConnection) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar(
        "select ceil(extract(epoch from min(next_at) - now()) * 1000)::bigint from engine.schedule where removed_at is null",
    )
    .fetch_one(conn)
    .await?)
}

/// What becomes of one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision<'a> {
    pub(crate) schedule: &'a str,
    pub(crate) tick_at: Timestamp,
    pub(crate) decision: &'a str,
    pub(crate) job_id: Option<Uuid>,
    pub(crate) manual: bool,
}

/// Notes a decision; false when this tick was decided before, and then nothing may follow from it.
pub(crate) async fn decide(conn: &mut PgConnection, tick: Decision<'_>) -> Result<bool> {
    let done = sqlx::query(
        "insert into engine.tick (schedule, tick_at, manual, decision, shard, job_id) \
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(tick.schedule)
    .bind(jiff_sqlx::Timestamp::from(tick.tick_at))
    .bind(tick.manual)
    .bind(tick.decision)
    .bind(tick.job_id.map(|_| SHARD))
    .bind(tick.job_id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes back a tick that this transaction had noted as enqueued.
pub(crate) async fn change_decision(
    conn: &mut PgConnection,
    schedule: &str,
    tick_at: Timestamp,
    decision: &str,
) -> Result<()> {
    sqlx::query(
        "update engine.tick set decision = $3, shard = null, job_id = null \
         where schedule = $1 and tick_at = $2 and not manual",
    )
    .bind(schedule)
    .bind(jiff_sqlx::Timestamp::from(tick_at))
    .bind(decision)
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves the schedule past what was decided.
pub(crate) async fn advance(
    conn: &mut PgConnection,
    schedule: &str,
    decided_until: Timestamp,
    next_at: Option<Timestamp>,
) -> Result<()> {
    sqlx::query("update engine.schedule set decided_until = $2, next_at = $3 where name = $1")
        .bind(schedule)
        .bind(jiff_sqlx::Timestamp::from(decided_until))
        .bind(next_at.map(jiff_sqlx::Timestamp::from))
        .execute(conn)
        .await?;
    Ok(())
}

/// True when a job of an earlier tick has not ended.
pub(crate) async fn predecessor_lives(conn: &mut PgConnection, schedule: &str) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists ( \
             select from (select job_id from engine.tick where schedule = $2 and job_id is not null order by tick_at desc limit 50) t \
             where exists (select from engine.pending where shard = $1 and id = t.job_id) \
                or exists (select from engine.running where shard = $1 and id = t.job_id))",
    )
    .bind(SHARD)
    .bind(schedule)
    .fetch_one(conn)
    .await?)
}

/// Declares one schedule; its ticks go on where they were unless its times have changed.
pub(crate) async fn declare(
    conn: &mut PgConnection,
    schedule: &Schedule,
    next_at: Timestamp,
) -> Result<()> {
    sqlx::query(include_str!("declare_schedule.sql"))
        .bind(&schedule.name)
        .bind(&schedule.cron)
        .bind(&schedule.time_zone)
        .bind(&schedule.kind)
        .bind(Json(&schedule.args))
        .bind(schedule.queue.as_deref())
        .bind(word(&schedule.catch_up))
        .bind(word(&schedule.overlap))
        .bind(jiff_sqlx::Timestamp::from(next_at))
        .execute(conn)
        .await?;
    Ok(())
}

/// Retires the schedules that are not among `names`; returns which.
pub(crate) async fn remove_others(
    conn: &mut PgConnection,
    names: &[String],
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "update engine.schedule set removed_at = now(), next_at = null \
         where removed_at is null and name <> all($1) returning name",
    )
    .bind(names)
    .fetch_all(conn)
    .await?)
}

/// One schedule that is not retired.
pub(crate) async fn find(conn: &mut PgConnection, name: &str) -> Result<Option<Schedule>> {
    let row = sqlx::query("select * from engine.schedule where name = $1 and removed_at is null")
        .bind(name)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_schedule).transpose()
}

/// All schedules that are not retired, without their last ticks.
pub(crate) async fn list(conn: &mut PgConnection) -> Result<Vec<ScheduleView>> {
    let rows = sqlx::query(
        "select s.*, p.paused_at, p.paused_by, p.reason from engine.schedule s \
         left join engine.pause p on p.scope = 'schedule' and p.name = s.name \
         where s.removed_at is null order by s.name",
    )
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let schedule = read_schedule(row)?;
            let pause = match instant_or_none(row, "paused_at")? {
                Some(paused_at) => Some(Pause {
                    scope: PauseScope::Schedule,
                    name: schedule.name.clone(),
                    paused_at,
                    paused_by: row.try_get("paused_by")?,
                    reason: row.try_get("reason")?,
                }),
                None => None,
            };
            Ok(ScheduleView {
                schedule,
                next_at: instant_or_none(row, "next_at")?,
                pause,
                last_tick: None,
            })
        })
        .collect()
}

/// The newest ticks of a schedule behind a place.
pub(crate) async fn ticks(
    conn: &mut PgConnection,
    schedule: &str,
    before: Option<&Cursor<bool>>,
    limit: i64,
) -> Result<Vec<TickView>> {
    let at = before.and_then(|before| before.at);
    let rows = sqlx::query(include_str!("list_ticks.sql"))
        .bind(schedule)
        .bind(at.map(jiff_sqlx::Timestamp::from))
        .bind(before.is_some_and(|before| before.key))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            let state: Option<String> = row.try_get("state")?;
            Ok(TickView {
                schedule: row.try_get("schedule")?,
                tick_at: instant(row, "tick_at")?,
                manual: row.try_get("manual")?,
                decision: row.try_get("decision")?,
                job_id: row.try_get("job_id")?,
                state: state.as_deref().and_then(State::parse),
                started_at: instant_or_none(row, "started_at")?,
                ended_at: instant_or_none(row, "ended_at")?,
                result: row
                    .try_get::<Option<Json<Value>>, _>("result")?
                    .map(|Json(value)| value),
                error: row.try_get("error")?,
            })
        })
        .collect()
}

fn read_schedule(row: &PgRow) -> Result<Schedule> {
    let Json(args): Json<Value> = row.try_get("args")?;
    let (catch_up, overlap): (String, String) = (row.try_get("catch_up")?, row.try_get("overlap")?);
    Ok(Schedule {
        name: row.try_get("name")?,
        cron: row.try_get("cron")?,
        time_zone: row.try_get("time_zone")?,
        kind: row.try_get("kind")?,
        args,
        queue: row.try_get("queue")?,
        catch_up: match catch_up.as_str() {
            "none" => CatchUp::None,
            "all" => CatchUp::All,
            _ => CatchUp::Latest,
        },
        overlap: match overlap.as_str() {
            "queue" => Overlap::Queue,
            "allow" => Overlap::Allow,
            _ => Overlap::Skip,
        },
    })
}

/// The word of a rule, as serde writes it.
fn word(rule: &impl serde::Serialize) -> String {
    serde_json::to_value(rule)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
