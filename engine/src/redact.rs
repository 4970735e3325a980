//! Redaction: what must not be kept of what handlers say. A pure rule that rather takes too much: secrets
//! after words that announce them, credentials and queries of URLs, tokens by their look, e-mail addresses
//! and telephone numbers. Ids of jobs stay, since people search for them.

/// What stands in the place of a secret.
const SECRET: &str = "<secret>";
/// A run of letters and digits from this length on is a token, unless it is an id or made of words.
const TOKEN: usize = 20;
/// Words that announce a secret, as a part of the name before `=` or `:`.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "credential",
    "cookie",
];
/// Schemes of HTTP authorisation: what follows is a secret.
const SCHEMES: [&str; 4] = ["bearer", "basic", "token", "digest"];

/// The text without secrets, addresses and numbers of people. Redacting twice changes nothing.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if let Some(url) = url(rest) {
            push_url(&mut out, url);
            url.len()
        } else if let Some(length) = phone(rest, out.chars().last()) {
            out.push_str("<phone>");
            length
        } else if is_word(c) {
            let word = leading(rest, is_word);
            let after = behind(rest, word.len());
            match separator(word, after) {
                Some(length) => {
                    out.push_str(rest.get(..word.len() + length).unwrap_or_default());
                    let value = behind(after, length);
                    word.len() + length + push_secret(&mut out, value, word)
                }
                None => {
                    out.push_str(masked(word));
                    word.len()
                }
            }
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = behind(rest, taken);
    }
    out
}

fn behind(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}

fn leading(text: &str, wanted: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !wanted(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '@' | '.' | '%' | '/' | '~')
}

fn is_scheme(word: &str) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// The length of what stands between a word that announces a secret and the secret: `token=`,
/// `"api_key": `, `Bearer `. None when the word announces nothing.
fn separator(word: &str, after: &str) -> Option<usize> {
    let lower = word.to_ascii_lowercase();
    if NAMES.iter().any(|name| lower.contains(name)) {
        let quotes = leading(after, |c| matches!(c, '"' | '\'' | '\\' | ' ')).len();
        let sign = behind(after, quotes);
        if sign.starts_with(['=', ':']) {
            let blanks = leading(behind(sign, 1), |c| c == ' ').len();
            return Some(quotes + 1 + blanks);
        }
    }
    if !is_scheme(word) {
        return None;
    }
    // "basic settings" are none; a credential holds what no word does.
    let blanks = leading(after, |c| c == ' ').len();
    let next = leading(behind(after, blanks), is_word);
    let is_credential = next.len() >= 16 || next.chars().any(|c| c.is_ascii_digit());
    (blanks > 0 && is_credential).then_some(blanks)
}

/// Writes what stands for the value that begins here, and returns its length. Quotes, `Some(` and the
/// scheme of an authorisation stay.
fn push_secret(out: &mut String, value: &str, name: &str) -> usize {
    let opening = leading(value, |c| c == '\\');
    let quoted = behind(value, opening.len());
    if let Some(quote) = quoted.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = behind(quoted, 1);
        let length = inside.find(quote).unwrap_or(inside.len());
        out.push_str(&format!("{opening}{quote}{SECRET}"));
        return opening.len() + 1 + length;
    }
    if let Some(inside) = value.strip_prefix("Some(") {
        out.push_str("Some(");
        return "Some(".len() + push_secret(out, inside, name);
    }
    let first = leading(value, is_word);
    let blanks = leading(behind(value, first.len()), |c| c == ' ').len();
    if is_scheme(first) && blanks > 0 {
        let length = first.len() + blanks;
        out.push_str(value.get(..length).unwrap_or_default());
        return length + push_secret(out, behind(value, length), name);
    }
    // A cookie is many values in one line.
    let is_line = name.to_ascii_lowercase().contains("cookie");
    let length = leading(value, |c| {
        if is_line {
            return c != '\n';
        }
        !c.is_whitespace() && !matches!(c, ',' | ';' | ')' | '}' | ']' | '&' | '"' | '\'')
    })
    .len();
    if length > 0 {
        out.push_str(SECRET);
    }
    length
}

/// A word, or what stands for it.
fn masked(word: &str) -> &str {
    if word.contains('@') && word.contains('.') {
        return "<mail>";
    }
    let parts = || word.split(['.', '/', '%', '~', '@']);
    let is_jwt = word.starts_with("eyJ") && word.contains('.');
    if is_jwt || parts().any(is_token) {
        return SECRET;
    }
    word
}

fn is_token(part: &str) -> bool {
    let digits = part.chars().filter(char::is_ascii_digit).count();
    let letters = part.chars().filter(char::is_ascii_alphabetic).count();
    if part.len() < TOKEN || digits == 0 || letters == 0 {
        return false;
    }
    if part.len() == 36 && uuid::Uuid::parse_str(part).is_ok() {
        return false;
    }
    // Words and numbers with dashes between, as names have.
    let is_plain = |piece: &str| {
        let one_sort =
            piece.chars().all(|c| c.is_ascii_digit()) || piece.chars().all(char::is_alphabetic);
        piece.len() <= 12 && one_sort
    };
    !part.split(['-', '_']).all(is_plain)
}

