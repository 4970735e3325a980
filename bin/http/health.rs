//! Health, for orchestrators and load balancers: no token, tiny, and never more than one look at the
//! database a second, however many ask.

use std::time::{Duration, Instant};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Mutex;

use super::FrontState;

/// Longer than this is not ready, whatever the answer would have been.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long one look holds for all who ask.
const FRESH: Duration = Duration::from_secs(1);

/// What the last look at the database found, and when.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, &'static str)>>);

impl Readiness {
    /// `ok`, or why not. The lock makes those who ask at once share one look.
    async fn database(&self, front: &FrontState) -> &'static str {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = *last
            && at.elapsed() < FRESH
        {
            return found;
        }
        let (client, pool) = (front.client.clone(), front.env.pool.clone());
        // In a task of its own: the query must not be dropped halfway when we lose patience.
        let look = front.tasks.spawn(async move {
            let engine = client.pending_migrations().await.ok()?;
            let sync = jobs::pending_migrations(&pool).await.ok()?;
            Some(engine.is_empty() && sync.is_empty())
        });
        let found = match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(Some(true))) => "ok",
            Ok(Ok(Some(false))) => "migrations are pending",
            Ok(_) => "the database cannot be reached",
            Err(_) => "the database did not answer within 1 s",
        };
        *last = Some((Instant::now(), found));
        found
    }
}

pub(crate) fn routes() -> Router<FrontState> {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(ready))
}

/// 200 when this process should be sent work, 503 otherwise; `?verbose` says why.
async fn ready(State(front): State<FrontState>, RawQuery(query): RawQuery) -> Response {
    let serving = if front.is_draining() {
        "draining"
    } else {
        "ok"
    };
    let database = front.readiness.database(&front).await;
    let is_ready = serving == "ok" && database == "ok";
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let verbose =
        query.is_some_and(|query| query.split('&').any(|word| word.starts_with("verbose")));
    let word = if is_ready { "ready" } else { "not ready" };
    if verbose {
        (
            status,
            Json(json!({"status": word, "checks": {"serving": serving, "database": database}})),
        )
            .into_response()
    } else {
        (status, Json(json!({"status": word}))).into_response()
    }
}
