//! Rescue: jobs of dead workers run again within a service round of the lease's end.

use super::Service;
use crate::Result;
use crate::store::rescue;

pub(super) async fn run(service: Service) {
    while service.pause(service.options.service).await {
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not rescue; trying again");
        }
    }
}

async fn round(service: &Service) -> Result<()> {
    loop {
        let mut conn = service.hot.acquire().await?;
        let rescued = rescue::rescue(&mut conn).await?;
        for job in &rescued {
            metrics::counter!("lockstep_jobs_rescued_total", "state" => job.state.clone())
                .increment(1);
            tracing::warn!(job.id = %job.id, state = job.state, "rescued job {}: its lease ran out", job.id);
            service.client.hub().wake(&job.queue);
            job.woken
                .iter()
                .for_each(|queue| service.client.wake(queue));
        }
        if rescued.len() < usize::try_from(rescue::BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}
