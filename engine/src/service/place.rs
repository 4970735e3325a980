//! Place: jobs whose enqueue had not heard of their kind's new limits. It may have begun before the limits
//! were written and end after all pending jobs were put in their place; where such a job stands, no claim
//! finds it. So whoever has changed limits looks again, a few times. A transaction that stays open for longer
//! is found by prune.

use std::time::Duration;

use super::Service;
use crate::store::partition;

/// An enqueue of its own ends within a second, most transactions within the last.
const LOOKS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];
/// Rows that a statement locks at most.
const AT_ONCE: i64 = 1_000;

pub(super) async fn run(service: Service) {
    for wait in LOOKS {
        if !service.pause(wait).await {
            return;
        }
        if let Err(error) = look(&service).await {
            tracing::warn!(%error, "could not put jobs under the limits of their kind; trying again");
        }
    }
}

async fn look(service: &Service) -> crate::Result<()> {
    let mut conn = service.client.pool().acquire().await?;
    while partition::put_in_place(&mut conn, AT_ONCE).await? {}
    Ok(())
}
