//! Answers, and the bodies of errors (sheet section 2).

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::switches::{Switches, Throttle, UnauthorizedBody};
use crate::wire::Note;

/// What a call, or a part of a batch, is answered with.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media: Cow<'static, str>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) note: Option<&'static str>,
}

pub(super) const JSON: &str = "application/json; odata.metadata=minimal";
pub(super) const PLAIN_JSON: &str = "application/json; charset=utf-8";
pub(super) const XML: &str = "application/xml; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    pub(super) fn new(
        status: u16,
        media: impl Into<Cow<'static, str>>,
        body: impl Into<String>,
    ) -> Self {
        Self {
            status,
            media: media.into(),
            headers: Vec::new(),
            body: body.into(),
            note: None,
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, "", String::new())
    }

    /// Not from the service: a server's own page.
    pub(super) fn page(status: u16, note: &'static str) -> Self {
        let reason = StatusCode::from_u16(status).ok();
        let reason = reason.and_then(|status| status.canonical_reason());
        let title = format!("{status} - {}", reason.unwrap_or("Error"));
        let page = format!("<html><head><title>{title}</title></head><body>{title}</body></html>");
        Self::new(status, HTML, page).noted(note)
    }

    pub(super) fn noted(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut reply = Response::new(Body::from(self.body));
        *reply.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !self.media.is_empty()
            && let Ok(media) = HeaderValue::from_str(&self.media)
        {
            reply.headers_mut().insert(CONTENT_TYPE, media);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let name = HeaderName::from_static(name);
                reply.headers_mut().append(name, value);
            }
        }
        if let Some(note) = self.note {
            reply.extensions_mut().insert(Note(note));
        }
        reply
    }
}

/// An error as the service tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) status: u16,
    note: &'static str,
    message: String,
    inner: String,
    /// The message of the exception behind the exception.
    deeper: Option<String>,
}

impl Fault {
    fn new(status: u16, note: &'static str, message: &str, inner: impl Into<String>) -> Self {
        Self {
            status,
            note,
            message: message.to_owned(),
            inner: inner.into(),
            deeper: None,
        }
    }

    /// A body that does not say what its type has.
    pub(super) fn request(inner: impl Into<String>) -> Self {
        Self::new(400, "request", "The request is invalid.", inner)
    }

    /// A value of a body that its type does not take, in the words captured.
    pub(super) fn literal(text: &str, kind: &str) -> Self {
        Self::request(format!(
            "item : Cannot convert the literal '{text}' to the expected type '{kind}'.\r\n"
        ))
    }

    /// A query that does not parse or names what is not there.
    pub(super) fn query(inner: impl Into<String>) -> Self {
        let inner = inner.into();
        let message = format!("The query specified in the URI is not valid. {inner}");
        Self::new(400, "query", &message, inner)
    }

    pub(super) fn unknown(property: &str, type_name: &str) -> Self {
        Self::query(format!(
            "Could not find a property named '{property}' on type '{type_name}'."
        ))
    }

    /// What the database refused while it saved.
    pub(super) fn database(message: impl Into<String>) -> Self {
        let mut fault = Self::new(
            500,
            "database",
            "An error has occurred.",
            "An error has occurred.",
        );
        fault.deeper = Some(message.into());
        fault
    }

    pub(super) fn missing(status: u16) -> Self {
        let message = "The requested resource was not found.";
        Self::new(status, "missing", message, message)
    }

    pub(super) fn forbidden() -> Self {
        let message = "Current user does not have sufficient permissions to run this operation.";
        Self::new(403, "forbidden", message, message)
    }

    pub(super) fn precondition() -> Self {
        let message = "The record has been changed since it was read.";
        Self::new(412, "precondition", message, message)
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn answer(&self, switches: &Switches) -> Answer {
        if self.status >= 500 && !switches.errors_in_envelope {
            return Answer::page(self.status, self.note);
        }
        let mut inner = json!({"message": self.inner, "type": "", "stacktrace": ""});
        if let Some(deeper) = &self.deeper {
            let exception = json!({
                "message": deeper,
                "type": "Terrasoft.Common.DbOperationException",
                "stacktrace": "",
            });
            inner["internalexception"] = exception;
        }
        let body = json!({
            "error": {"code": "", "message": self.message, "innererror": inner},
        });
        Answer::new(self.status, JSON, body.to_string())
            .with("odata-version", "4.0")
            .noted(self.note)
    }
}

pub(super) fn unauthorized(switches: &Switches) -> Answer {
    let answer = match switches.unauthorized_body {
        UnauthorizedBody::Empty => Answer::empty(401).noted("unauthorized"),
        UnauthorizedBody::Html => Answer::page(401, "unauthorized"),
        UnauthorizedBody::Json => {
            let body = json!({"Message": "Authorization has been denied for this request."});
            Answer::new(401, PLAIN_JSON, body.to_string()).noted("unauthorized")
        }
    };
    answer.with("www-authenticate", "Bearer")
}

pub(super) fn throttled(throttle: Throttle) -> Answer {
    let answer = Answer::page(throttle.status, "throttled");
    match throttle.retry_after_s {
        Some(seconds) => answer.with("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// An OAuth error of the identity service.
pub(super) fn oauth(status: u16, error: &'static str) -> Answer {
    Answer::new(status, PLAIN_JSON, json!({"error": error}).to_string()).noted(error)
}

pub(super) fn plain(body: &Value) -> Answer {
    Answer::new(200, PLAIN_JSON, body.to_string())
}
