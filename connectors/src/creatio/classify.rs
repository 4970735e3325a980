//! Each reply of the sheet, classified. Pure.
//!
//! | reply | a read | a batch of writes |
//! | --- | --- | --- |
//! | 2xx | Ok | Ok |
//! | 401, whatever its body | AuthExpired | AuthExpired |
//! | 403 | Forbidden | Forbidden |
//! | 429 | Throttled | Throttled |
//! | 503 with `Retry-After` | Throttled | Unknown, and the budget waits |
//! | 408, 5xx | Retry | Unknown |
//! | 500 that names `MaxEntityRowCount` | Misconfigured | Unknown |
//! | 400 | SchemaDrift | SchemaDrift |
//! | 3xx, other 4xx | Misconfigured | Misconfigured |
//! | a good status without JSON, or half of it | Retry | Unknown |
//! | JSON of another shape | SchemaDrift | Unknown |

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::Call;
use crate::Error;
use crate::http::{Effect, RawReply, retry_after};

/// The vendor documents no limit, so the wait is ours (sheet section 2).
const BLIND_WAIT: Duration = Duration::from_secs(10);

/// The members of a listing that we read.
#[derive(Debug, Deserialize)]
pub(super) struct Rows<'a> {
    #[serde(borrow)]
    pub(super) value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.count", default, deserialize_with = "lenient")]
    pub(super) count: Option<u64>,
    /// Its address is not followed: a walk goes by key.
    #[serde(rename = "@odata.nextLink", borrow)]
    pub(super) link: Option<&'a RawValue>,
}

/// With `IEEE754Compatible` a count may come as a text.
fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    })
}

/// What the status alone says.
pub(super) fn classify(call: &Call, reply: &RawReply) -> Result<(), Error> {
    let action = || call.action.clone();
    let status = reply.status.as_u16();
    let writes = call.effect == Effect::Write;
    match status {
        200..=299 => Ok(()),
        401 => Err(Error::AuthExpired { action: action() }),
        403 => Err(Error::Forbidden { action: action() }),
        429 => Err(throttled(call, reply)),
        // A gateway says so of a server that went away half way through, too.
        408 | 500..=599 if writes => Err(Error::UnknownOutcome {
            action: action(),
            source: Some(Box::new(failed(call, reply.status.as_str()))),
        }),
        503 if pause(reply).is_some() => Err(throttled(call, reply)),
        500 if names(reply, "MaxEntityRowCount") => Err(Error::misconfigured(
            &call.action,
            "page_size is over the site's MaxEntityRowCount",
        )),
        408 | 500..=599 => Err(failed(call, reply.status.as_str())),
        400 => Err(drift(call, "the remote does not accept the request (400)")),
        300..=399 => Err(Error::misconfigured(
            &call.action,
            "the address answers with a redirect",
        )),
        other => Err(Error::misconfigured(
            &call.action,
            &format!("the address answers with {other}"),
        )),
    }
}

/// The wait before any other call that a site under load asks for, whatever became of this one.
pub(super) fn pause(reply: &RawReply) -> Option<Duration> {
    let asks = reply.status.as_u16() == 503 && reply.headers.contains_key(RETRY_AFTER);
    asks.then(|| retry_after(reply).unwrap_or(BLIND_WAIT))
}

pub(super) fn rows<'a>(call: &Call, reply: &'a RawReply) -> Result<Rows<'a>, Error> {
    json(call, &reply.body)
}

/// A good answer's JSON; the fault's own words are dropped, for they quote the body.
pub(super) fn json<'a, T: Deserialize<'a>>(call: &Call, body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        if body.trim_ascii_start().starts_with(b"<") {
            failed(call, "an answer that is not JSON")
        } else if !error.is_data() {
            Error::NoAnswer {
                action: call.action.clone(),
                source: None,
            }
        } else if serde_json::from_slice::<Fault>(body).is_ok() {
            failed(call, "an error in a good status")
        } else {
            drift(call, "the answer has another shape")
        }
    })
}

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "error")]
    _error: serde::de::IgnoredAny,
}

fn names(reply: &RawReply, word: &str) -> bool {
    let body = &reply.body[..reply.body.len().min(10_000)];
    String::from_utf8_lossy(body).contains(word)
}

fn throttled(call: &Call, reply: &RawReply) -> Error {
    Error::Throttled {
        action: call.action.clone(),
        after: Some(retry_after(reply).unwrap_or(BLIND_WAIT)),
        cost: None,
        available: None,
    }
}

pub(super) fn failed(call: &Call, code: &str) -> Error {
    Error::RemoteFailed {
        action: call.action.clone(),
        code: code.to_owned(),
    }
}

pub(super) fn drift(call: &Call, reason: &str) -> Error {
    Error::SchemaDrift {
        action: call.action.clone(),
        reason: reason.to_owned(),
    }
}
