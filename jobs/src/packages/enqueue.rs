//! Enqueue: how people and programs ask for a sync of packages.

use std::time::Duration;

use engine::{NewJob, Twin, UniqueScope, When};
use uuid::Uuid;

use super::{Profile, SyncAll, SyncChunk, SyncProfile};

/// Before everything that nobody waits for.
const INTERACTIVE: i16 = -10;
/// After a sync that somebody asked for.
const BULK: i16 = 10;
/// A login and the booking right after it are one sync.
const COALESCE: Duration = Duration::from_secs(60);
/// What is missing is gone if it is still missing then: a minute more than the sweep asks for.
const LOOK_AGAIN: Duration = Duration::from_secs(11 * 60);

/// The job that syncs one profile, for an enqueue in a transaction of the caller's. Asked for again within a
/// minute, it is the same job.
pub fn sync_profile_of(profile: &Profile, asked_by: &str) -> NewJob {
    sync(&profile.connection, profile.id)
        .unique(key(profile.id), UniqueScope::Period(COALESCE), Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that syncs one profile of which a person has just decided who it is. A sync that has begun does not know
/// of that yet, so that this is one more.
pub fn sync_decided_of(profile: &Profile, asked_by: &str) -> NewJob {
    let key = format!("decided:{}", profile.id);
    sync(&profile.connection, profile.id)
        .unique(key, UniqueScope::Queued, Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that reads a profile's packages again, since a person has asked for it. The minute of
/// [`sync_profile_of`] would give them the end of an earlier sync.
pub(crate) fn sync_again_of(profile: &Profile, asked_by: &str) -> NewJob {
    let key = format!("retry:{}", profile.id);
    sync(&profile.connection, profile.id)
        .unique(key, UniqueScope::Queued, Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that syncs many, for an enqueue in a transaction of the caller's. One at a time of those that ask for
/// the same.
pub fn sync_all_of(asked: &SyncAll, asked_by: &str) -> NewJob {
    let connection = asked.connection.as_deref().unwrap_or("all");
    let most = asked.max_profiles.unwrap_or(0);
    let key = format!("{connection}:{}:{most}", asked.only_new);
    NewJob::of(asked)
        .unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
        .asked_by(asked_by)
}

/// A part of a bulk sync: profiles of one connection.
pub(super) fn chunk(bulk: Uuid, connection: &str, profiles: Vec<Uuid>) -> NewJob {
    NewJob::of(&SyncChunk { bulk, profiles })
        .priority(BULK)
        .rate_key(connection)
        .parent(bulk)
}

/// A profile that failed in a bulk sync, by itself.
pub(super) fn again(connection: &str, profile_id: Uuid) -> NewJob {
    // A key of its own: somebody who logs in does not wait for a retry.
    let key = format!("again:{profile_id}");
    sync(connection, profile_id)
        .unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
        .priority(BULK)
}

/// A profile of which packages are missing: nobody should see for a day what is used up.
pub(super) fn look_again(connection: &str, profile_id: Uuid) -> NewJob {
    let key = format!("missing:{profile_id}");
    sync(connection, profile_id)
        .unique(key, UniqueScope::Queued, Twin::Keep)
        .priority(BULK)
        .when(When::After(LOOK_AGAIN))
}

fn sync(connection: &str, profile_id: Uuid) -> NewJob {
    NewJob::of(&SyncProfile { profile_id })
        .usual_partition_key(key(profile_id))
        .rate_key(connection)
}

fn key(profile_id: Uuid) -> String {
    format!("profile:{profile_id}")
}
