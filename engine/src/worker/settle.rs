//! The settler: gathers how attempts ended and writes it in batches, every row under its fence.
//! While one statement is under way the next batch gathers by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::claim::outage_pause;
use super::running::Running;
use crate::store::settle::{Settled, Settlement, settle, settled_before};
use crate::{Client, Entropy, Result, State};

/// Rows a statement settles.
const LARGEST_BATCH: usize = 1_000;
/// Settlements that may wait before handlers' slots are held back.
pub(crate) const BACKLOG: usize = 8_192;
/// How long a batch that is not full gathers.
const GATHER: Duration = Duration::from_millis(2);

/// What a worker has done so far.
#[derive(Debug, Default)]
pub struct Counts {
    completed: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    /// Settles that the fence refused, because the attempt no longer owned its job.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Jobs this worker has completed.
    pub fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// Jobs this worker has put back: retries, snoozes, give-backs.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Jobs this worker has given up.
    pub fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// Jobs that ended as cancelled here.
    pub fn cancelled(&self) -> u64 {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn note(&self, settlement: &Settlement) {
        let counter = match settlement.state {
            State::Completed => &self.completed,
            State::Dead => &self.dead,
            State::Cancelled => &self.cancelled,
            State::Available | State::Running | State::Waiting => &self.retried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) struct Settler {
    pub(crate) client: Client,
    pub(crate) hot: PgPool,
    pub(crate) entropy: Entropy,
    pub(crate) worker_id: Uuid,
    pub(crate) lease: Duration,
    pub(crate) counts: Arc<Counts>,
    pub(crate) running: Arc<Running>,
}

impl Settler {
    /// Settles until every sender is gone and everything is written.
    pub(crate) async fn run(self, mut inbox: mpsc::Receiver<Settlement>) {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        while inbox.recv_many(&mut batch, LARGEST_BATCH).await > 0 {
            if self.is_worth_waiting(batch.len()) && !inbox.is_closed() {
                tokio::time::sleep(GATHER).await;
                while batch.len() < LARGEST_BATCH {
                    match inbox.try_recv() {
                        Ok(more) => batch.push(more),
                        Err(_) => break,
                    }
                }
            }
            self.write(&batch).await;
            batch.clear();
        }
    }

    /// More may come in a moment, and one statement for many costs little more than for one. An attempt is
    /// among those that run until just after it came in here.
    fn is_worth_waiting(&self, gathered: usize) -> bool {
        gathered < LARGEST_BATCH / 4 && self.running.len() > gathered
    }

    /// Writes one batch, through outages as long as its leases can last: after that the jobs belong
    /// to others and the fence would refuse the rows anyway.
    async fn write(&self, batch: &[Settlement]) {
        let give_up = tokio::time::Instant::now() + self.lease;
        let mut failures = 0;
        loop {
            match self.try_write(batch, failures > 0).await {
                Ok(settled) => return self.note(batch, &settled),
                Err(error) => {
                    failures += 1;
                    if !error.is_unavailable() && batch.len() > 1 {
                        tracing::error!(%error, "could not settle a batch; settling one by one");
                        return self.write_singly(batch).await;
                    }
                    if !error.is_unavailable() || tokio::time::Instant::now() >= give_up {
                        tracing::error!(%error, jobs = batch.len(), "gave up settling; the jobs will be rescued");
                        return;
                    }
                    tracing::warn!(%error, jobs = batch.len(), "could not settle; trying again");
                    tokio::time::sleep(self.entropy.jittered(outage_pause(failures))).await;
                }
            }
        }
    }

    /// One row that Postgres will not have must not take the others of its batch with it.
    async fn write_singly(&self, batch: &[Settlement]) {
        for one in batch {
            match self.try_write(std::slice::from_ref(one), true).await {
                Ok(settled) => self.note(std::slice::from_ref(one), &settled),
                Err(error) => {
                    tracing::error!(%error, job.id = %one.fence.job_id, "could not settle job; it will be rescued");
                }
            }
        }
    }

    async fn try_write(&self, batch: &[Settlement], in_doubt: bool) -> Result<Settled> {
        let mut conn = self.hot.acquire().await?;
        let mut settled = settle(&mut conn, batch).await?;
        if in_doubt && !settled.refused.is_empty() {
            // The first try may have committed and only its answer was lost.
            let ours = settled_before(&mut conn, &settled.refused, self.worker_id).await?;
            settled
                .refused
                .retain(|fence| !ours.contains(&(fence.job_id, fence.attempt)));
        }
        Ok(settled)
    }

    fn note(&self, batch: &[Settlement], settled: &Settled) {
        self.client.hub().tallied();
        for one in batch {
            if settled.refused.contains(&one.fence) {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("lockstep_settles_refused_total").increment(1);
                tracing::warn!(
                    job.id = %one.fence.job_id, attempt = one.fence.attempt,
                    "refused a late settle of job {}: another attempt owns it", one.fence.job_id
                );
                continue;
            }
            self.counts.note(one);
            metrics::counter!("lockstep_attempts_total", "outcome" => one.outcome).increment(1);
        }
        let freed: BTreeSet<&String> = batch.iter().filter_map(|one| one.frees.as_ref()).collect();
        for queue in settled.woken.iter().chain(freed) {
            self.client.wake(queue);
        }
        if batch.iter().any(|one| one.state == State::Cancelled) {
            self.client.hub().abandoned();
        }
        let mut put_back = batch
            .iter()
            .filter(|one| one.state == State::Available || one.wait.is_some())
            .peekable();
        if put_back.peek().is_some() {
            // Whoever waits for its next attempt may be the first of the future; whoever does not
            // wait may find all claimers of its queue asleep.
            let at_once = put_back.any(|one| one.delay.is_zero() && one.wait.is_none());
            self.client.hub().wake(if at_once {
                super::wake::ALL
            } else {
                super::wake::FUTURE
            });
        }
    }
}
