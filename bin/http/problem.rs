//! Errors as RFC 9457 problem details. A [`Problem`] is made anywhere and written once, by
//! [`super::finish`], which knows the request's id and path.

mod of_error;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::kept;

/// One sort of problem: its code, status, title, and what helps.
#[derive(Debug)]
pub(crate) struct Sort(
    pub(crate) &'static str,
    pub(crate) u16,
    &'static str,
    &'static str,
);

macro_rules! sorts {
    ($($name:ident = $code:literal $status:literal $title:literal $help:literal;)*) => {
        $(pub(crate) const $name: &Sort = &Sort($code, $status, $title, $help);)*
        const SORTS: &[&Sort] = &[$($name),*];
    };
}

sorts! {
    BAD_JSON = "bad_json" 400 "The body is not JSON" "Send one JSON value, at most 128 levels deep, numbers within a double's range.";
    BAD_PARAMETER = "bad_parameter" 400 "A path or query parameter cannot be read" "Compare the parameters with /api/v1/openapi.json.";
    BAD_FILTER = "bad_filter" 400 "The filter cannot be read" "The entries of `errors` say where and what; the language is in docs/filter.md.";
    TOO_BROAD = "too_broad" 422 "The list would take too long" "Narrow the filter as the detail says.";
    BAD_HEADER = "bad_header" 400 "A header cannot be read" "Compare the header with /api/v1/openapi.json.";
    BAD_CURSOR = "bad_cursor" 400 "The cursor is not one of ours" "Take the cursor from page.next or the Link header, unchanged.";
    CURSOR_MISMATCH = "cursor_mismatch" 400 "The cursor belongs to another list or filter" "Keep the filter while you turn pages, or start again without a cursor.";
    BAD_REQUEST = "bad_request" 400 "The request cannot be read" "Compare the request with /api/v1/openapi.json.";
    UNAUTHENTICATED = "unauthenticated" 401 "A valid token is needed" "Send `Authorization: Bearer lockstep_…`; make one with `lockstep token create`.";
    FORBIDDEN = "forbidden" 403 "The token may not do this" "Use a token with the scope named in the detail.";
    NOT_FOUND = "not_found" 404 "There is no such thing" "Check its name; it may have been deleted or pruned.";
    NO_ROUTE = "no_route" 404 "There is nothing at this path" "The paths are in /api/v1/openapi.json.";
    METHOD_NOT_ALLOWED = "method_not_allowed" 405 "The path does not know this method" "The Allow header names the methods it knows.";
    REQUEST_TIMEOUT = "request_timeout" 408 "The request took too long to arrive" "Send it again.";
    CONFLICT = "conflict" 409 "The change does not fit the present state" "Read the thing again and decide anew.";
    WRONG_STATE = "wrong_state" 409 "The job's state does not allow this" "Read the job; retry is for dead, cancelled and waiting-for-their-time jobs, run-again for any.";
    UNIQUE_KEY_TAKEN = "unique_key_taken" 409 "Another live job holds the unique key" "Wait for the job named in `related`, or cancel it.";
    TOO_LARGE = "too_large" 413 "The body is too large" "Split it, or keep large data in a table and pass its key.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type" 415 "The body must be JSON" "Send `Content-Type: application/json`.";
    INVALID = "invalid" 422 "The request cannot be accepted as it is" "The entries of `errors` say where and what.";
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch" 422 "The idempotency key was used for another request" "Use a fresh key for a new request; repeat a request unchanged.";
    RATE_LIMITED = "rate_limited" 429 "Too many requests" "Try again after the time in Retry-After; RateLimit tells where you stand.";
    INTERNAL = "internal" 500 "Something of ours failed" "Look for the request id in the log.";
    UNAVAILABLE = "unavailable" 503 "The database is away" "Try again after the time in Retry-After.";
    REMOTE = "remote" 502 "The remote did not answer as it should" "Try the connection: lockstep connection test.";
    OVERLOADED = "overloaded" 503 "Too many requests are in work" "Try again after the time in Retry-After.";
    TIMED_OUT = "timed_out" 504 "The answer took too long" "A change may still take effect: look before you send it again.";
}

/// What is wrong at one place of a request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Flaw {
    /// JSON pointer into the body, or the parameter's name.
    pub(crate) pointer: String,
    /// A stable word.
    pub(crate) code: &'static str,
    /// What is wrong and what is expected.
    pub(crate) message: String,
}

