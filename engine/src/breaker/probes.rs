//! Which jobs of this process are probes, and of which connections: one job may be the probe of several.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// A probe that has told nothing for so long is waited for no more. Twice the longest call of a connector
/// and its wait for tokens; a job that does something else first should not keep all others waiting.
const QUIET: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Probes {
    all: Mutex<Vec<Probe>>,
    bell: Notify,
}

#[derive(Debug)]
struct Probe {
    job: Uuid,
    connection: String,
    since: Instant,
}

impl Probes {
    pub(super) fn add(&self, job: Uuid, connection: &str) {
        self.remove(job, connection);
        self.lock().push(Probe {
            job,
            connection: connection.to_owned(),
            since: Instant::now(),
        });
        self.bell.notify_one();
    }

    pub(super) fn has(&self, job: Uuid, connection: &str) -> bool {
        self.lock().iter().any(|one| one.is(job, connection))
    }

    /// It has told what it found.
    pub(super) fn remove(&self, job: Uuid, connection: &str) {
        self.lock().retain(|one| !one.is(job, connection));
    }

    /// The job has ended: the connections of which it was the probe.
    pub(super) fn take(&self, job: Uuid) -> Vec<String> {
        let mut all = self.lock();
        let (own, others) = std::mem::take(&mut *all)
            .into_iter()
            .partition(|one| one.job == job);
        *all = others;
        Vec::into_iter(own).map(|one| one.connection).collect()
    }

    /// Those that are worth waiting for.
    pub(super) fn live(&self) -> Vec<(Uuid, String)> {
        self.lock()
            .iter()
            .filter(|one| one.since.elapsed() < QUIET)
            .map(|one| (one.job, one.connection.clone()))
            .collect()
    }

    /// Ends once there is one that is worth waiting for.
    pub(super) async fn some(&self) {
        while self.live().is_empty() {
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Probe>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe {
    fn is(&self, job: Uuid, connection: &str) -> bool {
        self.job == job && self.connection == connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_is_the_probe_of_several_connections_until_it_has_told_of_each() {
        let probes = Probes::default();
        let (job, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        probes.add(job, "a");
        probes.add(job, "b");
        probes.add(job, "c");
        probes.add(other, "a");

        probes.remove(job, "b");

        assert!(probes.has(job, "a") && !probes.has(job, "b"));
        assert_eq!(probes.take(job), ["a", "c"]);
        assert_eq!(probes.live(), [(other, "a".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_tells_nothing_is_not_waited_for_for_ever() {
        let probes = Probes::default();
        probes.add(Uuid::nil(), "a");

        tokio::time::advance(QUIET).await;

        assert_eq!(probes.live(), []);
        assert!(probes.has(Uuid::nil(), "a"), "its word still counts");
    }
}
