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

/// The lists of the remotes in another order: a seed's.
pub(super) fn shuffled(body: Bytes, seed: u64) -> Bytes {
    with_records(body, |records| {
        // Knuth's shuffle over his linear congruence: enough to be in no order.
        let mut state = seed;
        for last in (1..records.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let below = last as u64 + 1;
            let other = usize::try_from((state >> 33) % below).unwrap_or(0);
            records.swap(last, other);
        }
    })
}

/// The lists of the remotes with one field of one record another, or without it.
pub(super) fn altered(body: Bytes, at: usize, (pointer, value): (&str, Option<&Value>)) -> Bytes {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    with_records(body, |records| {
        let record = records.get_mut(at);
        let parent = record.and_then(|record| record.pointer_mut(parent));
        let Some(Value::Object(fields)) = parent else {
            return;
        };
        match value {
            Some(value) => fields.insert(name.to_owned(), value.clone()),
            None => fields.remove(name),
        };
    })
}

/// The lists of the remotes with the first half of a surrogate pair in one field of one record.
pub(super) fn halved(body: Bytes, at: usize, pointer: &str) -> Bytes {
    // No text of ours can hold one, so it is written over another that nobody has.
    let place = "\u{e000}half a character\u{e000}";
    let body = altered(body, at, (pointer, Some(&Value::from(place))));
    match std::str::from_utf8(&body) {
        Ok(text) => text.replace(place, "\\ud83d").into(),
        Err(_) => body,
    }
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
