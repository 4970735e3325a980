//! The claimer of one queue: takes a slot first, then a job for it, so that claimed means started.
//! Completions and bells set its pace; the timer only makes up for hints that were lost.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::look::Looker;
use super::running::Running;
use crate::cx::Attempt;
use crate::runtime::{Registry, Work};
use crate::store::claim::{Ask, Claimed, Kinds, Look, Taken, claim};
use crate::store::settle::Settlement;
use crate::{Client, Entropy, QueueOptions, WorkerOptions};

/// More rows than this in one statement gain nothing and hold locks longer.
const LARGEST_CLAIM: usize = 1_000;
/// Fewer than this are not worth two statements.
const LEAST_HALF: usize = 200;
/// How long freed slots may gather before a claim that would not fill a quarter of them.
const GATHER: Duration = Duration::from_millis(1);

pub(crate) struct Claimer {
    pub(crate) client: Client,
    pub(crate) claims: PgPool,
    pub(crate) hot: PgPool,
    pub(crate) registry: Registry,
    pub(crate) running: Arc<Running>,
    pub(crate) entropy: Entropy,
    pub(crate) worker_id: Uuid,
    pub(crate) options: WorkerOptions,
    pub(crate) queue: QueueOptions,
    pub(crate) settlements: mpsc::Sender<Settlement>,
}

impl Claimer {
    /// Claims until `stop`; what was claimed goes to the runtime.
    pub(crate) async fn run(self, work: mpsc::UnboundedSender<Work>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.queue.concurrency));
        let bell = self.client.hub().bell(&self.queue.name);
        let kinds = Kinds::of(&self.registry.policies());
        let mut looker = Looker::new(kinds.are_free());
        let mut failures: u32 = 0;
        loop {
            let mut permits = tokio::select! {
                () = stop.cancelled() => return,
                permits = self.take_slots(&slots) => permits,
            };
            // It may have failed for what it took, as args of more than Postgres sends at once.
            permits.truncate((permits.len() >> failures.min(10)).max(1));
            let asked = permits.len();
            let began = Instant::now();
            match self.claim(&kinds, looker.look(asked), asked).await {
                Ok(taken) => {
                    failures = failures.saturating_sub(1);
                    let drained = looker.drained(&taken, asked, began);
                    let claimed = self.make_sure(taken.jobs).await;
                    let claimed = self.let_pass(claimed).await;
                    for (claimed, permit) in claimed.into_iter().zip(permits) {
                        // The runtime ends only after all claimers have.
                        let _ = work.send(self.begin(claimed, permit));
                    }
                    if !drained {
                        continue;
                    }
                    let pause = self
                        .entropy
                        .jittered(self.client.hub().poll(self.options.poll))
                        .min(looker.may_wait());
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = bell.rung() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => {
                    failures += 1;
                    let pause = self.entropy.jittered(outage_pause(failures));
                    tracing::warn!(%error, queue = self.queue.name, "could not claim; trying again");
                    drop(permits);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Waits for a free slot and takes all that are free, letting a few more come free first when
    /// there are hardly any: one statement for many jobs costs little more than for one. Of many slots no more than
    /// half, so that the next claim is under way while those run.
    async fn take_slots(&self, slots: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
        let mut permits = Vec::new();
        match slots.clone().acquire_owned().await {
            Ok(first) => permits.push(first),
            // Never closed; waiting for ever is what stop's arm is for.
            Err(_) => std::future::pending().await,
        }
        if slots.available_permits() < self.queue.concurrency / 4 {
            tokio::time::sleep(GATHER).await;
        }
        let most = (self.queue.concurrency / 2).clamp(LEAST_HALF, LARGEST_CLAIM);
        while permits.len() < most {
            match slots.clone().try_acquire_owned() {
                Ok(permit) => permits.push(permit),
                Err(_) => break,
            }
        }
        permits
    }

    async fn claim(&self, kinds: &Kinds, look: Look<'_>, limit: usize) -> crate::Result<Taken> {
        let ask = Ask {
            queue: &self.queue.name,
            kinds,
            look,
            limit,
            nonce: self.entropy.nonce(),
            worker_id: self.worker_id,
            lease: self.options.lease,
        };
        claim(&mut *self.claims.acquire().await?, &ask).await
    }

    fn begin(&self, mut claimed: Claimed, permit: OwnedSemaphorePermit) -> Work {
        let args = std::mem::take(&mut claimed.args);
        let attempt = Arc::new(self.attempt(claimed));
        self.running.add(&attempt);
        Work {
            attempt,
            args,
            permit,
        }
    }

    pub(super) fn attempt(&self, claimed: Claimed) -> Attempt {
        let policy = self.registry.policy(&claimed.kind);
        let steps = self.registry.steps(&claimed.kind);
        let rest = claimed.rest;
        Attempt {
            fence: claimed.fence,
            kind: claimed.kind,
            queue: claimed.queue,
            is_limited: policy.limits.any(),
            failed: claimed.failed,
            max_attempts: claimed.max_attempts,
            backoff: rest.backoff.unwrap_or(policy.backoff),
            timeout: rest.timeout().unwrap_or(policy.timeout),
            parent_id: rest.parent_id,
            tags: rest.tags,
            trace_context: rest.trace_context,
            token: CancellationToken::new(),
            stop: std::sync::OnceLock::new(),
            started: tokio::time::Instant::now(),
            lease: self.options.lease,
            steps,
            reached: std::sync::Mutex::default(),
            progress_at: std::sync::Mutex::default(),
        }
    }
}

/// The wait after the n-th failure in a row: up to 5 s, so that a database that is back is found.
pub(crate) fn outage_pause(failures: u32) -> Duration {
    Duration::from_millis(50)
        .saturating_mul(1 << failures.min(7))
        .min(Duration::from_secs(5))
}
