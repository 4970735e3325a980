//! Promote: jobs whose time has come become ready, to the millisecond where this process knows of
//! them, within a poll interval otherwise.

use std::time::Duration;

use super::Service;
use crate::Result;
use crate::store::promote::{self, Promoted};

/// Never sleeps less than this between rounds, so that a stream of due jobs makes batches.
const LEAST_PAUSE: Duration = Duration::from_millis(2);

pub(super) async fn run(service: Service) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = service.client.hub().future() => tokio::time::sleep(LEAST_PAUSE).await,
        }
        pause = match round(&service).await {
            Ok(found) => next_pause(&service, &found),
            Err(error) => {
                tracing::warn!(%error, "could not promote due jobs; trying again");
                service.entropy.jittered(service.options.poll)
            }
        };
    }
}

fn next_pause(service: &Service, found: &Promoted) -> Duration {
    if found.promoted >= promote::BATCH {
        return Duration::ZERO;
    }
    let cap = service
        .entropy
        .jittered(service.client.hub().poll(service.options.poll));
    let next = found
        .next_in_ms
        .map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    // The database rounds down to the millisecond: one more, or the round comes just too early.
    next.map_or(cap, |next| (next + Duration::from_millis(1)).min(cap))
        .max(LEAST_PAUSE)
}

async fn round(service: &Service) -> Result<Promoted> {
    let found = promote::promote(&mut *service.hot.acquire().await?).await?;
    for queue in &found.queues {
        service.client.hub().wake(queue);
    }
    Ok(found)
}
