//! How much is in work, and for how long. Each request runs in a task of its own that goes on to its
//! end: a caller who hangs up, or whom we stop waiting for, must not cut a database call in two, for
//! sqlx may hand a connection with an open transaction back to the pool when a future is dropped.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::FrontState;
use super::problem::{INTERNAL, OVERLOADED, Problem, TIMED_OUT};

/// Runs a request in a task, if there is room for it.
pub(crate) async fn door(State(front): State<FrontState>, request: Request, next: Next) -> Response {
    let Ok(permit) = Arc::clone(&front.permits).try_acquire_owned() else {
        return Problem::new(OVERLOADED, "as many requests as may be are in work").retry_after(1).into_response();
    };
    let patience = patience(&front, &request);
    let work = async move {
        let response = next.run(request).await;
        drop(permit);
        response
    };
    let done = front.tasks.spawn(work.in_current_span());
    match tokio::time::timeout(patience, done).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let causes = Some(format!("the handler panicked: {panic}"));
            Problem { causes, ..Problem::new(INTERNAL, "the request failed") }.into_response()
        }
        Err(_) => Problem::new(TIMED_OUT, format!("no answer within {} s", patience.as_secs_f64())).into_response(),
    }
}

/// The sync paths bound their own wait, which may be longer than any other answer takes.
fn patience(front: &FrontState, request: &Request) -> Duration {
    let options = &front.options;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if super::api::waits(route) { options.request_time + options.sync_wait } else { options.request_time }
}
