//! The OpenAPI document: made from the handlers, served, and read by the guard.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};

use super::{FrontState, api};

/// The parts that no single handler knows.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lockstep",
        description = "A durable sync engine: every sync is a persisted job in Postgres.\n\nErrors are `application/problem+json` (RFC 9457), except on the two zone sync paths, which keep the bodies of the system they replace. Tokens are sent as `Authorization: Bearer lockstep_…`; each operation names the scope it asks for.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(super::problem::ProblemBody<'static>)),
    tags(
        (name = "jobs", description = "Enqueue, read and act on jobs."),
        (name = "dead letters", description = "Jobs given up for good, kept for people."),
        (name = "operations", description = "Queues, kinds, schedules, budgets, breakers, workers, alerts, audit."),
        (name = "companies", description = "Companies, their zones, and syncs."),
        (name = "tokens", description = "API tokens."),
    )
)]
pub(super) struct Head;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    // The document holds strings and numbers only, so it can always be written.
    serde_json::to_string_pretty(&document()).unwrap_or_default()
});

/// The document of all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = api::routes(&super::FrontOptions::default()).into_openapi();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".to_owned(), problem().into());
        }
    }
    document
}

/// What every operation answers when it does not do what it was asked.
fn problem() -> Response {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new().description("What went wrong, and what helps");
    response.content("application/problem+json", body).build()
}

/// The bearer scheme that the operations' `security` refers to as `token`.
pub(super) fn with_scheme(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let bearer = SecurityScheme::Http(
        Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("lockstep")
            .build(),
    );
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .insert("token".to_owned(), bearer.into());
    document
}

pub(super) fn routes() -> Router<FrontState> {
    let serve = || async { ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()) };
    Router::new().route(&format!("{}/openapi.json", super::BASE), get(serve))
}
