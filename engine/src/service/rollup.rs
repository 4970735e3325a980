//! Rollup: what was tallied is folded into rollups and totals. Readers count both, so nothing depends on
//! when; it keeps the tallies few. A process that has settled something folds soon after, and one that
//! is idle looks rarely, for those who died with work undone.

use super::Service;
use crate::Result;
use crate::store::rollup;

/// A busy process folds once in so many rounds of the other services.
const EVERY: u32 = 4;
/// An idle one looks once in so many of these.
const IDLE: u32 = 10;

pub(super) async fn run(service: Service) {
    let mut rounds = 0_u32;
    while service.pause(service.options.service * EVERY).await {
        rounds += 1;
        if !service.client.hub().take_tallied() && !rounds.is_multiple_of(IDLE) {
            continue;
        }
        if let Err(error) = round(&service).await {
            tracing::warn!(%error, "could not fold tallies; trying again");
        }
    }
}

async fn round(service: &Service) -> Result<()> {
    let mut conn = service.client.pool().acquire().await?;
    while rollup::fold(&mut conn).await? >= rollup::BATCH && !service.stop.is_cancelled() {}
    Ok(())
}
