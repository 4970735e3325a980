//! The vendor's reply bodies and headers, as recorded from the live API.

use async_graphql::{PathSegment, Response as Executed, ServerError, Value as GraphqlValue};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::stats::Outcome;
use super::switches::{InvalidDocument, OverLimit, Switches, UnauthenticatedBody};

pub(super) const COST: HeaderName = HeaderName::from_static("x-ratelimiting-cost");
pub(super) const AVAILABLE: HeaderName = HeaderName::from_static("x-ratelimiting-tokens-available");

/// A reply before it meets the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) outcome: Outcome,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a GraphqlValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
}

impl Reply {
    fn new(status: StatusCode, body: Vec<u8>, outcome: Outcome) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
            outcome,
        }
    }

    fn json(status: StatusCode, body: &Value, outcome: Outcome) -> Self {
        Self::new(status, body.to_string().into_bytes(), outcome)
    }
}

/// HTTP 401.
pub(super) fn unauthenticated(switches: &Switches, outcome: Outcome) -> Reply {
    let body = match switches.unauthenticated_body {
        UnauthenticatedBody::Errors => json!({"errors": [
            {"message": "Unauthenticated", "extensions": {"code": "UNAUTHENTICATED"}}
        ]})
        .to_string(),
        UnauthenticatedBody::Text => "Unauthenticated".to_owned(),
        UnauthenticatedBody::Empty => String::new(),
    };
    Reply::new(StatusCode::UNAUTHORIZED, body.into_bytes(), outcome)
}

/// A document that does not parse or does not fit: no data, no path and no code.
pub(super) fn invalid(switches: &Switches, messages: &[String]) -> Reply {
    let status = match switches.invalid_document {
        InvalidDocument::Http200 => StatusCode::OK,
        InvalidDocument::Http400 => StatusCode::BAD_REQUEST,
    };
    let errors: Vec<Value> = messages
        .iter()
        .map(|text| json!({"message": text}))
        .collect();
    Reply::json(status, &json!({"errors": errors}), Outcome::Invalid)
}

/// A request that is not GraphQL over HTTP at all, whatever the switches say.
pub(super) fn unreadable(status: StatusCode, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"errors": [{"message": message}]}),
        Outcome::Invalid,
    )
}

/// Refused for its cost, in the words that the customers' clients parse.
pub(super) fn over_limit(switches: &Switches, cost: u64, available: u64, wait: u64) -> Reply {
    let message = format!(
        "You have been rate limited: this operation costs {cost} tokens and you only have \
         {available} available"
    );
    let status = match switches.over_limit {
        OverLimit::Errors => StatusCode::OK,
        OverLimit::Http429 | OverLimit::Http429RetryAfter => StatusCode::TOO_MANY_REQUESTS,
    };
    let body = json!({"data": null, "errors": [{"message": message}]});
    let mut reply = Reply::json(status, &body, Outcome::RateLimited);
    if switches.over_limit == OverLimit::Http429RetryAfter {
        reply.headers.insert(RETRY_AFTER, HeaderValue::from(wait));
    }
    reply
}

/// The fault "errors and no data".
pub(super) fn null_data(message: &str) -> Reply {
    let body = json!({"data": null, "errors": [{"message": message}]});
    Reply::json(StatusCode::OK, &body, Outcome::Faulted)
}

/// A gateway's page: not JSON, and not from the GraphQL server.
pub(super) fn gateway(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = format!("<html><body><h1>{status}</h1></body></html>");
    Reply::new(status, body.into_bytes(), Outcome::Faulted)
}

/// What the schema made of a document.
pub(super) fn executed(switches: &Switches, is_mutation: bool, executed: &Executed) -> Reply {
    // Only an error found before running has no path: the schema gives all others theirs.
    if executed.errors.iter().any(|error| error.path.is_empty()) {
        let messages: Vec<String> = executed.errors.iter().map(vendors_words).collect();
        return invalid(switches, &messages);
    }
    // A mutation whose input failed was recorded without `data`, and one not found with it.
    let bare = is_mutation
        && executed
            .errors
            .iter()
            .any(|error| has_code(error, "BAD_USER_INPUT"));
    let body = Body {
        data: (!bare).then_some(&executed.data),
        errors: executed.errors.iter().map(wire_error).collect(),
    };
    // Serialising plain maps, lists and strings into memory has no way to fail.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    Reply::new(StatusCode::OK, body, outcome_of(&executed.errors))
}

fn outcome_of(errors: &[ServerError]) -> Outcome {
    if errors.is_empty() {
        Outcome::Served
    } else if errors.iter().any(|error| error.message == "Forbidden") {
        Outcome::Forbidden
    } else {
        Outcome::Partial
    }
}

fn wire_error(error: &ServerError) -> Value {
    let mut wire = json!({"message": error.message, "path": path(&error.path)});
    if let Some(extensions) = &error.extensions {
        wire["extensions"] = json!(extensions);
    }
    // The vendor's sample of `Forbidden` has a location, always in column 0; the recorded others
    // have none.
    if error.message == "Forbidden"
        && let Some(location) = error.locations.first()
    {
        wire["locations"] = json!([{"line": location.line, "column": 0}]);
    }
    wire
}

fn path(segments: &[PathSegment]) -> Vec<Value> {
    let segments = segments.iter().map(|segment| match segment {
        PathSegment::Field(name) => json!(name),
        PathSegment::Index(index) => json!(index),
    });
    segments.collect()
}

fn has_code(error: &ServerError, code: &str) -> bool {
    let value = error
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("code"));
    matches!(value, Some(GraphqlValue::String(found)) if found == code)
}

/// Our library says `Unknown field "f" on type "T".`; the vendor was recorded saying it otherwise.
fn vendors_words(error: &ServerError) -> String {
    let parts: Vec<&str> = error.message.split('"').collect();
    match parts[..] {
        ["Unknown field ", field, " on type ", on, ..] => {
            format!("Field '{field}' does not exist on type '{on}'.")
        }
        _ => error.message.clone(),
    }
}
