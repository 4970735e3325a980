//! Prune: eras are made ahead of time, ended jobs past their retention go, dead letters only when a
//! retention says so. And what else is seldom put right: jobs that missed the order of their partition.

use super::Service;
use crate::Result;
use crate::store::{bulk, group, log, partition, prune, put_off, rollup};

/// It looks once in so many rounds of the other services.
const EVERY: u32 = 60;

pub(super) async fn run(service: Service) {
    while service.pause(service.options.service * EVERY).await {
        if let Err(error) = history(&service).await {
            tracing::warn!(%error, "could not prune ended jobs; trying again later");
        }
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not prune; trying again later");
        }
    }
}

/// The eras that come and the jobs that go. Jobs are taken in without an era too, so that a failure to make one
/// is no reason to stop.
async fn history(service: &Service) -> Result<()> {
    let keep = service.options.retention;
    match service.client.add_eras(keep).await {
        Ok(made) => {
            for name in made {
                tracing::info!(era = name, "made the era {name}");
            }
        }
        Err(error) => tracing::warn!(%error, "could not make the next era; trying again later"),
    }
    let pruned = service.client.prune_until(keep, &service.stop).await?;
    for one in &pruned.emptied {
        let (name, gone, stayed) = (&one.era, one.gone, one.stayed);
        tracing::info!(
            era = name,
            gone,
            stayed,
            "emptied the era {name}: {gone} jobs went, {stayed} stayed"
        );
    }
    for name in &pruned.busy {
        tracing::info!(era = name, "the era {name} is in use; emptying it later");
    }
    Ok(())
}

async fn round(service: &Service) -> Result<()> {
    let mut conn = service.client.pool().acquire().await?;
    if let Some(keep) = service.options.retention.logs {
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
