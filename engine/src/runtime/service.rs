//! Dispatch: from a claimed job to its settlement. The slot is given back once the settlement is
//! queued, so the settler's pace holds the claimer's back.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::task::Task;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower::Service;

use super::backend::Slot;
use super::{Registry, Work, attempt};
use crate::store::settle::Settlement;
use crate::worker::conclude::conclude;
use crate::worker::running::Running;
use crate::{Client, Entropy};

/// The service that every claimed job goes through.
#[derive(Clone)]
pub(crate) struct Dispatch {
    pub(crate) client: Client,
    pub(crate) registry: Registry,
    pub(crate) entropy: Entropy,
    pub(crate) grace: Duration,
    pub(crate) running: Arc<Running>,
    pub(crate) settlements: mpsc::Sender<Settlement>,
}

impl Service<Task<Slot>> for Dispatch {
    type Response = ();
    type Error = Infallible;
    type Future = Spawned;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Slot>) -> Spawned {
        let work = task
            .args
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let dispatch = self.clone();
        Spawned(tokio::spawn(async move {
            if let Some(work) = work {
                dispatch.run(work).await;
            }
        }))
    }
}

impl Dispatch {
    async fn run(self, work: Work) {
        let Work {
            attempt,
            args,
            permit,
        } = work;
        let answer = attempt::run(&self, attempt.clone(), args).await;
        let settlement = conclude(&attempt, answer, self.entropy.chance());
        let failed = settlement
            .as_ref()
            .is_some_and(|settlement| matches!(settlement.outcome, "retry" | "dead"));
        let key = (attempt.fence.job_id, attempt.fence.attempt);
        self.client.logs().ended(key, failed);
        if let Some(settlement) = settlement {
            // The settler ends only after the last of these senders is gone.
            let _ = self.settlements.send(settlement).await;
        }
        self.client.gates().end(attempt.fence.job_id).await;
        self.running.remove(&attempt.fence);
        drop(permit);
    }
}

/// A handler in a task of its own, so that CPU work spreads and one handler's wakes do not poll the
/// others. Dropping it aborts the task.
pub(crate) struct Spawned(JoinHandle<()>);

impl Future for Spawned {
    type Output = Result<(), Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|_| Ok(()))
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.0.abort();
    }
}
