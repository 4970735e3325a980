//! Cascade: the members of a batch whose owner was cancelled are cancelled too.

use std::time::Duration;

use super::Service;

/// How often to look for owners that were cancelled by processes that died before they told.
const LOOK_EVERY: Duration = Duration::from_secs(30);

pub(super) async fn run(service: Service) {
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(service.entropy.jittered(LOOK_EVERY)) => {}
            () = service.client.hub().abandonment() => {}
        }
        if let Err(error) = service.client.cancel_abandoned().await {
            tracing::warn!(%error, "could not cancel the parts of cancelled jobs; trying again");
        }
    }
}
