//! Health, for orchestrators and load balancers: no token, tiny, and never more than one look at the
//! database a second, however many ask.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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

pub(crate) fn routes() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .route("/healthz", get(ready))
}

/// Whether this process should be sent work.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// ready, or not ready.
    status: &'static str,
    /// What was looked at, with `?verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

/// What was looked at: `ok`, or what is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Checks {
    /// Whether this process goes on serving: ok, or draining.
    serving: &'static str,
    /// Whether the database answers and is migrated.
    database: &'static str,
}

/// Says that the process lives.
///
/// Looks at nothing else: a database that is away is no reason to kill the process.
#[utoipa::path(
    get, path = "/livez", tag = "health", operation_id = "health_live",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain"))
)]
async fn live() -> &'static str {
    "ok\n"
}

/// Says whether this process should be sent work; `/healthz` says the same.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "health_ready",
    params(("verbose" = Option<String>, Query, description = "Say what was looked at; it needs no value")),
    responses(
        (status = 200, description = "Send it work", body = Health),
        (status = 503, description = "It drains, or the database is away or not migrated", body = Health),
    )
)]
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
    let health = Health {
        status: if is_ready { "ready" } else { "not ready" },
        checks: verbose.then_some(Checks { serving, database }),
    };
    (status, Json(health)).into_response()
}
