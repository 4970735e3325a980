//! What the remote says of a refused record, without what the record says: messages quote values, names of
//! people among them, beside the names of columns that a person needs. Pure.
//!
//! Only words stay that are plain: what stands in quotes or brackets goes unless it is a name of ours, and so
//! does whatever looks like an address, a number or an id. Then it is cut.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Letters at most.
const LONGEST: usize = 200;
const HIDDEN: &str = "…";

#[derive(Deserialize)]
struct Body {
    error: Said,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    message: String,
    innererror: Option<Inner>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner {
    message: String,
    internalexception: Option<Box<Inner>>,
}

/// The deepest message of the error envelope (sheet section 2), as it came: for our own eyes alone.
pub(super) fn deepest(body: Option<&RawValue>) -> String {
    let body = body.and_then(|raw| serde_json::from_str::<Body>(raw.get()).ok());
    let Some(Body { error }) = body else {
        return String::new();
    };
    let mut found = error.message;
    let mut inner = error.innererror;
    while let Some(one) = inner {
        if !one.message.trim().is_empty() {
            found = one.message;
        }
        inner = one.internalexception.map(|deeper| *deeper);
    }
    found
}

/// The message without values. `names`: the set and the columns that were written, which may stay.
pub(super) fn redacted(message: &str, names: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = message.trim();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '\'' | '"' => Some(first),
            '(' => Some(')'),
            _ => None,
        };
        if let Some(close) = close {
            let inside = &rest[first.len_utf8()..];
            let end = inside.find(close).unwrap_or(inside.len());
            let (inner, behind) = inside.split_at(end);
            out.push(first);
            out.push_str(if is_ours(inner, names) { inner } else { HIDDEN });
            out.push(close);
            rest = behind.strip_prefix(close).unwrap_or(behind);
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '('));
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()).max(first.len_utf8()));
        let begins = matches!(out.trim_end().chars().last(), None | Some('.' | ':'));
        let may_stay = is_plain(word, begins) || is_ours(word.trim_end_matches(END), names);
        out.push_str(if may_stay { word } else { HIDDEN });
        rest = behind;
    }
    let joined = out.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{HIDDEN}", &joined[..end]),
        None => joined,
    }
}

/// A name of ours, or two of them with a dot between: `Lead.OwnerId`.
fn is_ours(inner: &str, names: &[&str]) -> bool {
    let inner = inner.strip_prefix("dbo.").unwrap_or(inner);
    let is_name = |part: &str| names.contains(&part);
    !inner.is_empty() && inner.split('.').all(is_name) || inner.starts_with("Edm.")
}

const END: &[char] = &['.', ',', ':', ';', ')', '!', '?'];

/// A word of a sentence. One that has a capital in the midst of it may be somebody's name.
fn is_plain(word: &str, begins: bool) -> bool {
    let bare = word.trim_end_matches(END);
    let small = |c: char| c.is_ascii_lowercase() || c == '-';
    let mut letters = bare.chars();
    word.trim().is_empty()
        || bare.chars().all(small)
        || bare.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        || begins && letters.next().is_some_and(|c| c.is_ascii_uppercase()) && letters.all(small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ours_stay_and_values_go() {
        let names = ["Lead", "OwnerId", "Email"];
        for (said, left) in [
            (
                "item : Cannot convert the literal 'Canada' to the expected type 'Edm.Guid'.\r\n",
                "item : Cannot convert the literal '…' to the expected type 'Edm.Guid'.",
            ),
            (
                "conflict in column 'Lead.OwnerId', table \"dbo.Lead\". The value is (Ann Bo).",
                "conflict in column 'Lead.OwnerId', table \"dbo.Lead\". The value is (…).",
            ),
            (
                "no ann@example.com or +66812345678 or Zoë",
                "no … or … or …",
            ),
            ("an open 'quote of Ann", "an open '…'"),
            (
                "Violation of PRIMARY KEY by Ann, of OwnerId.",
                "Violation of PRIMARY KEY by … of OwnerId.",
            ),
            ("", ""),
        ] {
            assert_eq!(redacted(said, &names), left);
        }
    }

    #[test]
    fn a_message_is_cut_and_none_can_break_it() {
        let long = redacted(&"word ".repeat(500), &[]);
        assert!(long.chars().count() <= LONGEST + 1);
        for odd in ["''''", "(((", "💥 ' 💥", "\u{0}", "a'b\"c(d"] {
            redacted(odd, &[]);
        }
    }

    #[test]
    fn the_deepest_message_is_found() {
        let body = r#"{"error":{"code":"","message":"An error has occurred.","innererror":{"message":"Outer",
            "internalexception":{"message":"Violation","internalexception":{"message":""}}}}}"#;
        let body = RawValue::from_string(body.to_owned()).unwrap();

        assert_eq!(deepest(Some(&body)), "Violation");
        assert_eq!(deepest(None), "");
    }
}
