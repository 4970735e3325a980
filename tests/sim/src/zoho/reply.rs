//! The vendor's reply bodies.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::wire::Note;

/// A reply with its status and JSON.
pub(super) fn body(status: u16, text: String) -> Response {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = HeaderValue::from_static("application/json;charset=UTF-8");
    reply.headers_mut().insert(CONTENT_TYPE, media);
    reply
}

pub(super) fn refused(status: u16, why: &'static str, text: &Value) -> Response {
    let mut reply = body(status, text.to_string());
    reply.extensions_mut().insert(Note(why));
    reply
}

pub(super) fn error(status: u16, why: &'static str, code: u32, message: &str) -> Response {
    refused(status, why, &json!({"code": code, "message": message}))
}

pub(super) fn unauthorized(code: u16) -> Response {
    let message = match code {
        14 => "Invalid value passed for authtoken.",
        _ => "You are not authorized to perform this operation",
    };
    error(401, "unauthorized", u32::from(code), message)
}

pub(super) fn over_minute() -> Response {
    error(
        429,
        "minute",
        44,
        "For security reasons your organization has been blocked as it have exceeded the maximum \
         number of requests per minute that can originate from an organization.",
    )
}

pub(super) fn blocked(seconds: u64) -> Response {
    let message = "For security reasons your organization has been blocked for some time.";
    let mut reply = error(429, "blocked", 43, message);
    reply
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

pub(super) fn over_day(limit: usize) -> Response {
    let message = format!(
        "The API call for this organization has exceeded the maximum call rate limit of {limit}."
    );
    error(429, "day", 45, &message)
}

pub(super) fn in_process(status: u16) -> Response {
    let message = "You have reached the maximum number of in process requests allowed. Kindly try \
                   again after some time.";
    error(status, "in_process", 1070, message)
}

/// What the wrong host gives: HTML, and not JSON.
pub(super) fn wrong_host() -> Response {
    let mut reply = body(404, "<html><body>Page not found</body></html>".to_owned());
    let html = HeaderValue::from_static("text/html");
    reply.headers_mut().insert(CONTENT_TYPE, html);
    reply.extensions_mut().insert(Note("wrong_host"));
    reply
}
