//! Enqueue: how people and programs ask for a sync of products.

use engine::{NewJob, Twin, UniqueScope};

use super::{SyncOrganizations, SyncProducts};

/// Before everything that nobody waits for.
const INTERACTIVE: i16 = -10;
/// After what somebody asked for.
const BULK: i16 = 10;

/// The job that syncs the organisation of a connection: everything, or what has changed.
pub fn sync_of(connection: &str, changed: bool, asked_by: &str) -> NewJob {
    sync(connection, changed)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that syncs some items, by their ids.
pub fn sync_items_of(connection: &str, items: Vec<String>, asked_by: &str) -> NewJob {
    let job = SyncProducts {
        connection: connection.to_owned(),
        items,
        changed: false,
    };
    of(&job).priority(INTERACTIVE).asked_by(asked_by)
}

/// The job that syncs every organisation.
pub fn sync_all_of(changed: bool, asked_by: &str) -> NewJob {
    let key = if changed { "changed" } else { "all" };
    NewJob::of(&SyncOrganizations { changed })
        .unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// One organisation's part of a sync of all.
pub(super) fn part(parent: uuid::Uuid, connection: &str, changed: bool) -> NewJob {
    sync(connection, changed).priority(BULK).parent(parent)
}

fn sync(connection: &str, changed: bool) -> NewJob {
    let job = SyncProducts {
        connection: connection.to_owned(),
        items: Vec::new(),
        changed,
    };
    let key = format!("{connection}:{}", if changed { "changed" } else { "all" });
    of(&job).unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
}

/// One at a time of an organisation: one writer for each record, and few calls in process at once.
fn of(job: &SyncProducts) -> NewJob {
    NewJob::of(job)
        .usual_partition_key(job.connection.as_str())
        .rate_key(job.connection.as_str())
}
