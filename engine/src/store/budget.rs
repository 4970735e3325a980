//! Budget: take, report and show the tokens of remotes' rate limits. The arithmetic stands in functions
//! of the database, so that a process that hangs never holds a budget's row.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use uuid::Uuid;

use super::row::instant_or_none;
use super::{SHARD, millis};
use crate::budget::{BudgetChange, BudgetRule, BudgetView, Start};
use crate::{Error, Result};

/// What one budget answers to a reservation or a report.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) key: String,
    /// Tokens that are ours now; none when the reservation was refused.
    pub(crate) granted: f64,
    /// Before they may be spent, or before it makes sense to ask again; none is never.
    pub(crate) wait: Option<Duration>,
    /// All that was ever spent of it.
    pub(crate) spent: f64,
    pub(crate) refill_per_s: f64,
    pub(crate) capacity: f64,
}

/// What a process wants of several budgets, all or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) holder: Uuid,
    pub(crate) keys: Vec<String>,
    pub(crate) costs: Vec<f64>,
    /// What those in line behind the call want too.
    pub(crate) wishes: Vec<f64>,
    pub(crate) patience: Duration,
    pub(crate) hold: Duration,
}

/// What a process tells of one budget.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) key: String,
    /// After this, as the database's lease should say.
    pub(crate) holds: f64,
    pub(crate) spent: f64,
    pub(crate) back: f64,
    /// It is not known of all that was spent whether it was charged.
    pub(crate) blurred: bool,
    pub(crate) reading: Option<Reading>,
}

/// What a reply said of the bucket, and what was known when its call was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) available: f64,
    pub(crate) cost: f64,
    pub(crate) seen: f64,
    pub(crate) age: Duration,
}

/// Writes a budget unless it is there; a person's figures stay, and so does what headers have proven.
pub(crate) async fn declare(pool: &PgPool, rule: &BudgetRule) -> Result<()> {
    let full = rule.start == Start::Full;
    sqlx::query(
        "insert into engine.budget as b \
             (shard, key, capacity, refill_per_s, refill_ceiling_per_s, tokens, level_known) \
         values ($1, $2, $3, $4, $5, case when $6 then $3 else 0 end, $6) \
         on conflict (shard, key) do update \
         set capacity = excluded.capacity, refill_per_s = excluded.refill_per_s, \
             refill_ceiling_per_s = excluded.refill_ceiling_per_s \
         where b.source = 'config' and (b.capacity, b.refill_per_s, b.refill_ceiling_per_s) \
             is distinct from (excluded.capacity, excluded.refill_per_s, excluded.refill_ceiling_per_s)",
    )
    .bind(SHARD)
    .bind(&rule.key)
    .bind(rule.capacity)
    .bind(rule.refill_per_s)
    .bind(rule.refill_ceiling_per_s.max(rule.refill_per_s))
    .bind(full)
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes tokens of all the budgets, or of none.
pub(crate) async fn reserve(pool: &PgPool, ask: &Ask) -> Result<Vec<Standing>> {
    let rows = sqlx::query("select * from engine.reserve_tokens($1, $2, $3, $4, $5, $6, $7)")
        .bind(SHARD)
        .bind(ask.holder)
        .bind(&ask.keys)
        .bind(&ask.costs)
        .bind(&ask.wishes)
        .bind(millis(ask.patience))
        .bind(millis(ask.hold))
        .fetch_all(pool)
        .await
        .map_err(|error| unknown(error, &ask.keys.join(" or ")))?;
    rows.iter()
        .map(|row| {
            let wait_ms: Option<f64> = row.try_get("wait_ms")?;
            Ok(Standing {
                key: row.try_get("budget")?,
                granted: row.try_get("granted")?,
                wait: wait_ms.map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1000.0)),
                spent: row.try_get("spent")?,
                refill_per_s: row.try_get("refill")?,
                capacity: row.try_get("capacity")?,
            })
        })
        .collect()
}

