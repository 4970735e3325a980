//! Bodies that are good JSON and yet do not have what was asked for.

use axum::body::Bytes;
use serde_json::Value;

/// The lists of the remotes, without what is in them.
pub(super) fn emptied(body: Bytes) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if json.is_array() {
        json = Value::Array(Vec::new());
    }
    for list in ["/items", "/data/account/soundZones/edges", "/value"] {
        if let Some(list) = json.pointer_mut(list) {
            *list = Value::Array(Vec::new());
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
