//! Breaker: load one, store a move under the version it was decided on, list what is shut.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use uuid::Uuid;

use super::SHARD;
use super::row::{instant, instant_or_none};
use crate::Result;
use crate::breaker::{ASK_AGAIN_MS, Alarm, Breaker, BreakerState, BreakerView, Ramp};

/// A breaker as it is stored, with the version a move must name and the database's clock.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) breaker: Breaker,
    /// None when it was never stored.
    pub(crate) version: Option<i64>,
    pub(crate) now: i64,
}

/// Who forced a breaker, and why.
#[derive(Debug, Clone)]
pub(crate) struct Force {
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
}

/// The breaker of a connection; a closed one when there is none.
pub(crate) async fn load(conn: &mut PgConnection, connection: &str) -> Result<Loaded> {
    let row = sqlx::query(include_str!("load_breaker.sql"))
        .bind(SHARD)
        .bind(connection)
        .fetch_one(conn)
        .await?;
    let (now, version): (i64, Option<i64>) = (row.try_get("now")?, row.try_get("version")?);
    let breaker = match version {
        Some(_) => read(&row)?,
        None => Breaker::closed(now),
    };
    Ok(Loaded {
        breaker,
        version,
        now,
    })
}

fn read(row: &PgRow) -> Result<Breaker> {
    let (job, until): (Option<Uuid>, Option<i64>) =
        (row.try_get("probe_job")?, row.try_get("probe_until")?);
    let ramp_since: Option<i64> = row.try_get("ramp_since")?;
    let (second, taken) = (row.try_get("ramp_second")?, row.try_get("ramp_taken")?);
    Ok(Breaker {
        state: BreakerState::parse(row.try_get("state")?),
        half_began: row.try_get("half_began")?,
        now: (row.try_get("good_now")?, row.try_get("bad_now")?),
        before: (row.try_get("good_before")?, row.try_get("bad_before")?),
        opens: row.try_get("opens")?,
        opened_at: row.try_get("opened_at")?,
        open_until: row.try_get("open_until")?,
        probe: job.zip(until),
        ramp: ramp_since.map(|since| Ramp {
            since,
            second,
            taken,
        }),
        failing_since: row.try_get("failing_since")?,
        alarm: row.try_get::<Option<&str>, _>("alarm")?.map(Alarm::parse),
    })
}

/// Stores a move; false when another was stored first, and then nothing has changed.
pub(crate) async fn store(
    conn: &mut PgConnection,
    connection: &str,
    loaded: &Loaded,
    next: &Breaker,
    force: Option<&Force>,
) -> Result<bool> {
    let done = sqlx::query(include_str!("store_breaker.sql"))
        .bind(SHARD)
        .bind(connection)
        .bind(loaded.version)
        .bind(next.state.as_str())
        .bind(next.half_began)
        .bind([next.now.0, next.now.1, next.before.0, next.before.1])
        .bind(next.opens)
        .bind(next.opened_at)
        .bind(next.open_until)
        .bind(next.probe.map(|(job, _)| job))
        .bind(next.probe.map(|(_, until)| until))
        .bind(next.ramp.map(|ramp| ramp.since))
        .bind(next.ramp.map_or(0, |ramp| ramp.second))
        .bind(next.ramp.map_or(0, |ramp| ramp.taken))
        .bind(force.map(|force| force.by.as_str()))
        .bind(force.and_then(|force| force.reason.as_deref()))
        .bind(next.failing_since)
        .bind(next.alarm.map(Alarm::as_str))
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// What shuts a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum ShutBy {
    /// Its budget: the remote has refused.
    Budget,
    /// A person, or that it had been failing for too long: it is suspended.
    Paused,
    /// Its breaker is open, or was: the first to ask is the probe.
    Open,
    /// A probe is under way, or was: the next to ask is one.
    HalfOpen,
    /// Jobs pass by and by.
    Ramp,
}

/// A connection that jobs may not simply use now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Shut {
    pub(crate) key: String,
    /// Where it is not a budget, the breaker says who passes.
    pub(crate) by: ShutBy,
    /// For how long surely none passes.
    pub(crate) wait_ms: i64,
    /// For how long it has been like that.
    pub(crate) since_ms: i64,
    /// A probe is under way, and its lease lasts.
    pub(crate) is_probed: bool,
}

impl Shut {
    /// Nobody who comes now would pass.
    pub(crate) fn is_surely(&self) -> bool {
        self.wait_ms > 0 || self.is_probed
    }
}

/// Everything that is shut: mostly nothing.
pub(crate) async fn shut(pool: &PgPool) -> Result<Vec<Shut>> {
    Ok(sqlx::query_as(include_str!("shut.sql"))
        .bind(SHARD)
        .bind(ASK_AGAIN_MS)
        .fetch_all(pool)
        .await?)
}

/// All breakers, or the one of that connection.
pub(crate) async fn list(
    conn: &mut PgConnection,
    connection: Option<&str>,
) -> Result<Vec<BreakerView>> {
    let rows = sqlx::query(include_str!("list_breakers.sql"))
        .bind(SHARD)
        .bind(connection)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BreakerView {
                connection: row.try_get("connection")?,
                state: BreakerState::parse(row.try_get("state")?),
                good: row.try_get::<i32, _>("good")?.into(),
                bad: row.try_get::<i32, _>("bad")?.into(),
                opens: row.try_get::<i32, _>("opens")?.into(),
                opened_at: instant_or_none(row, "opened_at")?,
                failing_since: instant_or_none(row, "failing_since")?,
                open_until: instant_or_none(row, "open_until")?,
                probe_job: row.try_get("probe_job")?,
                forced_by: row.try_get("forced_by")?,
                forced_at: instant_or_none(row, "forced_at")?,
                reason: row.try_get("reason")?,
                suspended_at: instant_or_none(row, "suspended_at")?,
                suspended_by: row.try_get("suspended_by")?,
                suspended_for: row.try_get("suspended_for")?,
                changed_at: instant(row, "changed_at")?,
            })
        })
        .collect()
}

/// The connections a job uses.
pub(crate) async fn rate_keys(conn: &mut PgConnection, id: Uuid) -> Result<Vec<String>> {
    let keys: Option<Option<Vec<String>>> =
        sqlx::query_scalar("select rate_keys from engine.job where shard = $1 and id = $2")
            .bind(SHARD)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(keys.flatten().unwrap_or_default())
}
