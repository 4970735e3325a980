//! The outermost layer: a request's id, every error as a problem, the headers of every answer, and
//! one log line.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use super::problem::{BAD_PARAMETER, NO_ROUTE, Problem};
use super::rate::Standing;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request in work.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Set on every answer unless its handler chose otherwise. The API is for programs: nothing of it
/// may be framed, sniffed, cached or run.
static HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Wraps every request.
pub(crate) async fn finish(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|route| route.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request.id = %id);
    async move {
        let response = match holds_nul(&request) {
            true => axum::response::IntoResponse::into_response(Problem::new(
                BAD_PARAMETER,
                "the path or query holds the character NUL",
            )),
            false => next.run(request).await,
        };
        let standing = response.extensions().get::<Standing>().cloned();
        let mut response = as_problem(response, &path, &id);
        dress(response.headers_mut(), &id);
        response
            .headers_mut()
            .extend(standing.iter().flat_map(Standing::headers));
        note(&method, route.as_deref(), &response, started.elapsed());
        response
    }
    .instrument(span)
    .await
}

/// For paths that no router knows.
pub(crate) async fn nothing_here() -> Problem {
    Problem::new(NO_ROUTE, "there is nothing at this path")
}

/// The caller's id when it can stand in a log line, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b))
    };
    given
        .filter(plain)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Postgres text cannot hold NUL, whichever parameter it would end in.
fn holds_nul(request: &Request) -> bool {
    request
        .uri()
        .path_and_query()
        .is_some_and(|target| target.as_str().contains("%00"))
}

fn as_problem(response: Response, path: &str, id: &str) -> Response {
    if let Some(problem) = response.extensions().get::<Problem>() {
        if let Some(causes) = &problem.causes {
            tracing::error!(request.id = %id, "could not answer {path}: {causes}");
        }
        return problem.render(path, id);
    }
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut problem = Problem::of_status(status);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem = problem.with_header(header::ALLOW, allow.clone());
    }
    problem.render(path, id)
}

fn dress(headers: &mut HeaderMap, id: &str) {
    for (name, value) in &HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The route and not the path goes into the metric: paths hold ids, and labels must stay few.
fn note(method: &Method, route: Option<&str>, response: &Response, took: Duration) {
    let status = response.status().as_u16();
    let route = route.unwrap_or("none");
    metrics::histogram!(
        "http_server_request_duration_seconds",
        "method" => method.as_str().to_owned(), "route" => route.to_owned(), "status" => status.to_string()
    )
    .record(took.as_secs_f64());
    let took_ms = took.as_secs_f64() * 1000.0;
    if route.starts_with(super::BASE) {
        tracing::info!(http.method = %method, http.route = route, http.status = status, took_ms, "answered {method} {route} with {status}");
    } else {
        tracing::debug!(http.method = %method, http.route = route, http.status = status, took_ms, "answered {method} {route} with {status}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for bad in ["", "a b", "a\tb", "<script>", &"x".repeat(129)] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(bad).expect("a header"));

            assert_ne!(request_id(&headers), bad);
        }
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static("abc-1.2:3"))]);
        assert_eq!(request_id(&headers), "abc-1.2:3");
    }
}
