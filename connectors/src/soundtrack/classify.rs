//! Each reply of the sheet, classified. Pure: status, headers and body in, [`Reply`] or
//! [`Error`] out.
//!
//! | reply | read | write |
//! | --- | --- | --- |
//! | 200, data, no errors | Ok | Ok |
//! | 200, only `NOT_FOUND` errors at a zone's `location` | OkPartial | – |
//! | 200 or 4xx, "rate limited", "costs N … have M available"; 429 | Throttled | Throttled |
//! | 503 with `Retry-After` | Throttled | Unknown |
//! | 401; code `UNAUTHENTICATED` (a Basic token cannot be refreshed) | AuthRevoked | AuthRevoked |
//! | 403; `Forbidden`; code `UNAUTHORIZED` | Forbidden | Forbidden |
//! | `NOT_FOUND` at the root field | Gone | Rejected: a zone that cannot be controlled says so too |
//! | `BAD_USER_INPUT` on the cursor | PageInvalid | – |
//! | `BAD_USER_INPUT` otherwise | Misconfigured | Rejected |
//! | an error without path or code that finds fault with the document | SchemaDrift | SchemaDrift |
//! | any other error, 408, 5xx; broken JSON | Retry | Unknown |
//! | no data, or data of another shape | SchemaDrift | Unknown |
//! | 3xx, other 4xx | Misconfigured | Misconfigured |

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::query::Call;
use super::throttle::{throttled_by_status, throttled_by_text};
use crate::Error;
use crate::http::{Effect, RawReply};

/// The data of a good answer.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    /// The value of `data`; never null.
    pub(super) data: &'a RawValue,
    /// Errors that the contract allows beside good data.
    pub(super) partial: u32,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    errors: Option<Vec<GraphError>>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Option<Vec<Value>>,
    #[serde(default)]
    extensions: Value,
}

pub(super) fn classify<'a>(call: &Call, reply: &'a RawReply) -> Result<Reply<'a>, Error> {
    let action = || call.action.clone();
    match reply.status.as_u16() {
        200..=299 => classify_body(call, reply),
        401 => Err(Error::AuthRevoked { action: action() }),
        429 => Err(errors_of(reply)
            .iter()
            .find_map(|error| throttled_by_text(call, &error.message, error.code(), reply))
            .unwrap_or_else(|| throttled_by_status(call, reply))),
        503 if call.effect == Effect::Read && reply.headers.contains_key(RETRY_AFTER) => {
            Err(throttled_by_status(call, reply))
        }
        500..=599 | 408 => Err(unsure(call, remote_failed(call, reply.status.as_str()))),
        300..=399 => Err(Error::misconfigured(
            &call.action,
            "the address answers with a redirect",
        )),
        _ => {
            Err(worst(call, &errors_of(reply), reply)
                .unwrap_or_else(|| by_status(call, reply.status)))
        }
    }
}

/// An answer to a write that tells neither that it worked nor that it did not.
pub(super) fn unsure(call: &Call, error: Error) -> Error {
    match call.effect {
        Effect::Read => error,
        Effect::Write => Error::UnknownOutcome {
            action: call.action.clone(),
            source: Some(Box::new(error)),
        },
    }
}

pub(super) fn drift(call: &Call, reason: &str) -> Error {
    Error::SchemaDrift {
        action: call.action.clone(),
        reason: reason.to_owned(),
    }
}

fn classify_body<'a>(call: &Call, reply: &'a RawReply) -> Result<Reply<'a>, Error> {
    let envelope: Envelope = serde_json::from_slice(&reply.body).map_err(|error| {
        // The error itself is dropped: it quotes the body.
        let fault = if error.is_data() {
            drift(call, "the answer is not a GraphQL answer")
        } else {
            Error::NoAnswer {
                action: call.action.clone(),
                source: None,
            }
        };
        unsure(call, fault)
    })?;
    let errors = envelope.errors.unwrap_or_default();
    let (allowed, faults): (Vec<_>, Vec<_>) = errors
        .into_iter()
        .partition(|error| call.effect == Effect::Read && error.is_allowed());
    if let Some(error) = worst(call, &faults, reply) {
        return Err(error);
    }
    match envelope.data.filter(|data| data.get() != "null") {
        Some(data) => Ok(Reply {
            data,
            partial: u32::try_from(allowed.len()).unwrap_or(u32::MAX),
        }),
        None => Err(unsure(call, drift(call, "the answer has no data"))),
    }
}

fn errors_of(reply: &RawReply) -> Vec<GraphError> {
    let envelope = serde_json::from_slice::<Envelope>(&reply.body).ok();
    envelope
        .and_then(|envelope| envelope.errors)
        .unwrap_or_default()
}

/// The error that decides when there are several: first what stops every call, then what may
/// pass, and last `Gone`, since only an answer that says nothing else proves an absence.
fn worst(call: &Call, errors: &[GraphError], reply: &RawReply) -> Option<Error> {
    let rank = |error: &Error| match error {
        Error::Throttled { .. } => 0,
        Error::AuthRevoked { .. } => 1,
        Error::RemoteFailed { .. } | Error::UnknownOutcome { .. } => 2,
        Error::SchemaDrift { .. } => 3,
        Error::Forbidden { .. } => 4,
        Error::Misconfigured { .. } => 5,
        Error::PageInvalid { .. } => 6,
        Error::Rejected { .. } => 7,
        _ => 8,
    };
    errors
        .iter()
        .map(|error| fault(call, error, reply))
        .min_by_key(rank)
}

