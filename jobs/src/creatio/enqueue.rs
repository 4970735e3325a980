//! Enqueue: how people and programs ask for a sync with Creatio.

use engine::{NewJob, Twin, UniqueScope};
use uuid::Uuid;

use super::{Observe, Reconcile, Sort, SyncAll, SyncLead};

/// Before everything that nobody waits for.
const INTERACTIVE: i16 = -10;
/// After what somebody asked for.
const BULK: i16 = 10;

/// The job that syncs everything of a connection, or of all: all that Creatio has, or what changed there.
pub fn sync_all_of(asked: &SyncAll, asked_by: &str) -> NewJob {
    all(asked).priority(INTERACTIVE).asked_by(asked_by)
}

/// The job that syncs one lead, for an enqueue in a transaction of the caller's.
pub fn sync_lead_of(connection: &str, lead_id: Uuid, asked_by: &str) -> NewJob {
    let job = SyncLead {
        connection: connection.to_owned(),
        lead_id,
    };
    NewJob::of(&job)
        .unique(format!("lead:{lead_id}"), UniqueScope::Queued, Twin::Keep)
        .rate_key(connection)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that carries over what has changed on either side, as far as that is known, for an enqueue in a
/// transaction of the caller's. One that runs already may have passed it: so this is one more.
pub fn reconcile_of(connection: &str, asked_by: &str) -> NewJob {
    reconcile(connection)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

/// The job that looks at what Creatio has of a sort: all of it, or what changed.
pub fn observe_of(connection: &str, sort: Sort, changed: bool, asked_by: &str) -> NewJob {
    observe(connection, sort, changed)
        .priority(INTERACTIVE)
        .asked_by(asked_by)
}

pub(super) fn part(parent: Uuid, connection: &str, changed: bool) -> NewJob {
    let asked = SyncAll {
        connection: Some(connection.to_owned()),
        changed,
    };
    all(&asked).priority(BULK).parent(parent)
}

pub(super) fn observe_part(parent: Uuid, connection: &str, sort: Sort, changed: bool) -> NewJob {
    observe(connection, sort, changed)
        .priority(BULK)
        .parent(parent)
}

pub(super) fn reconcile_part(parent: Uuid, connection: &str) -> NewJob {
    reconcile(connection).priority(BULK).parent(parent)
}

fn all(asked: &SyncAll) -> NewJob {
    let connection = asked.connection.as_deref().unwrap_or("all");
    let key = format!(
        "{connection}:{}",
        if asked.changed { "changed" } else { "all" }
    );
    NewJob::of(asked).unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
}

fn observe(connection: &str, sort: Sort, changed: bool) -> NewJob {
    let job = Observe {
        connection: connection.to_owned(),
        stream: sort,
        changed,
    };
    let key = format!(
        "{connection}:{}:{}",
        sort.as_str(),
        if changed { "changed" } else { "all" }
    );
    NewJob::of(&job)
        .unique(key, UniqueScope::QueuedOrRunning, Twin::Keep)
        .usual_partition_key(format!("{connection}:{}", sort.as_str()))
        .rate_key(connection)
}

fn reconcile(connection: &str) -> NewJob {
    let job = Reconcile {
        connection: connection.to_owned(),
    };
    NewJob::of(&job)
        .unique(connection, UniqueScope::Queued, Twin::Keep)
        .usual_partition_key(connection)
        .rate_key(connection)
}