impl Flaw {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Flaw {
        Flaw {
            pointer: pointer.into(),
            code: "invalid",
            message: message.into(),
        }
    }
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) sort: &'static Sort,
    pub(crate) detail: String,
    pub(crate) flaws: Vec<Flaw>,
    /// A path of the thing in the way.
    related: Option<Box<str>>,
    /// For the log alone: the causes of a fault of ours.
    pub(crate) causes: Option<Box<str>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The error answer, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// A stable address of this sort of problem, served by us.
    r#type: String,
    /// The sort in words.
    title: &'a str,
    status: u16,
    /// What happened to this request.
    detail: &'a str,
    /// The path asked for.
    instance: &'a str,
    /// The sort, for programs.
    code: &'a str,
    /// Look for it in the log.
    request_id: &'a str,
    /// True when the same request may succeed later.
    retryable: bool,
    /// What helps.
    hint: &'a str,
    /// The places that are wrong.
    #[serde(skip_serializing_if = "<[Flaw]>::is_empty")]
    errors: &'a [Flaw],
    /// The path of the thing in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    related: Option<&'a str>,
}

impl Problem {
    pub(crate) fn new(sort: &'static Sort, detail: impl Into<String>) -> Problem {
        Problem {
            sort,
            detail: detail.into(),
            flaws: Vec::new(),
            related: None,
            causes: None,
            headers: Vec::new(),
        }
    }

    /// A body or parameter that reads well and cannot be accepted.
    pub(crate) fn invalid(flaws: Vec<Flaw>) -> Problem {
        let first = flaws.first().map_or_else(String::new, |flaw| {
            format!("{}: {}", flaw.pointer, flaw.message)
        });
        let detail = match flaws.len() {
            0 | 1 => first.trim_start_matches(": ").to_owned(),
            n => format!("{first} (and {} more)", n - 1),
        };
        Problem {
            flaws,
            ..Problem::new(INVALID, detail)
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// Tells the caller when to come back.
    pub(crate) fn retry_after(self, seconds: u32) -> Problem {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Keeps for the log what the caller need not know.
    pub(crate) fn because(mut self, causes: impl Into<Box<str>>) -> Problem {
        self.causes = Some(causes.into());
        self
    }

    fn related(mut self, job: Uuid) -> Problem {
        self.related = Some(format!("{}/jobs/{job}", super::BASE).into());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.sort.1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The sort for an error that a framework made, by its status.
    pub(crate) fn of_status(status: StatusCode) -> Problem {
        let by_status = SORTS.iter().find(|sort| sort.1 == status.as_u16());
        let sort = match status.as_u16() {
            400 => BAD_REQUEST,
            404 => NO_ROUTE,
            409 => CONFLICT,
            n if n >= 500 => by_status.copied().unwrap_or(INTERNAL),
            _ => by_status.copied().unwrap_or(BAD_REQUEST),
        };
        Problem::new(sort, sort.2)
    }

    /// Written out, for one request.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> Response {
        let &Sort(code, status, title, hint) = self.sort;
        let body = ProblemBody {
            r#type: format!("/problems/{code}"),
            title,
            status,
            detail: &self.detail,
            instance,
            code,
            request_id,
            retryable: matches!(status, 408 | 429 | 503 | 504),
            hint,
            errors: &self.flaws,
            related: self.related.as_deref(),
        };
        let mut response = match kept::body(instance, status, code) {
            Some(known) => (self.status(), axum::Json(known)).into_response(),
            None => {
                let kind = HeaderValue::from_static("application/problem+json");
                (self.status(), [(CONTENT_TYPE, kind)], axum::Json(body)).into_response()
            }
        };
        let headers = response.headers_mut();
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some((_, allow)) = self.headers.iter().find(|(name, _)| *name == ALLOW) {
            response.headers_mut().insert(ALLOW, allow.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with its causes, outermost first.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> Box<str> {
    engine::Failure::from_error("", error).message.into()
}

/// `/problems/{code}`: what the `type` of a problem leads to.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/problems/{code}", get(explain))
}

async fn explain(Path(code): Path<String>) -> Result<String, Problem> {
    let Some(Sort(code, status, title, help)) = SORTS.iter().find(|sort| sort.0 == code) else {
        return Err(Problem::new(
            NOT_FOUND,
            format!("no problem is called {code:?}"),
        ));
    };
    Ok(format!("{code} ({status})\n\n{title}.\n{help}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_has_a_code_of_its_own() {
        let mut codes: Vec<_> = SORTS.iter().map(|sort| sort.0).collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();

        assert_eq!(codes.len(), all);
    }

    #[test]
    fn an_error_of_a_framework_gets_the_sort_of_its_status() {
        let table = [
            (404, "no_route"),
            (405, "method_not_allowed"),
            (413, "too_large"),
            (418, "bad_request"),
            (501, "internal"),
        ];

        for (status, code) in table {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Problem::of_status(status).sort.0, code);
        }
    }
}
