//! Enqueue: how people and programs ask for a sync of packages.

use std::time::Duration;

use engine::{NewJob, Twin, UniqueScope};
use uuid::Uuid;

use super::{CONNECTION, SyncAll, SyncChunk, SyncProfile};

/// Before everything that nobody waits for.
const INTERACTIVE: i16 = -10;
/// After a sync that somebody asked for.
const BULK: i16 = 10;
/// A login and the booking right after it are one sync.
const COALESCE: Duration = Duration::from_secs(60);

/// The job that syncs one profile, for an enqueue in a transaction of the caller's. Asked for again within a
/// minute, it is the same job.
pub fn sync_profile_of(profile_id: Uuid, asked_by: &str) -> NewJob {
    sync(profile_id)
        .unique(key(profile_id), UniqueScope::Period(COALESCE), Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that syncs many, for an enqueue in a transaction of the caller's. One at a time.
pub fn sync_all_of(asked: &SyncAll, asked_by: &str) -> NewJob {
    NewJob::of(asked)
        .unique("all", UniqueScope::QueuedOrRunning, Twin::Keep)
        .asked_by(asked_by)
}

/// A part of a bulk sync.
pub(super) fn chunk(bulk: Uuid, profiles: Vec<Uuid>) -> NewJob {
    NewJob::of(&SyncChunk { bulk, profiles })
        .priority(BULK)
        .rate_key(CONNECTION)
        .parent(bulk)
}

/// A profile that failed in a bulk sync, by itself.
pub(super) fn again(profile_id: Uuid) -> NewJob {
    // A key of its own: somebody who logs in does not wait for a retry.
    sync(profile_id)
        .unique(
            format!("again:{profile_id}"),
            UniqueScope::QueuedOrRunning,
            Twin::Keep,
        )
        .priority(BULK)
}

fn sync(profile_id: Uuid) -> NewJob {
    NewJob::of(&SyncProfile { profile_id })
        .partition_key(key(profile_id))
        .rate_key(CONNECTION)
}

fn key(profile_id: Uuid) -> String {
    format!("profile:{profile_id}")
}
