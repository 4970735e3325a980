//! Enqueue: how people and programs ask for a sync.

use engine::{Client, Enqueued, NewJob, Twin, UniqueScope};

use super::{CONNECTION, SyncAll, SyncZones};

/// Before everything that nobody waits for.
const INTERACTIVE: i16 = -10;
/// After a sync that somebody asked for: a bulk of thousands must not delay it.
const BULK: i16 = 10;

/// The job that syncs one company, for an enqueue in a transaction of the caller's.
pub fn sync_of(company_id: i64, asked_by: &str) -> NewJob {
    sync(company_id).priority(INTERACTIVE).asked_by(asked_by)
}

/// The job that syncs all companies, for an enqueue in a transaction of the caller's.
pub fn sync_all_of(asked_by: &str) -> NewJob {
    NewJob::of(&SyncAll {})
        .unique("all", UniqueScope::QueuedOrRunning, Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// Asks for a sync of one company. While one is queued or runs, that one stands for both.
///
/// # Errors
/// Those of [`Client::enqueue`]. Whether the company can be synced is not asked here: see
/// [`crate::company::syncable`].
pub async fn enqueue_sync(
    client: &Client,
    company_id: i64,
    asked_by: &str,
) -> engine::Result<Enqueued> {
    client.enqueue(sync_of(company_id, asked_by)).await
}

/// Asks for a sync of all companies. While one is queued or runs, that one stands for both.
///
/// # Errors
/// Those of [`Client::enqueue`].
pub async fn enqueue_sync_all(client: &Client, asked_by: &str) -> engine::Result<Enqueued> {
    client.enqueue(sync_all_of(asked_by)).await
}

/// One company's part of a sync of all.
pub(super) fn part(parent: uuid::Uuid, company_id: i64) -> NewJob {
    sync(company_id).priority(BULK).parent(parent)
}

/// One live job for each company: one writer for each record.
fn sync(company_id: i64) -> NewJob {
    let key = format!("company:{company_id}");
    NewJob::of(&SyncZones { company_id })
        .unique(key.as_str(), UniqueScope::QueuedOrRunning, Twin::Keep)
        .usual_partition_key(key)
        .rate_key(CONNECTION)
}
