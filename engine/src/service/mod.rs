//! What any process does for the fleet: promote what is due, rescue what was lost, fire schedules,
//! cancel the parts of what was cancelled, group what died, fold what was tallied, wake what was put off,
//! renew probes, act on many, put in its place what missed new limits, prune what is old. Safe with any number of
//! processes at once; none of them leads.

mod bulk;
mod cascade;
mod group;
mod place;
pub(crate) mod probe;
mod promote;
mod prune;
mod put_off;
mod rescue;
mod rollup;
mod schedule;

use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Client, Entropy, WorkerOptions};

/// What each service is given.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) client: Client,
    pub(crate) hot: PgPool,
    pub(crate) options: WorkerOptions,
    pub(crate) entropy: Entropy,
    pub(crate) stop: CancellationToken,
}

/// Starts them all; they end at `stop`. `limits_changed`: this process has just changed the limits of a kind.
pub(crate) fn spawn(tasks: &mut JoinSet<()>, service: &Service, limits_changed: bool) {
    tasks.spawn(promote::run(service.clone()));
    tasks.spawn(rescue::run(service.clone()));
    tasks.spawn(schedule::run(service.clone()));
    tasks.spawn(prune::run(service.clone()));
    tasks.spawn(cascade::run(service.clone()));
    tasks.spawn(group::run(service.clone()));
    tasks.spawn(put_off::run(service.clone()));
    tasks.spawn(bulk::run(service.clone()));
    tasks.spawn(rollup::run(service.clone()));
    if limits_changed {
        tasks.spawn(place::run(service.clone()));
    }
}

impl Service {
    /// Sleeps about `span`; false when it is time to end.
    async fn pause(&self, span: std::time::Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(self.entropy.jittered(span)) => true,
        }
    }
}
