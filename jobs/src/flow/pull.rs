//! Pull: walk a listing page by page, each page one transaction with its cursor.

use std::sync::Arc;
use std::time::Duration;

use connectors::Verdict;
use engine::{Again, Cx, Failure, Outcome};
use tokio::time::Instant;

use super::{Page, Progress, Stream, open, page};
use crate::connection::tell;
use crate::quarantine::Named;
use crate::run::Run;
use crate::store::run::Ending;
use crate::{Env, Error, store};

/// How long an attempt walks before it gives its slot back and goes on as another: far from any
/// timeout, so that a listing of any length costs no attempt.
const SLICE: Duration = Duration::from_secs(60);

/// Makes the job's outcome of the run that ended and of the first records that could not be read.
pub(crate) type Conclude = Arc<dyn Fn(&Run, &[Named]) -> Result<Outcome, Error> + Send + Sync>;

/// What a page's transaction leads to.
pub(super) enum Step {
    More(Box<Progress>),
    /// The run has ended and the job is settled with it.
    Ended(Outcome),
}

/// Walks a stream to its end. The last page, the sweep, the end of the run and the
/// end of the job commit together.
pub(crate) async fn pull<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    conclude: Conclude,
) -> Result<Outcome, Error> {
    let mut progress = open::open(cx, stream).await?;
    match walk(cx, stream, &mut progress, conclude).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            give_up(cx, &progress, &error).await;
            Err(error)
        }
    }
}

async fn walk<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    progress: &mut Progress,
    conclude: Conclude,
) -> Result<Outcome, Error> {
    let began = Instant::now();
    loop {
        let page = fetch(cx, stream, progress).await?;
        match page::apply(cx, stream, progress.clone(), page, conclude.clone()).await? {
            Step::More(after) => *progress = *after,
            Step::Ended(outcome) => return Ok(outcome),
        }
        if began.elapsed() > SLICE {
            return Err(Error::SliceOver);
        }
    }
}

/// No transaction is open while the remote is asked.
async fn fetch<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    progress: &mut Progress,
) -> Result<Page, Error> {
    let asked = tokio::select! {
        biased;
        () = cx.stopped() => return Err(Error::Stopped),
        asked = stream.page(progress.cursor.clone(), progress.since) => asked,
    };
    let verdict = asked
        .as_ref()
        .map_or_else(connectors::Error::verdict, |_| Verdict::Ok);
    tell(cx, stream.connection(), &verdict).await;
    match asked {
        Ok(page) => Ok(page),
        Err(error) => {
            // The cursor is of no use: the next attempt begins the walk again.
            if error.verdict() == Verdict::PageInvalid && progress.cursor.is_some() {
                *progress = open::restart(cx, progress).await?;
            }
            Err(cx.env().connections.judge(stream.connection(), error).await)
        }
    }
}

/// Ends the run as failed when the job will not go on with it. Until then it stays as it is, for
/// the next attempt; should this very write fail, the next sync goes on with the run.
async fn give_up(cx: &Cx<Env>, progress: &Progress, error: &Error) {
    let failure = Failure::from(error);
    let is_final = match failure.again {
        Again::Never => true,
        Again::Backoff | Again::After(_) => cx.is_last_attempt() && !cx.is_stopped(),
        Again::Uncounted(_) | Again::Wait(_) => false,
    };
    if !is_final || matches!(error, Error::RunLost(_)) {
        return;
    }
    let (run_id, stands) = (progress.id, progress.clone());
    let attempt = cx.clone();
    let ended = store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            let ending = Ending::failed(&failure.code, &failure.message);
            store::run::end(tx, &stands, &stands, ending).await
        })
    });
    if let Err(error) = ended.await {
        tracing::warn!(run.id = run_id, error = %error, "run {run_id} could not be ended as failed");
    }
}
