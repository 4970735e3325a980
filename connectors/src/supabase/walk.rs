//! A walk by key: each page asks for what stands behind the last row of the one before, so rows that
//! come and go elsewhere move nothing. Pure.
//!
//! The gateway cuts a page at a row count of its own and says nothing (sheet section 2), so a short
//! page is no end. A page is the last if the remote's count says that nothing is behind it, or if it
//! is empty. A walk during which more rows went than were read met a deletion, perhaps the CRM's
//! loader, which empties the table before it fills it: it goes on and ends as [`Next::Unclear`].

use serde_json::value::RawValue;

use crate::page::{Item, Next};
use crate::record::Record;
use crate::{Error, RecordError};

/// A row that a walk can read.
pub(super) trait Row: Sized {
    fn decode(raw: &RawValue) -> Result<Self, RecordError>;
}

/// How far a walk has come; its text is the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The key of the last row that was read.
    pub(super) key: String,
    /// How many rows must still be behind it, if none was deleted.
    behind: Option<u64>,
    doubt: bool,
}

/// The part of a listing that a reply holds, by its `Content-Range`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// Of all rows that the filter lets through.
    pub(super) total: Option<u64>,
}

impl Range {
    /// `0-499/2345`, `0-499/*`, `*/0`.
    pub(super) fn read(text: &str) -> Self {
        let total = text.rsplit_once('/').map(|(_, total)| total.trim());
        Self {
            total: total.and_then(|total| total.parse().ok()),
        }
    }
}

impl Place {
    pub(super) fn read(cursor: &str) -> Option<Self> {
        let (behind, key) = cursor.split_once(':')?;
        let (behind, doubt) = match behind.strip_suffix('!') {
            Some(behind) => (behind, true),
            None => (behind, false),
        };
        let behind = match behind {
            "" => None,
            behind => Some(behind.parse().ok()?),
        };
        is_key(key).then(|| Self {
            key: key.to_owned(),
            behind,
            doubt,
        })
    }

    fn write(&self) -> String {
        let behind = self.behind.map(|behind| behind.to_string());
        let doubt = if self.doubt { "!" } else { "" };
        format!("{}{doubt}:{}", behind.unwrap_or_default(), self.key)
    }
}

/// Keys are UUIDs or whole numbers; anything else could be more than a value in a filter.
pub(super) fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=80).contains(&key.len()) && key.chars().all(plain)
}

pub(super) fn item<T>(
    raw: &RawValue,
    decode: impl Fn(&RawValue) -> Result<T, RecordError>,
) -> Item<T> {
    let id = Record::read(raw).and_then(|record| record.id("id"));
    Item {
        id: id.ok(),
        raw: raw.to_owned(),
        decoded: decode(raw),
    }
}

/// What follows a page of these rows.
///
/// # Errors
/// [`Error::PageInvalid`] if the page holds what was read before or one row twice.
pub(super) fn next<T>(
    action: &str,
    place: Option<&Place>,
    items: &[Item<T>],
    range: Range,
) -> Result<Next, Error> {
    let mut keys: Vec<&str> = items.iter().filter_map(|item| item.id.as_deref()).collect();
    let last = items.last().map(|item| item.id.clone());
    let repeats = place.is_some_and(|place| keys.contains(&place.key.as_str()));
    let rows = keys.len();
    keys.sort_unstable();
    keys.dedup();
    if repeats || keys.len() < rows {
        return Err(Error::PageInvalid {
            action: action.to_owned(),
            reason: "it repeats rows",
        });
    }
    let read = items.len() as u64;
    let expected = place.and_then(|place| place.behind);
    let shrank =
        matches!((expected, range.total), (Some(expected), Some(total)) if total < expected);
    let doubt = shrank
        || place.is_some_and(|place| place.doubt)
        || range.total < Some(read) && range.total.is_some();
    Ok(match (last, range.total) {
        // Without rows, and without having seen any: rights may hide all of them.
        (None, _) if place.is_none() || doubt => Next::Unclear,
        (None, Some(total)) if total > 0 => Next::Unclear,
        (None, None) if expected.is_some_and(|expected| expected > 0) => Next::Unclear,
        (None, _) => Next::End,
        (Some(_), Some(total)) if total == read => {
            if doubt {
                Next::Unclear
            } else {
                Next::End
            }
        }
        (Some(Some(key)), total) if is_key(&key) => Next::More(
            Place {
                key,
                behind: total.map(|total| total.saturating_sub(read)),
                doubt,
            }
            .write(),
        ),
        // Without a key there is no way on.
        (Some(_), _) => Next::Unclear,
    })
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
