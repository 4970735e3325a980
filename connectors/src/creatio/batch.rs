//! `$batch` in its JSON form (sheet section 2): up to 100 looks or writes by one call, each answered for
//! itself. What is not answered, is answered twice or fails in the remote is never taken for a refusal.
//!
//! | reply to a part | a look | a create | an update | a deletion |
//! | --- | --- | --- | --- | --- |
//! | 2xx | Here | Done | Done | Done |
//! | 404, 410 | Missing | Rejected | Missing | Missing |
//! | 409; 400 or 500 that names a duplicate primary key | Unknown | Exists | Rejected | Rejected |
//! | 500 in words of the database: foreign key, truncated, overflow, to be filled in, a reference | Unknown | Rejected | Rejected | Rejected |
//! | 401, 424, 429 | Unknown | Retry | Retry | Retry |
//! | 403, other 4xx | Unknown | Rejected | Rejected | Rejected |
//! | none, two, half; 408, other 5xx, 3xx | Unknown | Unknown | Unknown | Unknown |

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::classify::{drift, failed, json as read_json};
use super::end::end;
use super::record::{ID, Record, decode};
use super::request::{Ask, Call, MEDIA, check_name};
use crate::Error;
use crate::http::Effect;

/// Parts of one batch at most (sheet section 2).
pub const MOST_PARTS: usize = 100;

/// What a look at one id found.
#[derive(Debug)]
pub enum Looked {
    Here(Record),
    /// It is not there, or hidden from us: the remote says the same of both, so it proves nothing alone.
    Missing,
    /// The look failed; nothing is known.
    Unknown(Error),
}

/// One write. `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub struct Write {
    /// The entity set: `Lead`.
    pub set: String,
    /// For a create, chosen by us: a second one then fails instead of making a twin (sheet section 2).
    pub id: Uuid,
    pub verb: Verb,
}

/// What is done to a record. Values go by remote column names, without `Id`. Null empties a column. Decimals and
/// whole numbers beyond 32 bits are texts of their digits, as `IEEE754Compatible` wants them.
#[derive(Clone, PartialEq)]
pub enum Verb {
    Create(Map<String, Value>),
    Update(Map<String, Value>),
    Delete,
}

/// How one write ended.
#[derive(Debug)]
pub enum Written {
    /// It took effect. A create comes with the record as the remote has it, whose id may be another than the
    /// one that was chosen.
    Done(Option<Record>),
    /// The id of a create is taken: by an earlier try of ours, or by a stranger.
    Exists,
    /// What was to be changed or deleted is not there, or hidden from us.
    Missing,
    /// The remote refuses this write as it is. `code` is a status or one word; `message` has no values in it and
    /// some 200 letters at most.
    Rejected { code: String, message: String },
    /// It surely did not take effect, and may be sent again.
    Retry(Error),
    /// It may have taken effect: look before it is sent again.
    Unknown,
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Write")
            .field("set", &self.set)
            .field("id", &self.id)
            .field("verb", &self.verb)
            .finish()
    }
}

impl std::fmt::Debug for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, columns) = match self {
            Self::Create(fields) => ("Create", fields.len()),
            Self::Update(fields) => ("Update", fields.len()),
            Self::Delete => return f.write_str("Delete"),
        };
        f.debug_tuple(word).field(&columns).finish()
    }
}

/// # Errors
/// [`Error::Misconfigured`] for more than [`MOST_PARTS`] ids, or a name that is none.
pub(super) fn looks(ask: &Ask, ids: &[Uuid]) -> Result<Call, Error> {
    let action = format!("look at {} of {}", ids.len(), ask.set);
    check_size(&action, ids.len())?;
    ask.check(&action)?;
    let columns = ask.columns();
    let request = |(nth, id): (usize, &Uuid)| {
        json!({
            "id": nth.to_string(),
            "method": "GET",
            "url": format!("{}({id})?$select={columns}", ask.set),
            "headers": {"Accept": MEDIA},
        })
    };
    let requests: Vec<Value> = ids.iter().enumerate().map(request).collect();
    Ok(call(action, &requests, Effect::Read))
}

/// # Errors
/// [`Error::Misconfigured`] for more than [`MOST_PARTS`] writes, or a name that is none.
pub(super) fn writes(writes: &[Write]) -> Result<Call, Error> {
    let action = format!("write {} records", writes.len());
    check_size(&action, writes.len())?;
    let mut requests = Vec::new();
    for (nth, write) in writes.iter().enumerate() {
        check_name(&action, &write.set)?;
        for name in write.columns() {
            check_name(&action, name)?;
        }
        requests.push(request(nth, write));
    }
    Ok(call(action, &requests, Effect::Write))
}

fn check_size(action: &str, parts: usize) -> Result<(), Error> {
    match parts > MOST_PARTS {
        true => Err(Error::misconfigured(
            action,
            "a batch has at most 100 parts",
        )),
        false => Ok(()),
    }
}

