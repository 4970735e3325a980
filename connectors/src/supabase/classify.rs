//! Each reply of the sheet, classified. Pure: status, headers and body in, [`Rows`] or [`Error`] out.
//! All calls read, so none has an unknown end.
//!
//! | reply | verdict |
//! | --- | --- |
//! | 200, 206 with a JSON array | Ok |
//! | 401 from the gateway; PGRST301, 302, 303, 304: the key | AuthRevoked |
//! | 42501 whatever the status; other 403 | Forbidden |
//! | PGRST202, 205, 204, 200, 42P01, 42883, 42703: a name the schema does not know | SchemaDrift |
//! | PGRST106: the schema is not exposed | Misconfigured |
//! | PGRST103, 416 | PageInvalid |
//! | 22P02, 22007 with a cursor | PageInvalid |
//! | P0001, 22…, 23…: the function or a constraint says no to this record | Rejected |
//! | 429; 503 with `Retry-After` | Throttled |
//! | 408, 5xx, 40…, 53…, 57…, 08…; no JSON, or half of it | Retry |
//! | another code; JSON of another shape | SchemaDrift |
//! | 3xx, other 4xx without a code | Misconfigured |

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::Call;
use super::walk::Range;
use crate::Error;
use crate::http::{RawReply, retry_after};

/// The rows of a good answer, and which part of all they are.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) rows: Vec<&'a RawValue>,
    pub(super) range: Range,
}

#[derive(Deserialize)]
struct Fault {
    code: Option<String>,
}

/// The gateway names no figure for its limits, so neither wait is the vendor's.
const BLIND_WAIT: Duration = Duration::from_secs(10);

pub(super) fn classify<'a>(call: &Call, reply: &'a RawReply) -> Result<Rows<'a>, Error> {
    let status = reply.status.as_u16();
    let code = serde_json::from_slice::<Fault>(&reply.body).ok();
    let code = code.and_then(|fault| fault.code);
    if status == 429 || status == 503 && reply.headers.contains_key(RETRY_AFTER) {
        return Err(Error::Throttled {
            action: call.action.clone(),
            after: Some(retry_after(reply).unwrap_or(BLIND_WAIT)),
            cost: None,
            available: None,
        });
    }
    match (code.as_deref(), status) {
        (_, 408 | 500..=599) => Err(failed(call, reply.status.as_str())),
        (Some(code), _) => Err(by_code(call, code, status)),
        (None, 200..=299) => good(call, reply),
        (None, 401) => Err(Error::AuthRevoked {
            action: call.action.clone(),
        }),
        (None, 403) => Err(Error::Forbidden {
            action: call.action.clone(),
        }),
        (None, 416) => Err(page_invalid(call, "the range is not there")),
        (None, 300..=399) => Err(Error::misconfigured(
            &call.action,
            "the address answers with a redirect",
        )),
        (None, other) => Err(Error::misconfigured(
            &call.action,
            &format!("the address answers with {other}"),
        )),
    }
}

fn good<'a>(call: &Call, reply: &'a RawReply) -> Result<Rows<'a>, Error> {
    let rows = serde_json::from_slice(&reply.body).map_err(|error| {
        // The error itself is dropped: it quotes the body.
        if reply.body.trim_ascii_start().starts_with(b"<") {
            failed(call, "an answer that is not JSON")
        } else if error.is_data() {
            drift(call, "the answer is no list of rows")
        } else {
            Error::NoAnswer {
                action: call.action.clone(),
                source: None,
            }
        }
    })?;
    let range = reply.headers.get("content-range");
    let range = range.and_then(|value| value.to_str().ok());
    Ok(Rows {
        rows,
        range: range.map(Range::read).unwrap_or_default(),
    })
}

fn by_code(call: &Call, code: &str, status: u16) -> Error {
    let action = call.action.clone();
    match code {
        "PGRST301" | "PGRST302" | "PGRST303" | "PGRST304" => Error::AuthRevoked { action },
        "42501" => Error::Forbidden { action },
        "PGRST106" => Error::misconfigured(&action, "the schema is not exposed"),
        "PGRST103" => page_invalid(call, "the range is not there"),
        "PGRST200" | "PGRST202" | "PGRST204" | "PGRST205" | "42P01" | "42883" | "42703" => {
            // A migration needs the cache to be reloaded before the API knows of it (sheet trap 9).
            let reason = format!("the remote does not know a name that we use ({code})");
            drift(call, &reason)
        }
        _ if starts(code, &["40", "53", "57", "08"]) || code.starts_with("PGRST00") => {
            failed(call, known(code))
        }
        "22P02" | "22007" if call.has_cursor => page_invalid(call, "the cursor is no key"),
        _ if code == "P0001" || starts(code, &["22", "23"]) => Error::Rejected {
            action,
            record: call.record.clone(),
            code: known(code).to_owned(),
            fields: Vec::new(),
        },
        _ if status == 401 => Error::AuthRevoked { action },
        _ if status == 403 => Error::Forbidden { action },
        _ => {
            let reason = format!("the remote does not accept the request ({})", known(code));
            drift(call, &reason)
        }
    }
}

/// A code, unless the remote put something else in its place.
fn known(code: &str) -> &str {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_code = match code.strip_prefix("PGRST") {
        Some(number) => number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()),
        None => code.len() == 5 && code.bytes().all(upper),
    };
    if is_code { code } else { "an unknown code" }
}

fn starts(code: &str, classes: &[&str]) -> bool {
    // Postgres's own codes have five characters; PostgREST's begin with its name.
    code.len() == 5 && classes.iter().any(|class| code.starts_with(class))
}

fn page_invalid(call: &Call, reason: &'static str) -> Error {
    Error::PageInvalid {
        action: call.action.clone(),
        reason,
    }
}

fn failed(call: &Call, code: &str) -> Error {
    Error::RemoteFailed {
        action: call.action.clone(),
        code: code.to_owned(),
    }
}

fn drift(call: &Call, reason: &str) -> Error {
    Error::SchemaDrift {
        action: call.action.clone(),
        reason: reason.to_owned(),
    }
}
