//! Values to what they mean, each on its own.

use std::time::Duration;

use uuid::Uuid;

use super::Label;
use super::fault::suggestion;

/// What a value means, or what is wrong with it and what helps.
pub(super) type Read<T> = Result<T, (String, Option<String>)>;

/// Units of spans in seconds, longest first.
pub(super) const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];
/// A hundred years: no job is older, and `now()` minus this is still a timestamp.
const LONGEST_SPAN: u64 = 100 * 366 * 86_400;

pub(super) fn label(word: &str) -> Read<Label> {
    Label::parse(word).ok_or_else(|| {
        let known = Label::ALL.map(Label::as_str);
        (
            format!("there is no state `{word}`"),
            Some(suggestion(word, &known)),
        )
    })
}

pub(super) fn kind(word: &str) -> Read<String> {
    let name = word.strip_suffix('*').unwrap_or(word);
    if name.contains('*') {
        let help = "write `kind:zoho.*`".to_owned();
        return Err(("expected `*` at the end only".to_owned(), Some(help)));
    }
    Ok(word.to_owned())
}

pub(super) fn id(word: &str) -> Read<Uuid> {
    Uuid::parse_str(word).map_err(|_| {
        let help = "an id looks like 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88".to_owned();
        ("expected an id".to_owned(), Some(help))
    })
}

pub(super) fn number(word: &str) -> Read<i64> {
    match word.parse::<i32>() {
        Ok(number) => Ok(i64::from(number)),
        Err(_) => Err(("expected a whole number".to_owned(), None)),
    }
}

/// `1h30m`: numbers, each with its unit.
pub(super) fn span(word: &str) -> Read<Duration> {
    let wrong = || {
        let help = "write `90s`, `2h`, `1h30m` or `7d`".to_owned();
        ("expected a time".to_owned(), Some(help))
    };
    let mut rest = word;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = behind.chars().next().ok_or_else(wrong)?;
        let (_, length) = UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(wrong)?;
        seconds = number
            .checked_mul(*length)
            .and_then(|more| seconds.checked_add(more))
            .filter(|all| *all <= LONGEST_SPAN)
            .ok_or_else(|| ("expected at most a hundred years".to_owned(), None))?;
        rest = behind.get(unit.len_utf8()..).unwrap_or_default();
    }
    if word.is_empty() {
        Err(wrong())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}
