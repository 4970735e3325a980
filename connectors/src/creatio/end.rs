//! How a write ended, from the reply to its part (the table in `batch.rs`). Pure.

use super::batch::{Reply, Verb, Write, Written};
use super::message::{deepest, redacted};
use super::record::{ID, decode};
use crate::Error;

pub(super) fn end(write: &Write, reply: &Reply) -> Written {
    let action = || format!("write {} {}", write.set, write.id);
    let is_create = matches!(write.verb, Verb::Create(_));
    match reply.status {
        200..=299 => done(write, reply),
        404 | 410 if !is_create => Written::Missing,
        401 => Written::Retry(Error::AuthExpired { action: action() }),
        // Another part of a group failed, and this one was taken back with it.
        424 => Written::Retry(Error::RemoteFailed {
            action: action(),
            code: "424".to_owned(),
        }),
        429 => Written::Retry(Error::Throttled {
            action: action(),
            after: None,
            cost: None,
            available: None,
        }),
        408 => Written::Unknown,
        status @ 400..=500 => refused(write, status, &deepest(reply.body)),
        _ => Written::Unknown,
    }
}

/// A record that cannot be read was made all the same.
fn done(write: &Write, reply: &Reply) -> Written {
    let made = reply.body.filter(|_| write.verb != Verb::Delete);
    Written::Done(made.and_then(|body| decode(body, None).ok()))
}

/// What the database says when it refuses a statement, which then has no effect. Any other fault of the remote's may
/// come late, from a process that runs on what was saved already (sheet trap 4).
const OF_THE_DATABASE: [(&str, &str); 6] = [
    ("foreign key", "foreign_key"),
    ("reference constraint", "referenced"),
    ("would be truncated", "too_long"),
    ("value too long", "too_long"),
    ("overflow", "out_of_range"),
    ("must be filled in", "required"),
];

fn refused(write: &Write, status: u16, said: &str) -> Written {
    let small = said.to_lowercase();
    let is_duplicate = small.contains("duplicate key");
    let of_the_id = ["primary key", "pkey", "\"pk", "'pk"]
        .iter()
        .any(|word| small.contains(word));
    let is_taken = status == 409 || is_duplicate && of_the_id;
    if is_taken && matches!(write.verb, Verb::Create(_)) {
        return Written::Exists;
    }
    let known = OF_THE_DATABASE
        .iter()
        .find(|(words, _)| small.contains(words));
    let code = match (known, is_duplicate) {
        (Some((_, code)), _) => (*code).to_owned(),
        (None, true) => "duplicate".to_owned(),
        (None, false) if status == 500 => return Written::Unknown,
        (None, false) => status.to_string(),
    };
    let mut names: Vec<&str> = write.columns().collect();
    names.extend([write.set.as_str(), ID]);
    Written::Rejected {
        code,
        message: redacted(said, &names),
    }
}
