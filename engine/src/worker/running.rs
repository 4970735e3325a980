//! The attempts this process runs, for the heartbeat, for cancels and for a graceful stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::cx::{Attempt, Stop};
use crate::fence::Fence;

/// Shared by all tasks of a worker.
#[derive(Debug, Default)]
pub(crate) struct Running {
    attempts: Mutex<HashMap<Fence, Arc<Attempt>>>,
    emptied: Notify,
}

impl Running {
    pub(crate) fn add(&self, attempt: &Arc<Attempt>) {
        self.lock().insert(attempt.fence, attempt.clone());
    }

    pub(crate) fn remove(&self, fence: &Fence) {
        let mut attempts = self.lock();
        attempts.remove(fence);
        if attempts.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Attempt>> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Stops every attempt of a job.
    pub(crate) fn stop(&self, job_id: Uuid, why: Stop) {
        for attempt in self
            .all()
            .iter()
            .filter(|attempt| attempt.fence.job_id == job_id)
        {
            attempt.stop(why);
        }
    }

    pub(crate) fn stop_all(&self, why: Stop) {
        for attempt in self.all() {
            attempt.stop(why);
        }
    }

    /// Ends once nothing runs.
    pub(crate) async fn emptied(&self) {
        loop {
            // Registered before the look, so that an end between the two is not missed.
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Fence, Arc<Attempt>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