fn fault(call: &Call, error: &GraphError, reply: &RawReply) -> Error {
    let action = call.action.clone();
    if let Some(throttled) = throttled_by_text(call, &error.message, error.code(), reply) {
        return throttled;
    }
    let message = error.message.to_lowercase();
    match (error.code(), error.path.as_deref().unwrap_or_default()) {
        ("UNAUTHENTICATED", _) => Error::AuthRevoked { action },
        ("FORBIDDEN" | "UNAUTHORIZED", _) => Error::Forbidden { action },
        ("NOT_FOUND", [_]) if call.effect == Effect::Read => Error::Gone { action },
        ("NOT_FOUND", _) if call.effect == Effect::Write => rejected(call, error),
        ("BAD_USER_INPUT", _) if call.effect == Effect::Write => rejected(call, error),
        ("BAD_USER_INPUT" | "", _) if error.is_about_cursor(call) => Error::PageInvalid {
            action,
            reason: "the cursor is not accepted",
        },
        ("BAD_USER_INPUT", _) => {
            let fields = error.fields().join(", ");
            Error::misconfigured(
                &action,
                &format!("the remote does not accept input ({fields})"),
            )
        }
        ("", _) if message == "forbidden" => Error::Forbidden { action },
        ("", _) if message == "unauthenticated" => Error::AuthRevoked { action },
        ("" | "GRAPHQL_VALIDATION_FAILED" | "GRAPHQL_PARSE_FAILED", [])
            if finds_fault_with_document(&message) =>
        {
            drift(call, &unknown_words(call, &error.message))
        }
        ("", _) => unsure(call, remote_failed(call, "an unnamed error")),
        (code, _) => unsure(call, remote_failed(call, code)),
    }
}

impl GraphError {
    /// Partial success that the vendor's own app accepts: a zone without a location (section 5).
    fn is_allowed(&self) -> bool {
        let last = self.path.as_ref().and_then(|path| path.last());
        self.code() == "NOT_FOUND" && last.and_then(Value::as_str) == Some("location")
    }

    /// Empty if there is none, or if what is there is not a code but text.
    fn code(&self) -> &str {
        let code = self
            .extensions
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if is_name(code) { code } else { "" }
    }

    /// Only if a cursor was sent: how the vendor refuses one is not recorded, so both the field's
    /// name and the word in the message count.
    fn is_about_cursor(&self, call: &Call) -> bool {
        let named = self
            .fields()
            .iter()
            .any(|field| field == "after" || field == "cursor");
        let said = self.code().is_empty() && self.message.to_lowercase().contains("cursor");
        call.cursor().is_some() && (named || said)
    }

    /// The names of the input fields that did not pass, without what is wrong with each: that
    /// can quote the value.
    fn fields(&self) -> Vec<String> {
        let errors = self.extensions.pointer("/exception/validationErrors");
        let names = errors
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|map| map.keys());
        names
            .filter(|name| is_name(name))
            .take(5)
            .cloned()
            .collect()
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn rejected(call: &Call, error: &GraphError) -> Error {
    Error::Rejected {
        action: call.action.clone(),
        record: call.record.clone(),
        code: error.code().to_owned(),
        fields: error.fields(),
    }
}

fn remote_failed(call: &Call, code: &str) -> Error {
    Error::RemoteFailed {
        action: call.action.clone(),
        code: code.to_owned(),
    }
}

fn by_status(call: &Call, status: StatusCode) -> Error {
    match status.as_u16() {
        403 => Error::Forbidden {
            action: call.action.clone(),
        },
        400 | 422 => drift(call, "the remote does not accept the request"),
        other => Error::misconfigured(&call.action, &format!("the address answers with {other}")),
    }
}

/// Validation errors have neither path nor code, and no fixed text; these are words that the
/// recorded ones and the GraphQL specification use.
fn finds_fault_with_document(message: &str) -> bool {
    let words = [
        "does not exist",
        "unknown",
        "syntax",
        "variable",
        "argument",
        "field '",
        "field \"",
        "cannot query",
    ];
    words.iter().any(|word| message.contains(word))
}

/// Only words of our own document pass into an error, so that the remote cannot put anything
/// there that we did not write ourselves.
fn unknown_words(call: &Call, message: &str) -> String {
    let separator = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let ours: Vec<&str> = call
        .document
        .split(separator)
        .filter(|word| !word.is_empty())
        .collect();
    let quoted = message
        .split(['\'', '"'])
        .skip(1)
        .step_by(2)
        .filter(|word| ours.contains(word));
    let names: Vec<&str> = quoted.take(3).collect();
    if names.is_empty() {
        "the remote does not accept the document".to_owned()
    } else {
        format!(
            "the remote does not accept {} in the document",
            names.join(" of ")
        )
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
