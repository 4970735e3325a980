//! Difference: which fields of a record are others than what is stored, from what to what.

use serde_json::{Map, Value, json};

/// `{"price": ["6", "7"]}`.
pub(crate) type Changes = Map<String, Value>;

/// Longer texts are cut in a difference: it is for people, and the row has the whole.
const LONGEST: usize = 500;

/// The fields that differ. A field that the record does not name is not touched, and is none of them.
pub(crate) fn difference(
    stored: Option<&Map<String, Value>>,
    fetched: &Map<String, Value>,
) -> Changes {
    let mut changes = Changes::new();
    for (name, now) in fetched {
        let before = stored.and_then(|row| row.get(name)).unwrap_or(&Value::Null);
        if before != now {
            changes.insert(name.clone(), json!([cut(before), cut(now)]));
        }
    }
    changes
}

pub(crate) fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            let mut short: String = text.chars().take(LONGEST).collect();
            short.push('…');
            Value::String(short)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_named_fields_that_differ_are_told() {
        let stored = of(&json!({"price": "6", "stock": "4", "sku": null}));
        let fetched = of(&json!({"price": "7", "sku": null, "name": "Bag"}));

        let changes = difference(Some(&stored), &fetched);

        assert_eq!(
            Value::Object(changes),
            json!({"price": ["6", "7"], "name": [null, "Bag"]})
        );
    }

    #[test]
    fn zero_is_not_nothing() {
        let stored = of(&json!({"price": null}));

        let changes = difference(Some(&stored), &of(&json!({"price": "0"})));

        assert_eq!(Value::Object(changes), json!({"price": [null, "0"]}));
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "x".repeat(2_000);

        let changes = difference(None, &of(&json!({"description": long})));

        assert_eq!(
            changes["description"][1].as_str().unwrap().chars().count(),
            501
        );
    }
}