/// The URL that begins here.
fn url(rest: &str) -> Option<&str> {
    let scheme = rest.find("://").filter(|at| (2..=12).contains(at))?;
    if !rest
        .get(..scheme)?
        .chars()
        .all(|c| c.is_ascii_alphabetic() || c == '+')
    {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ')' | ','))
        .unwrap_or(rest.len());
    rest.get(..end)
}

/// The host stays and of the path what is no token; user, password, query and fragment go.
fn push_url(out: &mut String, url: &str) {
    let (address, query) = url.split_once(['?', '#']).unwrap_or((url, ""));
    let (scheme, place) = address.split_once("://").unwrap_or(("", address));
    let (host, path) = place
        .split_once('/')
        .map_or((place, None), |(host, path)| (host, Some(path)));
    let host = match host.rsplit_once('@') {
        Some((_, host)) => format!("{SECRET}@{host}"),
        None => host.to_owned(),
    };
    out.push_str(&format!("{scheme}://{host}"));
    for part in path.into_iter().flat_map(|path| path.split('/')) {
        out.push('/');
        out.push_str(if phone(part, None).is_some() {
            "<phone>"
        } else {
            masked(part)
        });
    }
    if !query.is_empty() {
        out.push_str("?<query>");
    }
}

/// The length of a telephone number that begins here: ten to fifteen digits, or from eight on behind a
/// plus or a zero, with single blanks, dots, dashes and brackets between.
fn phone(rest: &str, before: Option<char>) -> Option<usize> {
    let first = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '+' | '(' | '0'..='9'))?;
    if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':')) {
        return None;
    }
    let mut digits = 0;
    let mut end = 0;
    let mut gap = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '0'..='9' => {
                digits += 1;
                gap = 0;
                end = at + 1;
            }
            '+' if at == 0 => {}
            ' ' | '-' | '.' | '(' | ')' if gap < 2 => gap += 1,
            c if c.is_alphabetic() || matches!(c, '_' | ':' | '@') => {
                // A word, a time or an id that has begun with digits.
                if gap == 0 {
                    return None;
                }
                break;
            }
            _ => break,
        }
    }
    let is_grouped = rest.get(..end)?.chars().any(|c| !c.is_ascii_digit());
    let fewest = match first {
        '+' => 8,
        '0' => 9,
        // Dates, versions and sizes are grouped too.
        _ if is_grouped => return None,
        _ => 10,
    };
    (fewest..=15).contains(&digits).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_kept_is_not() {
        for (text, kept) in [
            ("token=abc", "token=<secret>"),
            (
                "access_token: \"hunter2\", next",
                "access_token: \"<secret>\", next",
            ),
            (
                r#"{"client_secret":"x","a":1}"#,
                r#"{"client_secret":"<secret>","a":1}"#,
            ),
            (
                r#"password=Some("hunter2") x"#,
                r#"password=Some("<secret>") x"#,
            ),
            (
                "Authorization: Bearer ya29.canary",
                "Authorization: Bearer <secret>",
            ),
            (
                "sent Basic dXNlcjpwYXNz1234 to it",
                "sent Basic <secret> to it",
            ),
            ("got eyJhbGciOi.eyJzdWIiOi.c2ln", "got <secret>"),
            (
                "key sk_live_4eC39HqLyjWDarjtT1zdp7dc gone",
                "key <secret> gone",
            ),
            ("ann.lee@example.com answered", "<mail> answered"),
            ("call +66 81 234 5678 now", "call <phone> now"),
            ("call 081-234-5678.", "call <phone>."),
            ("wa_id 66812345678", "wa_id <phone>"),
            (
                "postgres://lockstep:hunter2@db/x?y=1",
                "postgres://<secret>@db/x?<query>",
            ),
            (
                "GET https://api.example.com/v2/zones?key=1 failed",
                "GET https://api.example.com/v2/zones?<query> failed",
            ),
        ] {
            let once = redact(text);
            assert_eq!(once, kept, "{text}");
            assert_eq!(redact(&once), kept, "twice: {text}");
        }
    }

    #[test]
    fn what_people_search_for_is_kept() {
        for text in [
            "synced 42 zones of company 991 in 1234 ms",
            "job 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 waits",
            "read page 7 of soundtrack.sync_zones: HTTP 401",
            "2026-11-21T10:00:00.123456Z at 10.0.0.1:5432",
            "read 200 items 100-199, price 1999.00",
            "no token is left in the bucket",
            "the basic settings",
            "cursor=3 queue=default jobs/src/soundtrack/sync_zones.rs",
            "zones-nightly-2026-11-21-bangkok",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
