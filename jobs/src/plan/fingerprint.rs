//! Fingerprint: a hash by which an unchanged record is known.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Raised when the mapping from the raw answer to our columns changes: every row is then written
/// once more by the next walk.
const MAPPING: u8 = 1;

/// The SHA-256 of a record in one canonical form: keys sorted, no blanks.
pub(crate) fn fingerprint(raw: &Value) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update([MAPPING]);
    feed(&mut digest, raw);
    digest.finalize().to_vec()
}

/// Keys are sorted here: serde_json keeps the order of the answer when any crate of the build
/// asks for that, and vendors do not promise one.
fn feed(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            digest.update(b"{");
            for key in keys {
                digest.update(Value::from(key.as_str()).to_string());
                digest.update(b":");
                feed(digest, &fields[key.as_str()]);
                digest.update(b",");
            }
            digest.update(b"}");
        }
        Value::Array(values) => {
            digest.update(b"[");
            for value in values {
                feed(digest, value);
                digest.update(b",");
            }
            digest.update(b"]");
        }
        leaf => digest.update(leaf.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u8> {
        fingerprint(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn only_the_content_counts() {
        let base = of(r#"{"a": 1, "b": {"c": [1, 2], "d": null}}"#);

        assert_eq!(of(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#), base);
        for other in [
            r#"{"a": 1, "b": {"c": [2, 1], "d": null}}"#,
            r#"{"a": 1, "b": {"c": [1, 2]}}"#,
            r#"{"a": "1", "b": {"c": [1, 2], "d": null}}"#,
            r#"{"a": 1, "b": {"c": [[1], 2], "d": null}}"#,
        ] {
            assert_ne!(of(other), base, "{other}");
        }
    }
}
