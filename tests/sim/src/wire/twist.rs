//! Bodies that are good JSON and yet do not have what was asked for.

use axum::body::Bytes;
use serde_json::Value;

/// The lists of the remotes, without what is in them.
pub(super) fn emptied(body: Bytes) -> Bytes {
    with_records(body, Vec::clear)
}

/// The lists of the remotes, from their end to their beginning.
pub(super) fn reversed(body: Bytes) -> Bytes {
    with_records(body, |records| records.reverse())
}

fn with_records(body: Bytes, change: impl Fn(&mut Vec<Value>)) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    // The root is a list itself at some remotes.
    for list in ["", "/items", "/data/account/soundZones/edges", "/value"] {
        if let Some(Value::Array(records)) = json.pointer_mut(list) {
            change(records);
        }
    }
    json.to_string().into()
}

/// The replies of a batch, without those after the first `keep`.
pub(super) fn shortened(body: Bytes, keep: usize) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if let Some(Value::Array(replies)) = json.get_mut("responses") {
        replies.truncate(keep);
    }
    json.to_string().into()
}
