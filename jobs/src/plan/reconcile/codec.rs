//! Codec: the form of a field's value on either side.
//!
//! Local forms: text, whole numbers, decimals as text without zeros that mean nothing, true and false, instants
//! as RFC 3339 in UTC, names of lookups. Nothing is null on both sides: Creatio's empty text, zero guid
//! and year 1 are read as null.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Side;

const ZERO_GUID: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Codec {
    /// Characters that the remote takes at most.
    Text {
        most: Option<usize>,
    },
    /// The same, and what is longer is cut off on the way there. It loses something, so only what this side owns
    /// may have it.
    Cut {
        most: Option<usize>,
    },
    /// Compared and stored in lower case, without blanks around it.
    Email,
    /// Digits, with a leading plus where there is one.
    Phone,
    Whole,
    /// A decimal text here, a number there.
    Decimal,
    Flag,
    Instant,
    Lookup(Arc<Lookup>),
}

/// Names of a lookup and their ids, both ways.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lookup {
    ids: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
}

impl Lookup {
    /// Of names and ids. Of two of one name none is taken: which is meant cannot be told.
    pub(crate) fn of(rows: impl IntoIterator<Item = (String, String)>) -> Lookup {
        let (mut ids, mut twice) = (BTreeMap::new(), Vec::new());
        let mut names = BTreeMap::new();
        for (name, id) in rows {
            if ids.insert(name.to_lowercase(), id.clone()).is_some() {
                twice.push(name.to_lowercase());
            }
            names.insert(id.to_lowercase(), name);
        }
        for name in twice {
            ids.remove(&name);
        }
        Lookup { ids, names }
    }
}

impl Codec {
    /// A value as its side gave it, in the one form in which it is compared.
    ///
    /// # Errors
    /// What is wrong with the value, without the value.
    pub(crate) fn canonical(&self, side: Side, value: &Value) -> Result<Value, String> {
        if is_nothing(value) {
            return Ok(Value::Null);
        }
        match self {
            Codec::Text { .. } | Codec::Cut { .. } => Ok(json!(text(value)?)),
            Codec::Email => Ok(nothing_or(text(value)?.trim().to_lowercase())),
            Codec::Phone => Ok(nothing_or(digits(text(value)?))),
            Codec::Whole => Ok(json!(whole(value)?)),
            Codec::Decimal => Ok(json!(decimal(value)?.normalize().to_string())),
            Codec::Flag => Ok(json!(value.as_bool().ok_or("expected true or false")?)),
            Codec::Instant => instant(text(value)?),
            Codec::Lookup(_) => Ok(match side {
                Side::Local => json!(text(value)?.trim()),
                Side::Remote => json!(text(value)?.to_lowercase()),
            }),
        }
    }

    /// The canonical value of a side in the canonical form of the other.
    ///
    /// # Errors
    /// Why it has no counterpart there, in words that do not repeat it.
    pub(crate) fn carry(&self, from: Side, value: &Value) -> Result<Value, String> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        match (self, from) {
            (Codec::Text { most: Some(most) }, Side::Local) => {
                let length = text(value)?.chars().count();
                if length > *most {
                    return Err(format!(
                        "{length} characters, where the remote takes {most}"
                    ));
                }
                Ok(value.clone())
            }
            (Codec::Cut { most: Some(most) }, Side::Local) => {
                let short: String = text(value)?.chars().take(*most).collect();
                Ok(json!(short))
            }
            (Codec::Lookup(lookup), Side::Local) => {
                let id = lookup.ids.get(&text(value)?.to_lowercase());
                Ok(json!(id.ok_or("the remote's lookup has no such name")?))
            }
            (Codec::Lookup(lookup), Side::Remote) => {
                let name = lookup.names.get(text(value)?);
                Ok(json!(name.ok_or("the lookup has no such id")?))
            }
            _ => self.canonical(from.other(), value),
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            text.is_empty() || text == ZERO_GUID || text.starts_with("0001-01-01T")
        }
        _ => false,
    }
}

fn nothing_or(text: String) -> Value {
    match text.as_str() {
        "" => Value::Null,
        _ => Value::String(text),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "expected text".to_owned())
}

