//! A backend that is a channel. Its polls never fail: an error of a poll would end the worker and
//! drop every handler in flight.

use std::convert::Infallible;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use tokio::sync::mpsc;
use tower::layer::util::Identity;

use super::Work;

/// One unit handed to the service: taken out once.
pub(super) type Slot = std::sync::Arc<Mutex<Option<Work>>>;

pub(super) struct ChannelBackend {
    inbox: mpsc::UnboundedReceiver<Work>,
}

impl ChannelBackend {
    pub(super) fn new(inbox: mpsc::UnboundedReceiver<Work>) -> ChannelBackend {
        ChannelBackend { inbox }
    }
}

impl Backend for ChannelBackend {
    type Task = Task<Slot>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<Slot>, Infallible>>> {
        let work = ready!(self.inbox.poll_recv(cx));
        if work.is_none() {
            // The end of a backend drains the worker but does not end it: it waits for a stop. That it
            // has not been started is the only way to fail, and whoever polls has been.
            let _ = worker.stop();
        }
        Poll::Ready(work.map(|work| Ok(Task::new(Slot::new(Mutex::new(Some(work)))))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for ChannelBackend {
    type Args = Slot;
    type Id = uuid::Uuid;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
