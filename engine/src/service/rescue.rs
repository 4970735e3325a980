//! Rescue: jobs of dead workers run again within a service round of the lease's end.

use std::time::Duration;

use tokio::time::Instant;

use super::Service;
use crate::Result;
use crate::store::rescue;

/// How often a round looks at all leases, however long expired, and not only at those that have
/// expired since the last: what was locked by somebody then is found again.
const FULL_EVERY: Duration = Duration::from_secs(60);
/// A round looks back this much further than the last one's start, for rows that were locked.
const MARGIN: Duration = Duration::from_secs(5);

pub(super) async fn run(service: Service) {
    let mut last_full: Option<Instant> = None;
    let mut last_good = Instant::now();
    while service.pause(service.options.service).await {
        let started = Instant::now();
        let full = last_full.is_none_or(|at| at.elapsed() >= FULL_EVERY);
        let look_back = if full {
            Duration::MAX
        } else {
            last_good.elapsed() + MARGIN
        };
        match round(&service, look_back).await {
            Ok(()) => {
                last_good = started;
                if full {
                    last_full = Some(started);
                }
            }
            Err(error) => tracing::warn!(%error, "could not rescue; trying again"),
        }
    }
}

async fn round(service: &Service, look_back: Duration) -> Result<()> {
    loop {
        let mut conn = service.hot.acquire().await?;
        let rescued = rescue::rescue(&mut conn, look_back).await?;
        for job in &rescued {
            metrics::counter!("lockstep_jobs_rescued_total", "state" => job.state.clone())
                .increment(1);
            tracing::warn!(job.id = %job.id, state = job.state, "rescued job {}: its lease ran out", job.id);
            service.client.hub().wake(&job.queue);
        }
        if rescued.len() < usize::try_from(rescue::BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}
