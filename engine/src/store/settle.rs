//! Settle: write how attempts ended, under their fences.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::put_off::put_off;
use super::{SHARD, millis};
use crate::fence::Fence;
use crate::flow::Wait;
use crate::{Result, State};

/// How one attempt ended, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settlement {
    pub(crate) fence: Fence,
    pub(crate) state: State,
    pub(crate) outcome: &'static str,
    /// Until the next attempt, when there is one.
    pub(crate) delay: Duration,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    /// JSON text.
    pub(crate) result: Option<String>,
    /// The queue whose claimers may find work by the end of this attempt, since a limit kept it back.
    pub(crate) frees: Option<String>,
    /// What it waits for, when it does.
    pub(crate) wait: Option<Wait>,
    /// What is shut, when that is why the attempt never began.
    pub(crate) put_off_for: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Attempts that no longer own their jobs.
    pub(crate) refused: Vec<Fence>,
    /// Queues in which jobs that had waited may go on.
    pub(crate) woken: Vec<String>,
}

impl Settlement {
    /// True when there is nothing to write but that the job is done, and with what result.
    fn is_plain(&self) -> bool {
        self.state == State::Completed
            && self.outcome == "done"
            && self.code.is_none()
            && self.error.is_none()
    }

    fn waiting_for(&self) -> Option<String> {
        match self.wait.as_ref()? {
            Wait::Batch(id) => Some(format!("batch:{id}")),
            Wait::Signal(name, _) => Some(format!("signal:{name}")),
            Wait::Time(_) => Some("time".into()),
        }
    }

    /// Below nothing for a wait without a limit.
    fn delay_ms(&self) -> i64 {
        match &self.wait {
            None => millis(self.delay),
            Some(Wait::Batch(_) | Wait::Signal(_, None)) => -1,
            Some(Wait::Time(span) | Wait::Signal(_, Some(span))) => millis(*span),
        }
    }
}

/// Writes the batch and returns the attempts that were refused, and who may go on by it.
/// A row that changed between a statement's snapshot and its lock looks refused, so whatever is
/// refused is tried once more, with a new snapshot.
pub(crate) async fn settle(conn: &mut PgConnection, batch: &[Settlement]) -> Result<Settled> {
    let mut batch: Vec<_> = batch.iter().collect();
    // In one order by all who settle, so that two of them cannot deadlock.
    batch.sort_by_key(|one| one.fence.job_id);
    // Two attempts of one job are told apart by the longer statement only.
    let is_twin = |at: usize| {
        let id = |at: usize| batch.get(at).map(|one| one.fence.job_id);
        id(at) == id(at + 1) || (at > 0 && id(at) == id(at - 1))
    };
    let (mut done, mut shut, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for (at, one) in batch.iter().enumerate() {
        match one {
            one if is_twin(at) => left.push(*one),
            one if one.is_plain() => done.push(*one),
            one if one.put_off_for.is_some() => shut.push(*one),
            one => left.push(*one),
        }
    }
    if !done.is_empty() {
        let written = complete(conn, &done).await?;
        done.retain(|one| !written.contains(&one.fence.job_id));
    }
    if !shut.is_empty() {
        let written = put_off(conn, &shut).await?;
        shut.retain(|one| !written.contains(&one.fence.job_id));
    }
    if !done.is_empty() || !shut.is_empty() {
        left.extend(done.into_iter().chain(shut));
        left.sort_by_key(|one| one.fence.job_id);
    }
    let mut woken = Vec::new();
    for _ in 0..2 {
        if left.is_empty() {
            break;
        }
        let settled = settle_once(conn, &left).await?;
        left.retain(|one| settled.refused.contains(&one.fence));
        woken.extend(settled.woken);
    }
    Ok(Settled {
        refused: left.iter().map(|one| one.fence).collect(),
        woken,
    })
}

/// Writes the attempts of jobs that are done and hold no key, and returns whose they were.
async fn complete(conn: &mut PgConnection, batch: &[&Settlement]) -> Result<HashSet<Uuid>> {
    let results: Vec<_> = batch.iter().map(|one| one.result.as_deref()).collect();
    let written: Vec<Uuid> = sqlx::query_scalar(include_str!("complete.sql"))
        .bind(SHARD)
        .bind(ids(batch))
        .bind(attempts(batch))
        .bind(nonces(batch))
        .bind(results)
        .fetch_one(conn)
        .await?;
    Ok(written.into_iter().collect())
}

fn ids(batch: &[&Settlement]) -> Vec<Uuid> {
    batch.iter().map(|one| one.fence.job_id).collect()
}

fn attempts(batch: &[&Settlement]) -> Vec<i32> {
    batch.iter().map(|one| one.fence.attempt).collect()
}

fn nonces(batch: &[&Settlement]) -> Vec<i64> {
    batch.iter().map(|one| one.fence.nonce).collect()
}

async fn settle_once(conn: &mut PgConnection, batch: &[&Settlement]) -> Result<Settled> {
    let column = |text: fn(&Settlement) -> Option<&str>| -> Vec<Option<&str>> {
        batch.iter().map(|one| text(one)).collect()
    };
    let waits: Vec<_> = batch.iter().map(|one| one.waiting_for()).collect();
    let delays: Vec<_> = batch.iter().map(|one| one.delay_ms()).collect();
    let rows = sqlx::query(include_str!("settle.sql"))
        .bind(SHARD)
        .bind(ids(batch))
        .bind(attempts(batch))
        .bind(nonces(batch))
        .bind(column(|one| Some(one.state.as_str())))
        .bind(column(|one| Some(one.outcome)))
        .bind(delays)
        .bind(column(|one| one.code.as_deref()))
        .bind(column(|one| one.error.as_deref()))
        .bind(column(|one| one.result.as_deref()))
        .bind(waits)
        .fetch_all(conn)
        .await?;
    let mut settled = Settled::default();
    for row in rows {
        if row.try_get::<Option<&str>, _>("passed")?.is_none() {
            settled.refused.push(Fence {
                shard: SHARD,
                job_id: row.try_get("id")?,
                attempt: row.try_get("attempt")?,
                nonce: row.try_get("nonce")?,
            });
        }
        settled
            .woken
            .extend(row.try_get::<Option<String>, _>("woken")?);
    }
    Ok(settled)
}

/// Of these attempts, the ones that some earlier statement has settled already: after a lost answer
/// to COMMIT, being refused is what success looks like.
pub(crate) async fn settled_before(
    conn: &mut PgConnection,
    fences: &[Fence],
    worker_id: Uuid,
) -> Result<Vec<(Uuid, i32)>> {
    let ids: Vec<Uuid> = fences.iter().map(|fence| fence.job_id).collect();
    let attempts: Vec<i32> = fences.iter().map(|fence| fence.attempt).collect();
    Ok(sqlx::query_as(include_str!("settled_before.sql"))
        .bind(SHARD)
        .bind(ids)
        .bind(attempts)
        .bind(worker_id)
        .fetch_all(conn)
        .await?)
}
