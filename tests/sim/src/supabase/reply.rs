//! The bodies of errors, and the statuses that go with their codes (sheet section 4).

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::wire::Note;

/// An error as PostgREST tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    code: &'static str,
    message: String,
    details: Value,
    hint: Value,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Value::Null,
            hint: Value::Null,
        }
    }

    pub(super) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Value::from(details.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Value::from(hint.into());
        self
    }

    /// A literal that its type does not take.
    pub(super) fn syntax(kind: &str, text: &str) -> Self {
        let code = match kind {
            "date" | "timestamp with time zone" => "22007",
            _ => "22P02",
        };
        Self::new(
            code,
            format!("invalid input syntax for type {kind}: \"{text}\""),
        )
    }

    /// A filter that does not parse.
    pub(super) fn unparsed(what: &str, text: &str) -> Self {
        Self::new(
            "PGRST100",
            format!("\"failed to parse {what} ({text})\" (line 1, column 1)"),
        )
        .details("unexpected input")
    }

    fn status(&self) -> u16 {
        match self.code {
            "23505" | "23503" => 409,
            "42501" => 403,
            "42P01" | "42883" | "PGRST202" | "PGRST205" => 404,
            "PGRST103" => 416,
            "PGRST106" | "PGRST107" | "PGRST116" => 406,
            "PGRST301" | "PGRST303" => 401,
            "PGRST105" => 405,
            // As the sheet has it: a row touched twice by one upsert is a server error, while a
            // change of a whole table that safeupdate blocks is the client's.
            "21000" if self.message.contains("second time") => 500,
            _ => 400,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let status = self.status();
        self.with_status(status)
    }

    pub(super) fn with_status(self, status: u16) -> Response {
        let body = json!({
            "code": self.code,
            "details": self.details,
            "hint": self.hint,
            "message": self.message,
        });
        let mut reply = body_of(status, body.to_string());
        reply.extensions_mut().insert(Note(self.code));
        if matches!(self.code, "PGRST301" | "PGRST303") {
            let text = format!(
                "Bearer error=\"invalid_token\", error_description=\"{}\"",
                self.message
            );
            if let Ok(value) = HeaderValue::from_str(&text) {
                reply.headers_mut().insert(WWW_AUTHENTICATE, value);
            }
        }
        reply
    }
}

pub(super) fn body_of(status: u16, text: String) -> Response {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = HeaderValue::from_static("application/json; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, media);
    reply
}

/// The gateway's own 401, which has no code.
pub(super) fn gateway(message: &str, hint: &str) -> Response {
    let mut reply = body_of(401, json!({"message": message, "hint": hint}).to_string());
    reply.extensions_mut().insert(Note("gateway"));
    reply
}