/// Books what was spent and given back, and takes a reading.
pub(crate) async fn report(
    pool: &PgPool,
    holder: Uuid,
    hold: Duration,
    report: &Report,
) -> Result<Standing> {
    let row = sqlx::query(
        "select * from engine.report_tokens($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(SHARD)
    .bind(holder)
    .bind(&report.key)
    .bind(millis(hold))
    .bind(report.holds)
    .bind(report.spent)
    .bind(report.back)
    .bind(report.blurred)
    .bind(report.reading.map(|reading| reading.available))
    .bind(report.reading.map(|reading| reading.cost))
    .bind(report.reading.map(|reading| reading.seen))
    .bind(
        report
            .reading
            .map(|reading| reading.age.as_secs_f64() * 1000.0),
    )
    .fetch_one(pool)
    .await
    .map_err(|error| unknown(error, &report.key))?;
    Ok(Standing {
        key: report.key.clone(),
        granted: 0.0,
        wait: None,
        spent: row.try_get("spent")?,
        refill_per_s: row.try_get("refill")?,
        capacity: row.try_get("capacity")?,
    })
}

/// Books a refusal: nobody calls before `after` has passed.
pub(crate) async fn refuse(
    pool: &PgPool,
    key: &str,
    cost: f64,
    available: Option<f64>,
    after: Duration,
) -> Result<()> {
    sqlx::query("select engine.refuse_tokens($1, $2, $3, $4, $5)")
        .bind(SHARD)
        .bind(key)
        .bind(cost)
        .bind(available)
        .bind(after.as_secs_f64() * 1000.0)
        .execute(pool)
        .await
        .map_err(|error| unknown(error, key))?;
    Ok(())
}

/// All budgets, or the one of that key.
pub(crate) async fn list(conn: &mut PgConnection, key: Option<&str>) -> Result<Vec<BudgetView>> {
    let rows = sqlx::query(
        "select key, capacity, refill_per_s, engine.budget_refill(b, now()) as refill_now, \
             case when level_known then engine.budget_level(b, now()) end as tokens, \
             engine.budget_leased(shard, key, now()) as leased, \
             case when blocked_until > now() then blocked_until end as blocked_until, \
             case when slowed_until > now() then slowed_until end as slowed_until, \
             spent, refusals, source \
         from engine.budget b where shard = $1 and ($2::text is null or key = $2) order by key",
    )
    .bind(SHARD)
    .bind(key)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<BudgetView> {
    Ok(BudgetView {
        key: row.try_get("key")?,
        capacity: row.try_get("capacity")?,
        refill_per_s: row.try_get("refill_per_s")?,
        refill_now_per_s: row.try_get("refill_now")?,
        tokens: row.try_get("tokens")?,
        leased: row.try_get("leased")?,
        blocked_until: instant_or_none(row, "blocked_until")?,
        slowed_until: instant_or_none(row, "slowed_until")?,
        spent: row.try_get("spent")?,
        refusals: row.try_get("refusals")?,
        source: row.try_get("source")?,
    })
}

/// Changes a budget's figures; false when there is none. An unblocked budget is not slowed either.
pub(crate) async fn set(conn: &mut PgConnection, key: &str, change: &BudgetChange) -> Result<bool> {
    let done = sqlx::query(
        "update engine.budget b \
         set tokens = least(engine.budget_level(b, now()), coalesce($3, capacity)), updated_at = now(), \
             capacity = coalesce($3, capacity), refill_per_s = coalesce($4, refill_per_s), \
             refill_ceiling_per_s = greatest(refill_ceiling_per_s, $4), \
             source = case when $3 is null and $4 is null then source else 'person' end, \
             blocked_until = case when $5 then null else blocked_until end, \
             slowed_until = case when $5 then null else slowed_until end, \
             queued_until = case when $5 then null else queued_until end \
         where shard = $1 and key = $2",
    )
    .bind(SHARD)
    .bind(key)
    .bind(change.capacity)
    .bind(change.refill_per_s)
    .bind(change.unblock)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// P0002 is what the functions raise when they find no row.
fn unknown(error: sqlx::Error, key: &str) -> Error {
    match &error {
        sqlx::Error::Database(db) if db.code().as_deref() == Some("P0002") => Error::NoSuch {
            what: "budget",
            name: key.to_owned(),
        },
        _ => error.into(),
    }
}
