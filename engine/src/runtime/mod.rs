//! The runtime: apalis-core runs the handlers, and only this module names it. The queue stays ours:
//! the backend is a channel of claimed jobs that never fails, and the outcome is taken from the
//! handler's own answer in the outermost layer, never from the framework's status.

mod attempt;
mod backend;
mod registry;
mod service;

use std::sync::Arc;

use apalis_core::worker::builder::WorkerBuilder;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::cx::Attempt;
pub(crate) use attempt::ATTEMPT_TARGET;
use backend::ChannelBackend;
pub use registry::Registry;
pub(crate) use service::Dispatch;

/// A claimed job on its way to its handler, with the slot it holds.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) attempt: Arc<Attempt>,
    /// JSON text.
    pub(crate) args: String,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Runs what comes in until every sender is gone and every handler has ended.
pub(crate) async fn run(label: String, inbox: mpsc::UnboundedReceiver<Work>, dispatch: Dispatch) {
    let worker = WorkerBuilder::new(label)
        .backend(ChannelBackend::new(inbox))
        .build(dispatch);
    if let Err(error) = worker.run().await {
        tracing::error!(%error, "the handler runtime failed");
    }
}
