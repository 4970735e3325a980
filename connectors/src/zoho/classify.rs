//! Each reply of the sheet, classified. Pure: status, headers and body in, [`Answer`] or [`Error`]
//! out. Errors come with any status, so the body's code goes first.
//!
//! | reply | listing | one item |
//! | --- | --- | --- |
//! | 2xx, code 0 | Ok | Ok |
//! | 401; codes 57, 14, which a missing right gives too | AuthExpired | AuthExpired |
//! | codes 43, 44, 45, 1070; 429; 503 with `Retry-After` | Throttled | Throttled |
//! | codes 4029, 6041: the organisation | Misconfigured | Misconfigured |
//! | code 1002; 404 with a code | Misconfigured | Gone |
//! | code 2006 and others in a 2xx or 4xx | SchemaDrift | Rejected |
//! | 403 | Forbidden | Forbidden |
//! | 408, 5xx; no JSON, or half of it | Retry | Retry |
//! | JSON of another shape | SchemaDrift | SchemaDrift |
//! | 3xx, other 4xx without a code | Misconfigured | Misconfigured |

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::http::{LONGEST_WAIT, RawReply, retry_after};

/// One call, as far as its reply's meaning depends on it.
#[derive(Debug)]
pub(super) struct Call {
    /// What is attempted and with which id, for errors and logs.
    pub(super) action: String,
    /// The one item that is asked for.
    pub(super) item: Option<String>,
}

/// The members of a good answer that we read.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    code: Option<i64>,
    #[serde(borrow)]
    pub(super) items: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) organizations: Option<Vec<&'a RawValue>>,
    pub(super) page_context: Option<Context>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Context {
    pub(super) page: Option<u64>,
    pub(super) per_page: Option<u64>,
    pub(super) has_more_page: Option<bool>,
}

/// How the vendor's minute is blocked: for the rest of it (sheet section 4).
const MINUTE: Duration = Duration::from_secs(60);
/// Other calls of the organisation are still in process.
const IN_PROCESS: Duration = Duration::from_secs(5);

pub(super) fn classify<'a>(call: &Call, reply: &'a RawReply) -> Result<Answer<'a>, Error> {
    let action = || call.action.clone();
    let status = reply.status.as_u16();
    let code = serde_json::from_slice::<Code>(&reply.body).ok();
    let code = code.and_then(|body| body.code).filter(|code| *code != 0);
    match (code, status) {
        (Some(43..=45 | 1070), _) | (_, 429) => Err(throttled(call, reply, code)),
        (_, 503) if reply.headers.contains_key(RETRY_AFTER) => Err(throttled(call, reply, code)),
        (_, 408 | 500..=599) => Err(failed(call, reply.status.as_str())),
        (Some(57 | 14), _) | (_, 401) => Err(Error::AuthExpired { action: action() }),
        (Some(4029 | 6041), _) => {
            let reason = "the organization_id is not one of this grant";
            Err(Error::misconfigured(&call.action, reason))
        }
        (_, 403) => Err(Error::Forbidden { action: action() }),
        (Some(code), _) => Err(by_code(call, code, status)),
        (None, 200..=299) => good(call, reply),
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

#[derive(Deserialize)]
struct Code {
    code: Option<i64>,
}

fn good<'a>(call: &Call, reply: &'a RawReply) -> Result<Answer<'a>, Error> {
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|error| {
        // The error itself is dropped: it quotes the body.
        let is_page = reply.body.trim_ascii_start().starts_with(b"<");
        if is_page {
            failed(call, "an answer that is not JSON")
        } else if error.is_data() {
            drift(call, "the answer has another shape")
        } else {
            Error::NoAnswer {
                action: call.action.clone(),
                source: None,
            }
        }
    })?;
    match answer.code {
        Some(0) => Ok(answer),
        _ => Err(drift(call, "the answer has no code")),
    }
}

fn by_code(call: &Call, code: i64, status: u16) -> Error {
    let action = call.action.clone();
    match (&call.item, code) {
        (Some(_), 1002) => Error::Gone { action },
        (Some(_), 2006) if status == 404 => Error::Gone { action },
        // A wrong address has codes of its own with this status. To read it as an item that is gone would
        // mark every item that is asked for.
        (_, _) if status == 404 => Error::misconfigured(&action, "the address knows no such thing"),
        (Some(id), _) => Error::Rejected {
            action,
            record: Some(id.clone()),
            code: code.to_string(),
            fields: Vec::new(),
        },
        (None, 1002) => Error::misconfigured(&action, "the address knows no such list"),
        (None, _) => {
            let reason = format!("the remote does not accept the request (code {code})");
            drift(call, &reason)
        }
    }
}

fn throttled(call: &Call, reply: &RawReply, code: Option<i64>) -> Error {
    let usual = match code {
        // Measured for 43; 45 lasts until the organisation's day is over, which it does not say.
        Some(43 | 45) => LONGEST_WAIT,
        Some(1070) => IN_PROCESS,
        _ => MINUTE,
    };
    Error::Throttled {
        action: call.action.clone(),
        after: Some(retry_after(reply).unwrap_or(usual)),
        cost: None,
        available: None,
    }
}

fn failed(call: &Call, code: &str) -> Error {
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
