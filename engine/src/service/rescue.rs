//! Rescue: jobs of dead workers run again within a service round of the lease's end. Each look tells when the
//! next lease ends, so that most of the time few looks are needed.

use std::time::Duration;

use super::Service;
use crate::Result;
use crate::store::rescue;

/// The longest pause, in service rounds: a job that began meanwhile may have a shorter lease than this worker gives.
const QUIET: u32 = 3;

pub(super) async fn run(service: Service) {
    let mut pause = service.options.service;
    while service.pause(pause).await {
        pause = match round(&service).await {
            Ok(next) => until(next, service.options.service),
            Err(error) => {
                tracing::warn!(%error, "could not rescue; trying again");
                service.options.service
            }
        };
    }
}

/// How long to pause when the next lease ends then: a ninth longer, as a pause may turn out a tenth shorter.
fn until(next: Option<Duration>, round: Duration) -> Duration {
    match next {
        // Somebody holds what is overdue.
        Some(Duration::ZERO) => round,
        Some(next) => ((next + Duration::from_millis(10)) * 10 / 9).min(round * QUIET),
        None => round * QUIET,
    }
}

/// Until when the next lease holds.
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
        for (next, least, most) in [
            (None, 4_500, 4_500),
            (Some(14_000), 4_500, 4_500),
            (Some(3_000), 3_334, 3_400),
            (Some(1), 12, 13),
            (Some(0), 1_500, 1_500),
        ] {
            let pause = until(next.map(ms), ms(1_500));
            assert!(
                (ms(least)..=ms(most)).contains(&pause),
                "{next:?}: {pause:?}"
            );
        }
    }
}
