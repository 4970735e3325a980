//! Rescue: jobs of dead workers run again within a service round of the lease's end, where the fleet's leases are
//! alike. Each look tells when the next one ends, so that few are needed.

use std::time::Duration;

use super::Service;
use crate::store::rescue;
use crate::{Result, WorkerOptions};

/// The longest pause, in service rounds.
const QUIET: u32 = 3;

pub(super) async fn run(service: Service) {
    let mut pause = service.options.service;
    while service.pause(pause).await {
        pause = match round(&service).await {
            Ok(next) => until(next, &service.options),
            Err(error) => {
                tracing::warn!(%error, "could not rescue; trying again");
                service.options.service
            }
        };
    }
}

/// How long to pause when the next lease ends then: a ninth longer, as a pause may turn out a tenth shorter. A job that
/// begins meanwhile keeps its lease as long, unless a worker of other settings gives a shorter one.
fn until(next: Option<Duration>, options: &WorkerOptions) -> Duration {
    let round = options.service;
    let most = (round * QUIET).min(options.lease).max(round);
    match next {
        // Somebody holds what is overdue.
        Some(Duration::ZERO) => round,
        Some(next) => ((next + Duration::from_millis(10)) * 10 / 9).min(most),
        None => most,
    }
}

/// How long the next lease holds.
async fn round(service: &Service) -> Result<Option<Duration>> {
    loop {
        let mut conn = service.hot.acquire().await?;
        let look = rescue::rescue(&mut conn).await?;
        for job in &look.rescued {
            metrics::counter!("lockstep_jobs_rescued_total", "state" => job.state.clone())
                .increment(1);
            tracing::warn!(job.id = %job.id, state = job.state, "rescued job {}: its lease ran out", job.id);
            service.client.hub().wake(&job.queue);
            job.woken
                .iter()
                .for_each(|queue| service.client.wake(queue));
        }
        if look.rescued.len() < usize::try_from(rescue::BATCH).unwrap_or(usize::MAX) {
            return Ok(look.next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_just_after_the_next_lease_and_is_never_long() {
        let ms = Duration::from_millis;
        for (lease, next, least, most) in [
            (15_000, None, 4_500, 4_500),
            (15_000, Some(14_000), 4_500, 4_500),
            (15_000, Some(3_000), 3_334, 3_400),
            (15_000, Some(1), 12, 13),
            (15_000, Some(0), 1_500, 1_500),
            (2_000, None, 2_000, 2_000),
            (1_000, Some(900), 1_000, 1_100),
            (1_000, None, 1_500, 1_500),
        ] {
            let options = WorkerOptions {
                lease: ms(lease),
                ..WorkerOptions::default()
            };
            let pause = until(next.map(ms), &options);
            assert!(
                (ms(least)..=ms(most)).contains(&pause),
                "{lease}, {next:?}: {pause:?}"
            );
        }
    }
}
