//! Prune: ended jobs past their retention go, dead letters only when a retention says so. And what else
//! is seldom put right: jobs that missed the order of their partition.

use super::Service;
use crate::store::{bulk, group, log, partition, prune, put_off, rollup};
use crate::{Result, State};

/// It looks once in so many rounds of the other services.
const EVERY: u32 = 60;

pub(super) async fn run(service: Service) {
    while service.pause(service.options.service * EVERY).await {
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not prune; trying again later");
        }
    }
}

async fn round(service: &Service) -> Result<()> {
    let keep = service.options.retention;
    let mut conn = service.client.pool().acquire().await?;
    for (state, keep) in [
        (State::Completed, keep.completed),
        (State::Cancelled, keep.cancelled),
        (State::Dead, keep.dead),
    ] {
        let Some(keep) = keep else { continue };
        while prune::prune(&mut conn, state, keep).await? > 0 && !service.stop.is_cancelled() {}
    }
    if let Some(keep) = keep.logs {
        while log::prune(&mut conn, keep).await? > 0 && !service.stop.is_cancelled() {}
    }
    // Also what was enqueued while its kind was being registered.
    partition::put_in_place(&mut conn, 1_000).await?;
    prune::prune_keys(&mut conn).await?;
    prune::prune_workers(&mut conn).await?;
    put_off::prune(&mut conn, 1_000).await?;
    group::prune(&mut conn).await?;
    bulk::prune(&mut conn).await?;
    while rollup::prune(&mut conn).await? > 0 && !service.stop.is_cancelled() {}
    Ok(())
}
