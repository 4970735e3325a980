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
pub(crate) async fn door(
    State(front): State<FrontState>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(permit) = Arc::clone(&front.permits).try_acquire_owned() else {
        return Problem::new(OVERLOADED, "as many requests as may be are in work")
            .retry_after(1)
            .into_response();
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
            let causes = format!("the handler panicked: {panic}");
            Problem::new(INTERNAL, "the request failed")
                .because(causes)
                .into_response()
        }
        Err(_) => Problem::new(
            TIMED_OUT,
            format!("no answer within {} s", patience.as_secs_f64()),
        )
        .into_response(),
    }
}

/// The sync paths bound their own wait, which may be longer than any other answer takes.
fn patience(front: &FrontState, request: &Request) -> Duration {
    let options = &front.options;
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    if super::api::waits(route) {
        options.request_time + options.sync_wait
    } else {
        options.request_time
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::{FrontOptions, finish};

    fn front(concurrency: usize) -> FrontState {
        let pool = sqlx::PgPool::connect_lazy("postgres://nowhere/none").expect("a url");
        let env = jobs::Env {
            pool: pool.clone(),
            connections: jobs::connection::Connections::none(),
        };
        let options = FrontOptions {
            concurrency,
            ..FrontOptions::default()
        };
        FrontState::new(engine::Client::from_pool(pool), env, options)
    }

    fn app(front: &FrontState) -> Router {
        Router::new()
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("on purpose")
                    }
                }),
            )
            .route("/ok", get(|| async { "ok" }))
            .layer(from_fn_with_state(front.clone(), door))
            .layer(from_fn(finish::finish))
    }

    async fn status(app: &Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        app.clone()
            .oneshot(request)
            .await
            .expect("an answer")
            .status()
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_gives_its_place_back() {
        let front = front(1);
        let app = app(&front);

        assert_eq!(
            status(&app, "/panic").await,
            StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(status(&app, "/ok").await, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_request_too_many_is_turned_away_at_once() {
        let front = front(1);
        let held = Arc::clone(&front.permits)
            .try_acquire_owned()
            .expect("a permit");

        assert_eq!(
            status(&app(&front), "/ok").await,
            StatusCode::SERVICE_UNAVAILABLE
        );

        drop(held);
        assert_eq!(status(&app(&front), "/ok").await, StatusCode::OK);
    }
}
