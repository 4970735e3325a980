//! Bulk: acts on many are done chunk by chunk by whoever is free. An act that is made rings; one that is
//! paced or waits for its canary says when it is due; the rest is a look now and then, for what a process
//! that died has left.

use std::time::Duration;

use super::Service;

/// It looks once in so many rounds of the other services: an idle process should ask for little.
const EVERY: u32 = 4;
/// The time between two looks while what is due is in other hands.
const GAP: Duration = Duration::from_millis(500);

pub(super) async fn run(service: Service) {
    // The first look is for what was left before this process came.
    let mut span = GAP;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(service.entropy.jittered(span)) => {}
            () = service.client.hub().bulk() => {}
        }
        let longest = service.client.hub().poll(service.options.service * EVERY);
        span = match round(&service).await {
            Ok(Some(Duration::ZERO)) => GAP,
            Ok(Some(due)) => due.min(longest),
            Ok(None) => longest,
            Err(error) => {
                tracing::warn!(%error, "could not act on many; trying again");
                longest
            }
        };
    }
}

async fn round(service: &Service) -> crate::Result<Option<Duration>> {
    let Some(due) = service.client.next_bulk().await? else {
        return Ok(None);
    };
    if !due.is_zero() {
        return Ok(Some(due));
    }
    while !service.stop.is_cancelled() && service.client.advance(None).await? {}
    service.client.next_bulk().await
}
