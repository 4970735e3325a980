//! Story: what an answer changes, field by field, as history has it and a dry run tells it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{LINKS, Link, Package, STREAM};
use crate::flow::Bad;
use crate::plan::difference::{Changes, difference};
use crate::store::history::Event;

/// An event of a stream.
pub(super) type Told = (&'static str, Event);

/// Whose listing it is that a profile's packages are in.
pub(super) fn partition(profile_id: Uuid) -> String {
    format!("profile:{profile_id}")
}

/// What becomes of a package that an answer names; none if it stands there so already.
pub(super) fn of_answer(fetched: &Value, stored: Option<&Package>) -> Option<Event> {
    let key = fetched["id"].as_str().unwrap_or_default();
    let before = stored.map(|row| fields(&json!(row)));
    let changes = difference(before.as_ref(), &fields(fetched));
    let is_back = stored.is_some_and(|row| row.missing_since.is_some() || row.gone_at.is_some());
    let event = match stored {
        None => "created",
        Some(_) if is_back => "revived",
        Some(_) if changes.is_empty() => return None,
        Some(_) => "updated",
    };
    Some(event_of(key, event, changes))
}

/// What becomes of a package that an answer does not name.
pub(super) fn of_absent(key: &str, is_gone: bool) -> Event {
    let event = if is_gone { "gone" } else { "missing" };
    event_of(key, event, Changes::new())
}

/// What becomes of a row that cannot be read. A dry run tells it; history, of what is synced, does not.
pub(super) fn of_bad(one: &Bad) -> Event {
    let changes = json!({one.field.as_str(): format!("is not {}", one.expected)});
    let changes = changes.as_object().cloned().unwrap_or_default();
    event_of(&one.quarantine_key(), "quarantined", changes)
}

/// A package, as an event of its stream.
pub(super) fn package(event: Event) -> Told {
    (STREAM, event)
}

/// The profile is another customer than before; none after a profile's end.
pub(super) fn link(profile_id: Uuid, before: Option<&Link>, now: Option<&Link>) -> Told {
    let of = |link: &Link| {
        let fields = json!({
            "customer_id": link.customer_id, "method": link.method, "confidence": link.confidence,
        });
        fields.as_object().cloned().unwrap_or_default()
    };
    let (event, changes) = match now {
        None => ("gone", Changes::new()),
        Some(now) => {
            let event = before.map_or("created", |_| "updated");
            (event, difference(before.map(of).as_ref(), &of(now)))
        }
    };
    (LINKS, event_of(&profile_id.to_string(), event, changes))
}

fn event_of(key: &str, event: &'static str, changes: Changes) -> Event {
    Event {
        key: key.to_owned(),
        event,
        changes,
    }
}

/// The fields that an answer can change, as they are compared.
fn fields(row: &Value) -> Map<String, Value> {
    const NOT_COMPARED: [&str; 4] = ["id", "hash", "missing_since", "gone_at"];
    let all = row.as_object().cloned().unwrap_or_default();
    all.into_iter()
        .filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()))
        .collect()
}
