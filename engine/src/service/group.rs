//! Group: every dead letter is in its group within a few seconds of its death, whoever wrote it: a
//! settle, a handler's own transaction, a rescue, an older release. Nothing of this is on the way of a
//! job, and a letter that was not reached yet is only not grouped yet.

use futures::FutureExt;

use super::Service;
use crate::Result;
use crate::store::group;

/// It looks once in so many rounds of the other services: an idle process should ask for little.
const EVERY: u32 = 4;

pub(super) async fn run(service: Service) {
    while service.pause(service.options.service * EVERY).await {
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not group dead letters; trying again");
        }
    }
}

async fn round(service: &Service) -> Result<()> {
    // One statement when there is nothing to do, which is nearly always.
    if !group::is_needed(&mut *service.client.singles().acquire().await?).await? {
        return Ok(());
    }
    loop {
        let grouped = service
            .client
            .in_transaction(|conn| group::group(conn).boxed())
            .await?;
        if grouped < group::BATCH || service.stop.is_cancelled() {
            return Ok(());
        }
    }
}
