//! Matching: which customer of the CRM a profile is. A person of one's own is worth more than speed: it is
//! done without asking only when one customer fits well and no other could be meant.
//!
//! | number | address | name | percent |
//! | --- | --- | --- | --- |
//! | same | same | any | 100; 95 if the names are different |
//! | same | – | same · alike · not told · different | 98 · 95 · 85 · 50 |
//! | – | same | same · alike · not told · different | 95 · 90 · 80 · 50 |
//! | same as far as can be told | – | same · else | 80 · 40 |
//! | – | – | same · else | 30 · 0 |
//!
//! Families share a number, and offices an address: one of them alone is never enough.

use std::collections::BTreeSet;

/// From here on a match may be automatic.
const STRONG: u8 = 90;
/// Another customer who fits so well makes a strong one doubtful.
const DOUBTFUL: u8 = 50;
/// Less is not worth showing.
const WORTH_A_LOOK: u8 = 30;
/// Where the shop is: numbers without a country are of here.
const HOME: &str = "66";
/// Digits of a number without its country or its leading zero, at home.
const AT_HOME: std::ops::RangeInclusive<usize> = 8..=9;
/// Not part of anybody's name.
const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "khun",
    "k",
    "คุณ",
    "นาย",
    "นาง",
    "นางสาว",
];

/// What either side knows of somebody.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
}

/// A customer, by what matching looks at.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) person: Person,
    /// Another profile is this customer.
    pub(crate) is_taken: bool,
    /// A person said that this profile is not.
    pub(crate) is_refused: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// The customer at this place of the list, and how sure that is.
    One(usize, u8),
    /// A person must say: why, and who comes into question, the likeliest first.
    Review(&'static str, Vec<(usize, u8)>),
    /// Nobody comes into question.
    Nobody,
}

/// Names and numbers of people are in no log.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person")
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Known").field(&self.id).finish()
    }
}

/// Which of the customers the profile is. The order of the list does not matter, but for ties.
pub(crate) fn judge(profile: &Person, customers: &[Known]) -> Match {
    let mut fits: Vec<(usize, u8)> = customers
        .iter()
        .enumerate()
        .filter(|(_, one)| !one.is_refused)
        .map(|(at, one)| (at, confidence(profile, &one.person)))
        .filter(|(_, percent)| *percent >= WORTH_A_LOOK)
        .collect();
    fits.sort_by_key(|(at, percent)| (std::cmp::Reverse(*percent), *at));
    match fits.as_slice() {
        [] => Match::Nobody,
        [(at, percent), rest @ ..] if *percent >= STRONG => {
            if rest.first().is_some_and(|(_, other)| *other >= DOUBTFUL) {
                Match::Review("several", fits)
            } else if customers[*at].is_taken {
                Match::Review("taken", fits)
            } else {
                Match::One(*at, *percent)
            }
        }
        [_] => Match::Review("weak", fits),
        _ => Match::Review("several", fits),
    }
}

/// How sure it is that the two are one, in percent.
pub(crate) fn confidence(one: &Person, other: &Person) -> u8 {
    let name = name_likeness(one.name.as_deref(), other.name.as_deref());
    let (phone, is_sure) = same_phone(one.phone.as_deref(), other.phone.as_deref());
    let email = match (email(one.email.as_deref()), email(other.email.as_deref())) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    };
    match (phone && is_sure, email, name) {
        (true, true, Likeness::Other) => 95,
        (true, true, _) => 100,
        (true, false, Likeness::Same) => 98,
        (true, false, Likeness::Alike) => 95,
        (true, false, Likeness::Untold) => 85,
        (false, true, Likeness::Same) => 95,
        (false, true, Likeness::Alike) => 90,
        (false, true, Likeness::Untold) => 80,
        (true, false, Likeness::Other) | (false, true, Likeness::Other) => 50,
        (false, false, Likeness::Same) if phone => 80,
        (false, false, _) if phone => 40,
        (false, false, Likeness::Same) => 30,
        (false, false, _) => 0,
    }
}

/// The digits of a number with its country, and whether the country is sure.
pub(crate) fn phone(text: Option<&str>) -> Option<(String, bool)> {
    let text = text?.trim();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (number, is_sure) = if text.starts_with('+') {
        (digits, true)
    } else if let Some(rest) = digits.strip_prefix("00") {
        (rest.to_owned(), true)
    } else if let Some(rest) = digits.strip_prefix('0') {
        (format!("{HOME}{rest}"), true)
    } else if AT_HOME.contains(&digits.len()) {
        (format!("{HOME}{digits}"), false)
    } else {
        let at_home = digits.strip_prefix(HOME);
        let is_sure = at_home.is_some_and(|rest| AT_HOME.contains(&rest.len()));
        (digits, is_sure)
    };
    // +66 (0)81 …
    let zero = format!("{HOME}0");
    let number = match number.strip_prefix(&zero) {
        Some(rest) => format!("{HOME}{rest}"),
        None => number,
    };
    (7..=15)
        .contains(&number.len())
        .then_some((number, is_sure))
}

/// An address as it is compared.
pub(crate) fn email(text: Option<&str>) -> Option<String> {
    let text = text?.trim().to_lowercase();
    let (user, host) = text.split_once('@')?;
    (!user.is_empty() && host.contains('.')).then_some(text)
}

fn same_phone(one: Option<&str>, other: Option<&str>) -> (bool, bool) {
    match (phone(one), phone(other)) {
        (Some((one, sure)), Some((other, also_sure))) => (one == other, sure && also_sure),
        _ => (false, false),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    /// One is a part of the other.
    Alike,
    Other,
    Untold,
}

fn name_likeness(one: Option<&str>, other: Option<&str>) -> Likeness {
    let (one, other) = (words(one), words(other));
    if one.is_empty() || other.is_empty() {
        return Likeness::Untold;
    }
    if one == other {
        return Likeness::Same;
    }
    let shared: Vec<&String> = one.intersection(&other).collect();
    let is_part = shared.len() == one.len().min(other.len());
    let says_something = shared.iter().any(|word| word.chars().count() >= 3);
    match is_part && says_something {
        true => Likeness::Alike,
        false => Likeness::Other,
    }
}

/// A name's words, in no order, without titles, and without the number that the CRM writes behind it.
fn words(name: Option<&str>) -> BTreeSet<String> {
    let name = name.unwrap_or_default().to_lowercase();
    let is_mark = |c: char| c.is_ascii_punctuation() || c.is_whitespace();
    let is_word = |word: &&str| {
        !word.is_empty() && !word.chars().all(|c| c.is_ascii_digit()) && !TITLES.contains(word)
    };
    name.split(is_mark)
        .filter(is_word)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
