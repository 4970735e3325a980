//! The fingerprint of a failure: which dead letters have one cause. A pure rule with a version. It
//! guarantees the same answer in every process and release of that version; which letters exist and
//! how many is the group service's business.

use std::fmt::Write;

/// Of the rule below. Another rule has another number, and so other fingerprints.
pub const FINGERPRINT_VERSION: i16 = 1;

/// Characters of a message that are looked at: causes stand at its start.
const LOOKED_AT: usize = 1_000;
/// A quotation longer than this is more likely an apostrophe.
const LONGEST_QUOTE: usize = 200;

/// The fingerprint of a failure, 16 hex digits: FNV-1a over version, kind, code and masked message.
pub fn fingerprint(kind: &str, code: Option<&str>, message: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let version = FINGERPRINT_VERSION.to_string();
    for part in [&version, kind, code.unwrap_or_default(), &mask(message)] {
        // The end of a part is a byte that no text has.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// A message without what differs from letter to letter: ids, numbers, hex, quoted text, addresses
/// and the variable parts of URLs. Numbers of three digits after `status`, `http` or `code` stay: 401
/// and 500 are two causes. Masking twice changes nothing.
pub fn mask(message: &str) -> String {
    let text: String = message.chars().take(LOOKED_AT).collect();
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut before = String::new();
    while let Some(c) = rest.chars().next() {
        if let Some(length) = quotation(rest, masked.chars().last()) {
            masked.push_str("<text>");
            rest = rest.get(length..).unwrap_or_default();
        } else if c == '<' && known_mask(rest).is_some() {
            let length = known_mask(rest).unwrap_or(1);
            masked.push_str(rest.get(..length).unwrap_or_default());
            rest = rest.get(length..).unwrap_or_default();
        } else if rest.starts_with("http://") || rest.starts_with("https://") {
            let length = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ')' | ','))
                .unwrap_or(rest.len());
            let (url, behind) = rest.split_at(length);
            push_url(&mut masked, url);
            rest = behind;
        } else if is_word(c) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(length);
            push_word(&mut masked, word, &before);
            before = word.to_ascii_lowercase();
            rest = behind;
        } else {
            let is_space = c.is_whitespace();
            if !is_space || !masked.ends_with(' ') {
                masked.push(if is_space { ' ' } else { c });
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    masked.trim().to_owned()
}

const MASKS: [&str; 6] = ["<text>", "<id>", "<hex>", "<n>", "<mail>", "<query>"];

fn known_mask(rest: &str) -> Option<usize> {
    MASKS
        .iter()
        .find(|mask| rest.starts_with(**mask))
        .map(|mask| mask.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '+')
}

/// The length of a quotation that begins here, with both quotes.
fn quotation(rest: &str, before: Option<char>) -> Option<usize> {
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    // The apostrophe of "don't" quotes nothing.
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let inside = rest.get(quote.len_utf8()..)?;
    let end = inside.find(quote)?;
    (end <= LONGEST_QUOTE).then_some(end + 2)
}

fn push_word(masked: &mut String, word: &str, before: &str) {
    let all = |wanted: fn(char) -> bool| word.chars().all(wanted);
    let is_status = word.len() == 3
        && all(|c| c.is_ascii_digit())
        && matches!(before, "status" | "http" | "code");
    let is_hex =
        word.len() >= 8 && all(|c| c.is_ascii_hexdigit()) && word.chars().any(char::is_alphabetic);
    if word.contains('@') {
        masked.push_str("<mail>");
    } else if is_status || !word.chars().any(|c| c.is_ascii_digit()) {
        masked.push_str(word);
    } else if word.len() >= 32 && all(|c| c.is_ascii_hexdigit() || c == '-') {
        masked.push_str("<id>");
    } else if word.starts_with("0x") || is_hex {
        masked.push_str("<hex>");
    } else if word.len() >= 16 && all(char::is_alphanumeric) {
        // Letters and digits at such length are a token.
        masked.push_str("<id>");
    } else {
        push_numbers(masked, word);
    }
}

/// Runs of digits, with the signs that stand inside numbers and dates, become one mark.
fn push_numbers(masked: &mut String, word: &str) {
    let mut is_number = false;
    for c in word.chars() {
        if c.is_numeric() {
            if !is_number && !masked.ends_with("<n>") {
                masked.push_str("<n>");
            }
            is_number = true;
        } else {
            masked.push(c);
            is_number = false;
        }
    }
}

/// The host stays, and of the path what holds no digit; a query goes.
fn push_url(masked: &mut String, url: &str) {
    let (address, query) = url.split_once(['?', '#']).unwrap_or((url, ""));
    for (index, part) in address.split('/').enumerate() {
        if index > 0 {
            masked.push('/');
        }
        let is_variable = index > 2 && part.chars().any(|c| c.is_ascii_digit());
        masked.push_str(if is_variable { "<id>" } else { part });
    }
    if !query.is_empty() {
        let _ = write!(masked, "?<query>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_varies_is_masked_and_what_tells_stays() {
        let cases = [
            ("no zone 4711 in page 3", "no zone <n> in page <n>"),
            (
                "HTTP status 401 after 1234 ms",
                "HTTP status 401 after <n> ms",
            ),
            (
                "company \"Hilton Berlin\" is gone",
                "company <text> is gone",
            ),
            (
                "I don't know 'x' and won't",
                "I don't know <text> and won't",
            ),
            (
                "job 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 failed",
                "job <id> failed",
            ),
            ("commit deadbeef01 at 0x7f00", "commit <hex> at <hex>"),
            ("token Ab3dE5gH7jK9mN1pQ2 refused", "token <id> refused"),
            (
                "mail to ada@example.com bounced",
                "mail to <mail>.com bounced",
            ),
            (
                "get https://api.zoho.eu/crm/v8/Leads/991?page=2 failed",
                "get https://api.zoho.eu/crm/<id>/Leads/<id>?<query> failed",
            ),
            (
                "at 2026-11-21T08:00:01Z: late",
                "at <n>-<n>-<n>T<n>:<n>:<n>Z: late",
            ),
            ("two  spaces\nand a line", "two spaces and a line"),
            ("decode", "decode"),
        ];
        for (message, masked) in cases {
            assert_eq!(mask(message), masked);
        }
    }

    #[test]
    fn one_cause_has_one_fingerprint_and_another_has_another() {
        let of = |code, message: &str| fingerprint("zoho.pull", Some(code), message);

        assert_eq!(of("timeout", "page 1 of 7"), of("timeout", "page 3 of 9"));
        let others = [
            of("timeout", "page 1 of 7"),
            of("http", "page 1 of 7"),
            of("timeout", "zone 1 of 7"),
            of("http", "status 401"),
            of("http", "status 500"),
            fingerprint("zoho.push", Some("timeout"), "page 1 of 7"),
        ];
        for (index, one) in others.iter().enumerate() {
            assert!(!others[..index].contains(one), "{one}");
        }
    }

    #[test]
    fn the_rule_of_a_version_never_changes() {
        // A change of the rule needs another version: stored fingerprints would split from new ones.
        assert_eq!(
            (
                FINGERPRINT_VERSION,
                fingerprint("a.b", Some("c"), "zone 7 is gone").as_str()
            ),
            (1, PINNED)
        );
    }

    const PINNED: &str = "753e53c8804a64fb";

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(text in "[a-f0-9 '\"<>n:/@.é-]{0,60}|\\PC{0,60}") {
            let once = mask(&text);
            prop_assert_eq!(mask(&once), once);
        }
    }
}
