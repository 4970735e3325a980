//! One attempt: the handler under its timeout, told to stop before it is dropped, its panic a failure
//! like any other.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tracing::Instrument;

use super::Dispatch;
use crate::cx::{Attempt, Stop};
use crate::log::ATTEMPT_SPAN;
use crate::{Failure, Outcome};

/// Where the span of an attempt says it comes from.
pub(crate) const ATTEMPT_TARGET: &str = "engine::attempt";

type Answer = Result<Outcome, Failure>;

/// Runs the handler to its answer. A handler that does not stop when told to is dropped after the
/// grace period and fails.
pub(super) async fn run(dispatch: &Dispatch, attempt: Arc<Attempt>, args: String) -> Answer {
    let span = tracing::info_span!(
        target: ATTEMPT_TARGET, ATTEMPT_SPAN, job.id = %attempt.fence.job_id, job.kind = %attempt.kind, job.queue = %attempt.queue,
        attempt = attempt.fence.attempt
    );
    // The handler is called inside too: decoding and building its future are its own code.
    let handler = async {
        dispatch
            .registry
            .call(
                attempt.clone(),
                args,
                dispatch.client.clone(),
                dispatch.entropy.clone(),
            )
            .await
    };
    let handler = AssertUnwindSafe(handler).catch_unwind().instrument(span);
    tokio::pin!(handler);
    tokio::select! {
        biased;
        answer = &mut handler => return answered(answer),
        () = tokio::time::sleep(attempt.timeout) => attempt.stop(Stop::Timeout),
        () = attempt.token.cancelled() => {}
    }
    match tokio::time::timeout(dispatch.grace, &mut handler).await {
        Ok(answer) => stopped(&attempt, answered(answer)),
        Err(_) => stopped(
            &attempt,
            Err(Failure::new(
                "stopped",
                "the handler did not stop when told to",
            )),
        ),
    }
}

/// What a handler answers after it was told to stop. Work that was done all the same counts.
fn stopped(attempt: &Attempt, answer: Answer) -> Answer {
    let failure = match answer {
        Ok(outcome) => return Ok(outcome),
        Err(failure) => failure,
    };
    Err(match attempt.stop.get() {
        Some(Stop::Timeout) => Failure {
            code: "timeout".into(),
            message: format!("timed out after {:?}: {}", attempt.timeout, failure.message),
            again: failure.again,
        },
        Some(Stop::Cancelled) => Failure::new("cancelled", "cancelled while it ran"),
        Some(Stop::LeaseLost | Stop::Shutdown) | None => failure,
    })
}

fn answered(answer: Result<Answer, Box<dyn Any + Send>>) -> Answer {
    answer.unwrap_or_else(|panic| {
        Err(Failure::new(
            "panic",
            format!("the handler panicked: {}", panic_text(&*panic)),
        ))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