fn digits(text: &str) -> String {
    let plus = text.trim_start().starts_with('+').then_some('+');
    let digits = text.chars().filter(char::is_ascii_digit);
    plus.into_iter().chain(digits).collect()
}

fn whole(value: &Value) -> Result<i64, String> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    number.ok_or_else(|| "expected a whole number".to_owned())
}

fn decimal(value: &Value) -> Result<Decimal, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err("expected a number".into()),
    };
    let exact = text.parse().or_else(|_| Decimal::from_scientific(&text));
    exact.map_err(|_| "expected a number of at most 28 digits".to_owned())
}

/// Fractions of a second beyond micros are more than either side keeps.
fn instant(text: &str) -> Result<Value, String> {
    let at: Timestamp = text
        .parse()
        .map_err(|_| "expected an instant as 2026-09-01T07:00:00Z".to_owned())?;
    let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    Ok(json!(at.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_has_one_form() {
        let table = [
            (Codec::Text { most: None }, json!(""), Value::Null),
            (
                Codec::Email,
                json!(" Ann@Inn.example "),
                json!("ann@inn.example"),
            ),
            (Codec::Email, json!("  "), Value::Null),
            (Codec::Phone, json!("+66 2-123 4567"), json!("+6621234567")),
            (Codec::Decimal, json!("12.50"), json!("12.5")),
            (Codec::Decimal, json!(12.50), json!("12.5")),
            (Codec::Decimal, json!(0), json!("0")),
            (Codec::Decimal, json!("1e3"), json!("1000")),
            (Codec::Whole, json!("7"), json!(7)),
            (
                Codec::Instant,
                json!("2026-09-01T14:00:00+07:00"),
                json!("2026-09-01T07:00:00Z"),
            ),
            (Codec::Instant, json!("0001-01-01T00:00:00Z"), Value::Null),
            (Codec::Lookup(Arc::default()), json!(ZERO_GUID), Value::Null),
        ];
        for (codec, raw, expected) in table {
            let canonical = codec.canonical(Side::Remote, &raw);

            assert_eq!(canonical, Ok(expected), "{codec:?} {raw}");
        }
    }

    #[test]
    fn what_cannot_be_carried_says_why_and_not_what_it_is() {
        let lookup = Lookup::of([
            ("New".to_owned(), "A1".to_owned()),
            ("Twin".to_owned(), "B1".to_owned()),
            ("twin".to_owned(), "B2".to_owned()),
        ]);
        let lookup = Codec::Lookup(Arc::new(lookup));
        let short = Codec::Text { most: Some(3) };

        assert_eq!(lookup.carry(Side::Local, &json!("new")), Ok(json!("A1")));
        assert_eq!(lookup.carry(Side::Remote, &json!("a1")), Ok(json!("New")));
        for (codec, from, value) in [
            (&lookup, Side::Local, json!("Old")),
            (&lookup, Side::Local, json!("Twin")),
            (&lookup, Side::Remote, json!("c1")),
            (&short, Side::Local, json!("secret")),
            (&Codec::Whole, Side::Local, json!("secret")),
        ] {
            let error = codec.carry(from, &value).unwrap_err();
            assert!(!error.contains(value.as_str().unwrap()), "{error}");
        }
        assert_eq!(short.carry(Side::Local, &json!("ทดส")), Ok(json!("ทดส")));
        assert_eq!(
            short.carry(Side::Remote, &json!("longer")),
            Ok(json!("longer"))
        );
    }

    #[test]
    fn the_form_of_a_form_is_itself() {
        let values = [
            "",
            "A b",
            " +66 2 ",
            "7",
            "7.10",
            "2026-09-01T14:00:00.1234567+07:00",
        ];
        for codec in [
            Codec::Email,
            Codec::Phone,
            Codec::Whole,
            Codec::Decimal,
            Codec::Instant,
        ] {
            for value in values {
                let Ok(once) = codec.canonical(Side::Local, &json!(value)) else {
                    continue;
                };
                let twice = codec.canonical(Side::Local, &once);
                let across = codec.carry(Side::Local, &once);
                assert_eq!(twice.as_ref(), Ok(&once), "{codec:?}");
                assert_eq!(across, twice, "{codec:?}");
            }
        }
    }
}
