//! JSON as strangers send it: read once into a value that Postgres can hold, then into the shape a
//! handler wants, with the place of whatever is wrong.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};
use serde_path_to_error::{Path, Segment};

use super::number;
use super::problem::{BAD_JSON, Flaw, Problem};

/// Reads a body. Refused is what [`value`] refuses, and as unacceptable (422) a wrong shape.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        let said = "there is no body: expected a JSON object";
        return Err(Problem::new(BAD_JSON, said));
    }
    let value = value(body)?;
    // serde takes a list for an object, its members in their order: nobody means that.
    if !value.is_object() {
        let said = "the body: expected an object, as {\"name\": value}";
        return Err(Problem::invalid(vec![Flaw::new("", said)]));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let within = pointer(error.path());
        Problem::invalid(vec![flaw(within, error.into_inner().to_string())])
    })
}

/// serde tells of a field that lacks at the place of what lacks it: callers look for the field.
fn flaw(within: String, said: String) -> Flaw {
    let lacking = said.strip_prefix("missing field `");
    match lacking.and_then(|rest| rest.strip_suffix('`')) {
        Some(field) => Flaw {
            code: "missing",
            ..Flaw::new(
                format!("{within}/{}", escaped(field)),
                "expected this field, which is missing",
            )
        },
        None if within.is_empty() => Flaw::new("", format!("the body: {said}")),
        None => Flaw::new(within, said),
    }
}

/// Reads one JSON value.
///
/// Refused as not JSON (400): syntax, more than 128 levels, numbers beyond a double, lone surrogates.
/// Refused as unacceptable (422): NUL in a string, a key given twice, whole numbers beyond 64 bits.
pub(crate) fn value(text: &[u8]) -> Result<Value, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| unreadable(&error))?;
    // What was read as JSON is UTF-8.
    let flaws = str::from_utf8(text).map_or_else(|_| Vec::new(), number::too_large);
    match flaws.is_empty() {
        true => Ok(value),
        false => Err(Problem::invalid(flaws)),
    }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::invalid(vec![Flaw::new("", error.to_string())]),
        _ => Problem::new(BAD_JSON, error.to_string()),
    }
}

fn pointer(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escaped(key))),
        _ => None,
    });
    segments.collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON value in which no object says a key twice and no string holds NUL. serde_json alone keeps
/// the last of two equal keys, so that we and a proxy before us could read different requests.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number beyond a double's range"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom(
                "a string holds the character NUL, which Postgres cannot store",
            ));
        }
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom(
                    "a key holds the character NUL, which Postgres cannot store",
                ));
            }
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key {key:?}")));
            }
            let value = entries.next_value_seed(Strict)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[expect(dead_code, reason = "only its place matters")]
        list: Vec<u8>,
    }

    fn refusal(body: &str) -> Problem {
        read::<Shape>(body.as_bytes()).expect_err("accepted")
    }

    #[test]
    fn the_place_of_a_wrong_value_is_a_json_pointer() {
        assert_eq!(
            refusal(r#"{"list": [1, 2, 256]}"#).flaws[0].pointer,
            "/list/2"
        );
        assert_eq!(refusal(r#"{"list": "x"}"#).flaws[0].pointer, "/list");
    }

    #[test]
    fn what_lacks_is_told_at_its_own_place_and_what_is_wrong_with_all_at_none() {
        let table = [
            (
                "{}",
                "/list",
                "/list: expected this field, which is missing",
            ),
            ("[]", "", "the body: expected an object"),
            ("[[1]]", "", "the body: expected an object"),
            ("7", "", "the body: expected an object"),
            (r#"{"list": [], "lst": 1}"#, "/lst", "/lst: unknown field"),
        ];

        for (body, pointer, detail) in table {
            let problem = refusal(body);

            assert_eq!(problem.flaws[0].pointer, pointer, "{body}");
            assert!(
                problem.detail.starts_with(detail),
                "{body}: {}",
                problem.detail
            );
        }
    }

    #[test]
    fn what_postgres_could_not_hold_or_two_readers_could_read_apart_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let table = [
            (r#"{"list": [1], "list": [2]}"#, 422, "duplicate key"),
            (r#"{"a\u0000": 1}"#, 422, "NUL"),
            (r#"{"list": "\u0000"}"#, 422, "NUL"),
            (r#"{"list": [18446744073709551616]}"#, 422, "as a string"),
            (r#"{"list": [1e999]}"#, 400, "out of range"),
            (r#"{"list": "\ud800"}"#, 400, "hex escape"),
            (&deep, 400, "recursion limit"),
            ("{", 400, "EOF"),
            ("{} {}", 400, "trailing"),
            ("", 400, "there is no body"),
        ];

        for (body, status, word) in table {
            let problem = refusal(body);

            assert_eq!(problem.sort.1, status, "{word}");
            assert!(problem.detail.contains(word), "{word}: {}", problem.detail);
        }
    }
}
