//! A worker that lives as long as its test.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Client, Counts, Registry, Worker, WorkerOptions};

/// A running worker. Stop it to see it leave in good order; dropping it is a crash.
#[derive(Debug)]
pub struct WorkerGuard {
    id: uuid::Uuid,
    counts: Arc<Counts>,
    stop: CancellationToken,
    task: Option<JoinHandle<crate::Result<()>>>,
}

/// Starts a worker in a task.
pub fn run_worker(client: &Client, registry: Registry, options: WorkerOptions) -> WorkerGuard {
    let worker = Worker::new(client.clone(), registry, options);
    let stop = CancellationToken::new();
    WorkerGuard {
        id: worker.id(),
        counts: worker.counts(),
        stop: stop.clone(),
        task: Some(tokio::spawn(worker.run(stop))),
    }
}

impl WorkerGuard {
    /// Its identity.
    pub fn id(&self) -> uuid::Uuid {
        self.id
    }

    /// What it has done.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Asks it to leave and waits until it has.
    ///
    /// # Panics
    /// When it failed.
    #[expect(
        clippy::expect_used,
        reason = "a test must not go on past a failed worker"
    )]
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("worker task").expect("worker");
        }
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
