//! The heartbeat: renews all leases of the process in one statement, over connections of its own, so
//! that no busy pool can cost a lease. What does not come back is lost, and its handler is stopped.
//!
//! When heartbeats fail, the process trusts a lease only as long as the database surely does: from
//! the start of the last good heartbeat, measured on the monotonic clock, less a margin.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::running::Running;
use super::settle::Counts;
use crate::cx::{Attempt, Stop};
use crate::store::{heartbeat, worker};
use crate::{Client, Result, WorkerOptions};

/// How often running jobs are asked about, should the hint of a cancel be lost. A job that has just
/// begun is asked about at the second look at the latest, which must be within a second.
const CANCEL_POLL: Duration = Duration::from_millis(450);

pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) pool: PgPool,
    pub(crate) running: Arc<Running>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) worker_id: Uuid,
    pub(crate) options: WorkerOptions,
}

impl Keeper {
    /// Renews until `stop`.
    pub(crate) async fn renew(&self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(self.options.heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_good: HashMap<crate::Fence, Instant> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            let attempts = self.running.all();
            let started = Instant::now();
            match tokio::time::timeout(self.options.lease, self.beat(&attempts)).await {
                Ok(Ok(held)) => {
                    last_good = held.into_iter().map(|fence| (fence, started)).collect();
                }
                Ok(Err(error)) => tracing::warn!(%error, "could not renew leases"),
                Err(_) => tracing::warn!("renewing leases took longer than a lease"),
            }
            self.stop_untrusted(&last_good);
        }
    }

    async fn beat(&self, attempts: &[Arc<Attempt>]) -> Result<Vec<crate::Fence>> {
        let mut conn = self.pool.acquire().await?;
        let refused = i64::try_from(self.counts.refused()).unwrap_or(i64::MAX);
        let mut fences: Vec<crate::Fence> = attempts.iter().map(|attempt| attempt.fence).collect();
        if !fences.is_empty() {
            let held = heartbeat::extend(&mut conn, &fences, self.options.lease).await?;
            for attempt in attempts {
                match held.get(&attempt.fence) {
                    Some(true) => attempt.stop(Stop::Cancelled),
                    Some(false) => {}
                    // Also when it has just been settled; then nobody listens any more.
                    None => attempt.stop(Stop::LeaseLost),
                }
            }
            fences.retain(|fence| held.contains_key(fence));
        }
        worker::seen(&mut conn, self.worker_id, refused).await?;
        Ok(fences)
    }

    /// Stops what runs on a lease that the database may have given away by now.
    fn stop_untrusted(&self, last_good: &HashMap<crate::Fence, Instant>) {
        let trust = self.options.lease.saturating_sub(self.options.lease / 10);
        for attempt in self.running.all() {
            let since = last_good
                .get(&attempt.fence)
                .copied()
                .unwrap_or(attempt.started);
            if since.elapsed() > trust {
                tracing::warn!(job.id = %attempt.fence.job_id, "stopped an attempt whose lease cannot be trusted any more");
                attempt.stop(Stop::LeaseLost);
            }
        }
    }

    /// Obeys cancels until `stop`: by hint at once, by asking within a second.
    pub(crate) async fn obey_cancels(&self, stop: CancellationToken) {
        let mut cancels = self.client.hub().cancels();
        let mut poll = tokio::time::interval(CANCEL_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                hint = cancels.recv() => {
                    if let Ok(id) = hint {
                        self.running.stop(id, Stop::Cancelled);
                    }
                }
                _ = poll.tick() => {
                    if let Err(error) = self.ask_cancels().await {
                        tracing::debug!(%error, "could not ask for cancels");
                    }
                }
            }
        }
    }

    /// Jobs that have just begun are left to the hint: asking would cost a busy worker a statement a
    /// second for nothing.
    async fn ask_cancels(&self) -> Result<()> {
        let ids: Vec<Uuid> = self
            .running
            .all()
            .iter()
            .filter(|attempt| {
                attempt.started.elapsed() > CANCEL_POLL && !attempt.token.is_cancelled()
            })
            .map(|attempt| attempt.fence.job_id)
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        for id in heartbeat::cancel_requested(&mut *self.pool.acquire().await?, &ids).await? {
            self.running.stop(id, Stop::Cancelled);
        }
        Ok(())
    }
}
