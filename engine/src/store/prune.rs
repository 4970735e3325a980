//! Prune: delete old ended jobs one by one, by state and kind: those that do not go with their era. Dead
//! letters only when a retention says so.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::{SHARD, millis};
use crate::{Result, State};

/// Rows a statement deletes.
pub(crate) const BATCH: i64 = 2_000;
/// Rows that a dry run counts.
const MOST_COUNTED: i64 = 100_000;

/// Which ended jobs have expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) state: State,
    pub(crate) kinds: Kinds,
    pub(crate) keep: Duration,
}

/// Whose jobs a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kinds {
    Only(String),
    AllBut(Vec<String>),
}

impl Kinds {
    /// Names, and whether they are meant or left out.
    fn named(&self) -> (&[String], bool) {
        match self {
            Kinds::Only(kind) => (std::slice::from_ref(kind), true),
            Kinds::AllBut(kinds) => (kinds, false),
        }
    }
}

/// Where expired jobs are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Within<'e> {
    /// In all eras.
    All,
    /// In one, or in `other`.
    Era(&'e str),
}

impl Within<'_> {
    fn table(self) -> String {
        match self {
            Within::All => "ended".to_owned(),
            // Names of eras are made by the database, of digits.
            Within::Era(era) => format!("ended_{era}"),
        }
    }
}

/// Deletes at most [`BATCH`] jobs that have expired; returns how many.
pub(crate) async fn prune(conn: &mut PgConnection, rule: &Rule, within: Within<'_>) -> Result<u64> {
    let sql = include_str!("prune.sql").replace("{table}", &within.table());
    let (kinds, meant) = rule.kinds.named();
    let gone: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(SHARD)
        .bind(rule.state.as_str())
        .bind(millis(rule.keep))
        .bind(kinds)
        .bind(meant)
        .bind(BATCH)
        .fetch_one(conn)
        .await?;
    Ok(gone.unsigned_abs())
}

/// How many jobs [`prune`] would delete in the end; counts no further than [`MOST_COUNTED`].
pub(crate) async fn count(conn: &mut PgConnection, rule: &Rule, within: Within<'_>) -> Result<u64> {
    let sql = "select count(*) from (select from engine.{table} where shard = $1 \
         and state = $2::engine.job_state and ended_at < now() - $3 * interval '1 millisecond' \
         and (kind = any($4)) = $5 \
         and id not in (select b.job_id from engine.partition_block b where b.shard = $1) limit $6) expired"
        .replace("{table}", &within.table());
    let (kinds, meant) = rule.kinds.named();
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(SHARD)
        .bind(rule.state.as_str())
        .bind(millis(rule.keep))
        .bind(kinds)
        .bind(meant)
        .bind(MOST_COUNTED)
        .fetch_one(conn)
        .await?;
    Ok(count.unsigned_abs())
}

/// Deletes keys that have expired; returns how many.
pub(crate) async fn prune_keys(conn: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query(
        "delete from engine.key where ctid = any(array( \
             select ctid from engine.key where shard = $1 and expires_at < now() \
             order by expires_at limit $2 for update skip locked \
         )) and shard = $1 and expires_at < now()",
    )
    .bind(SHARD)
    .bind(BATCH)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// Deletes worker rows that have been silent for a week.
pub(crate) async fn prune_workers(conn: &mut PgConnection) -> Result<u64> {
    let gone = sqlx::query("delete from engine.worker where seen_at < now() - interval '7 days'")
        .execute(conn)
        .await?;
    Ok(gone.rows_affected())
}
