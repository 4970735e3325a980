//! The OpenAPI document: made from the handlers, served, and read by the guard.

use std::sync::LazyLock;

use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{FrontState, api};

/// The parts that no single handler knows.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lockstep",
        description = "A durable sync engine: every sync is a persisted job in Postgres.\n\nErrors are `application/problem+json` (RFC 9457), except on the two zone sync paths, which keep the bodies of the system they replace, and where a sync asked for on the two package paths was not done. Tokens are sent as `Authorization: Bearer lockstep_…`; each operation names the scope it asks for.\n\nEach token, and each address without one, may ask so many times a minute: `RateLimit-Policy` and `RateLimit` tell where you stand, and 429 comes with `Retry-After`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(super::problem::ProblemBody<'static>)),
    tags(
        (name = "jobs", description = "Enqueue, read and act on jobs."),
        (name = "dead letters", description = "Jobs given up for good, kept for people."),
        (name = "operations", description = "Queues, kinds, partitions, schedules, budgets, breakers, workers, alerts, audit."),
        (name = "connections", description = "Remote accounts, their credentials and the keys that seal them."),
        (name = "companies", description = "Companies, their zones, and syncs."),
        (name = "syncs", description = "Products, profiles and their packages, why records are as they are, and what syncs leave to people."),
        (name = "crm", description = "Contacts, leads and activities that are synced with Creatio both ways, conflicts and what meetings teach."),
        (name = "tokens", description = "API tokens."),
        (name = "health", description = "For orchestrators and tools; no token is needed."),
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
    document.merge(super::health::routes().into_openapi());
    document.merge(routes().into_openapi());
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

pub(super) fn routes() -> OpenApiRouter<FrontState> {
    OpenApiRouter::new().nest(super::BASE, OpenApiRouter::new().routes(routes!(serve)))
}

/// Describes the API: this document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", operation_id = "document_show",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
async fn serve() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
