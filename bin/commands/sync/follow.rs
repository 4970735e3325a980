//! What follows the enqueue of a sync, whatever is synced: nothing, or the wait for its end, with workers of
//! this command's own where no other is alive.

use std::time::Duration;

use engine::{Enqueued, JobView};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::wait::{Watched, wait};
use crate::app::{App, Session};
use crate::crew;
use crate::signals;

/// How to go on.
pub(super) struct Follow {
    /// A worker is alive somewhere.
    pub(super) is_manned: bool,
    pub(super) no_wait: bool,
    /// The connections that the sync goes over.
    pub(super) over: Vec<String>,
    pub(super) patience: Duration,
}

/// Gives the job once it has ended; none when nobody wants to wait.
pub(super) async fn follow(
    app: &App,
    session: &Session,
    made: &Enqueued,
    how: Follow,
) -> anyhow::Result<Option<JobView>> {
    let id = made.id;
    if how.no_wait {
        let words = format!("Enqueued job {id}. See how it goes: lockstep job show {id}");
        app.out.done(&words, &id.to_string(), &json!(made))?;
        if !how.is_manned {
            app.out
                .note("No worker is alive: it waits until one is. Start one: lockstep serve");
        }
        return Ok(None);
    }
    let (stop, left) = (signals::stop_token()?, CancellationToken::new());
    let worker = (!how.is_manned).then(|| {
        app.out
            .note("No worker is alive: this command runs the jobs itself.");
        crew::hire(app, session, &left)
    });
    let watched = Watched {
        job: id,
        over: how.over,
        patience: how.patience,
    };
    let waited = wait(app, session, &watched, &stop).await;
    left.cancel();
    if let Some(worker) = worker {
        worker.await??;
    }
    waited.map(Some)
}