fn call(action: String, requests: &[Value], effect: Effect) -> Call {
    let body = json!({"requests": requests}).to_string();
    Call::batch(action, body.into_bytes(), effect)
}

fn request(nth: usize, write: &Write) -> Value {
    let record = format!("{}({})", write.set, write.id);
    let (method, url, body) = match &write.verb {
        Verb::Create(fields) => {
            let mut body = fields.clone();
            body.insert(ID.to_owned(), Value::from(write.id.to_string()));
            ("POST", write.set.clone(), Some(Value::Object(body)))
        }
        Verb::Update(fields) => ("PATCH", record, Some(Value::Object(fields.clone()))),
        Verb::Delete => ("DELETE", record, None),
    };
    let mut request = json!({
        "id": nth.to_string(),
        "method": method,
        "url": url,
        "headers": {"Accept": MEDIA},
    });
    if let Some(body) = body {
        request["headers"]["Content-Type"] =
            Value::from("application/json; charset=utf-8; IEEE754Compatible=true");
        request["body"] = body;
    }
    request
}

impl Write {
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let fields = match &self.verb {
            Verb::Create(fields) | Verb::Update(fields) => Some(fields),
            Verb::Delete => None,
        };
        fields
            .into_iter()
            .flat_map(|fields| fields.keys().map(String::as_str))
    }
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    responses: Vec<&'a RawValue>,
}

/// The reply to a part.
#[derive(Deserialize)]
pub(super) struct Reply<'a> {
    id: Value,
    pub(super) status: u16,
    #[serde(borrow)]
    pub(super) body: Option<&'a RawValue>,
}

/// The replies by the places of their parts, whatever their order; none where there is not exactly one.
fn replies<'a>(call: &Call, body: &'a [u8], parts: usize) -> Result<Vec<Option<Reply<'a>>>, Error> {
    let bundle: Bundle = read_json(call, body)?;
    let mut found: BTreeMap<usize, Vec<Reply>> = BTreeMap::new();
    for raw in bundle.responses {
        let Ok(reply) = serde_json::from_str::<Reply>(raw.get()) else {
            continue;
        };
        let nth = match &reply.id {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|id| usize::try_from(id).ok()),
        };
        if let Some(nth) = nth {
            found.entry(nth).or_default().push(reply);
        }
    }
    let one = |nth| {
        let mut replies = found.remove(&nth)?;
        replies.pop().filter(|_| replies.is_empty())
    };
    Ok((0..parts).map(one).collect())
}

/// # Errors
/// As for any read whose answer is broken as a whole.
pub(super) fn looked(
    call: &Call,
    body: &[u8],
    ask: &Ask,
    ids: &[Uuid],
) -> Result<Vec<Looked>, Error> {
    let replies = replies(call, body, ids.len())?;
    let looked = ids.iter().zip(replies).map(|(id, reply)| match reply {
        Some(reply) => look(call, &reply, ask, *id),
        None => Looked::Unknown(Error::NoAnswer {
            action: format!("look at {} {id}", ask.set),
            source: None,
        }),
    });
    Ok(looked.collect())
}

fn look(call: &Call, reply: &Reply, ask: &Ask, id: Uuid) -> Looked {
    let action = format!("look at {} {id}", ask.set);
    let unknown = Looked::Unknown;
    match (reply.status, reply.body) {
        (200, Some(body)) => match decode(body, Some(&ask.select)) {
            Ok(record) if record.id == id => Looked::Here(record),
            Ok(_) => unknown(drift(call, "a look gave another record")),
            Err(error) => unknown(drift(call, &error.to_string())),
        },
        (404 | 410, _) => Looked::Missing,
        (400, _) => unknown(drift(call, "the remote does not accept the request (400)")),
        (401, _) => unknown(Error::AuthExpired { action }),
        (403, _) => unknown(Error::Forbidden { action }),
        (429, _) => unknown(Error::Throttled {
            action,
            after: None,
            cost: None,
            available: None,
        }),
        (status, _) => unknown(failed(call, &status.to_string())),
    }
}

/// One end for each write. An answer that is broken as a whole leaves all of them unknown.
pub(super) fn written(call: &Call, body: &[u8], writes: &[Write]) -> Vec<Written> {
    let Ok(replies) = replies(call, body, writes.len()) else {
        return unknown(writes.len());
    };
    let ends = writes
        .iter()
        .zip(replies)
        .map(|(write, reply)| match reply {
            Some(reply) => end(write, &reply),
            None => Written::Unknown,
        });
    ends.collect()
}

/// What is known of so many writes whose answer was lost.
pub(super) fn unknown(writes: usize) -> Vec<Written> {
    std::iter::repeat_with(|| Written::Unknown)
        .take(writes)
        .collect()
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
