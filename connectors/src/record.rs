//! Reads typed fields out of a record as it came and names the one that does not fit, never its
//! value. Numbers are read from their own text: a detour over floats would round money.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::RecordError;

/// Far beyond any id of a remote, and within what an index of Postgres takes.
pub(crate) const LONGEST_ID: usize = 500;

/// The fields of one JSON object.
#[derive(Debug)]
pub(crate) struct Record<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

/// What stands in a field, as far as all readers below need to tell it apart.
enum Shape<'a> {
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// A number, true, false, a list or an object, in its own words.
    Other(&'a str),
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Record<'a> {
    pub(crate) fn read(raw: &'a RawValue) -> Result<Self, RecordError> {
        let fields = serde_json::from_str(raw.get());
        fields.map(Self).map_err(|_| not("", "an object"))
    }

    /// An id: a text or a whole number of up to [`LONGEST_ID`] characters. Never empty, and without control
    /// characters: it stands in keys and lists of a database, which takes no NUL, and one that it refused
    /// would keep the whole page out.
    pub(crate) fn id(&self, name: &str) -> Result<String, RecordError> {
        self.maybe_id(name)?.ok_or_else(|| not(name, "an id"))
    }

    /// Absent, null and empty are one: no id.
    pub(crate) fn maybe_id(&self, name: &str) -> Result<Option<String>, RecordError> {
        match self.shape(name) {
            Shape::Absent | Shape::Null => Ok(None),
            Shape::Text(text) if text.len() > LONGEST_ID || text.chars().any(char::is_control) => {
                Err(not(name, "an id"))
            }
            Shape::Text(text) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
            Shape::Other(text)
                if text.len() <= LONGEST_ID && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Ok(Some(text.to_owned()))
            }
            Shape::Other(_) => Err(not(name, "an id")),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, RecordError> {
        match self.shape(name) {
            Shape::Text(text) => Ok(text.into_owned()),
            _ => Err(not(name, "a text")),
        }
    }

    /// Absent, null and blank are one: no text.
    pub(crate) fn maybe_text(&self, name: &str) -> Result<Option<String>, RecordError> {
        match self.shape(name) {
            Shape::Absent | Shape::Null => Ok(None),
            Shape::Text(text) if text.trim().is_empty() => Ok(None),
            Shape::Text(text) => Ok(Some(text.into_owned())),
            Shape::Other(_) => Err(not(name, "a text or null")),
        }
    }

    /// Exact, from a number or a text that holds one; absent, null and blank are `None`, and zero is
    /// zero. A number beyond 28 digits is refused rather than rounded.
    pub(crate) fn maybe_decimal(&self, name: &str) -> Result<Option<Decimal>, RecordError> {
        let text = match self.shape(name) {
            Shape::Absent | Shape::Null => return Ok(None),
            Shape::Text(text) if text.trim().is_empty() => return Ok(None),
            Shape::Text(text) => text,
            Shape::Other(text) => Cow::Borrowed(text),
        };
        let number = decimal(text.trim()).ok_or_else(|| not(name, "an exact decimal number"))?;
        Ok(Some(number))
    }

    pub(crate) fn maybe_count(&self, name: &str) -> Result<Option<u32>, RecordError> {
        let expected = "a count or null";
        let number = self.maybe_decimal(name).map_err(|_| not(name, expected))?;
        let whole = number.map(|number| number.normalize().to_string().parse());
        whole.transpose().map_err(|_| not(name, expected))
    }

    /// An instant with its offset, as RFC 3339 or with an offset without a colon.
    pub(crate) fn maybe_instant(&self, name: &str) -> Result<Option<Timestamp>, RecordError> {
        let Some(text) = self.maybe_text(name)? else {
            return Ok(None);
        };
        let instant = instant(&text).ok_or_else(|| not(name, "an instant with its offset"))?;
        Ok(Some(instant))
    }

    /// An instant, or a date alone, which is read as the earliest instant it can mean anywhere.
    pub(crate) fn maybe_earliest(&self, name: &str) -> Result<Option<Timestamp>, RecordError> {
        let Some(text) = self.maybe_text(name)? else {
            return Ok(None);
        };
        let earliest = instant(&text).or_else(|| {
            let midnight = date(&text)?.to_datetime(jiff::civil::Time::midnight());
            Offset::constant(14).to_timestamp(midnight).ok()
        });
        let earliest = earliest.ok_or_else(|| not(name, "an instant or a date"))?;
        Ok(Some(earliest))
    }

    pub(crate) fn maybe_date(&self, name: &str) -> Result<Option<Date>, RecordError> {
        let Some(text) = self.maybe_text(name)? else {
            return Ok(None);
        };
        let date = date(&text).ok_or_else(|| not(name, "a date"))?;
        Ok(Some(date))
    }

    /// A date, or an instant, whose date is that at `offset`.
    pub(crate) fn maybe_date_at(
        &self,
        name: &str,
        offset: Offset,
    ) -> Result<Option<Date>, RecordError> {
        let Some(text) = self.maybe_text(name)? else {
            return Ok(None);
        };
        let at = |instant| offset.to_datetime(instant).date();
        let date = date(&text).or_else(|| instant(&text).map(at));
        let date = date.ok_or_else(|| not(name, "a date or an instant"))?;
        Ok(Some(date))
    }

    /// Only `true` is.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.shape(name), Shape::Other("true"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn shape(&self, name: &str) -> Shape<'a> {
        let Some(raw) = self.0.get(name) else {
            return Shape::Absent;
        };
        match raw.get() {
            "null" => Shape::Null,
            text if text.starts_with('"') => match serde_json::from_str::<Text>(text) {
                Ok(text) => Shape::Text(text.0),
                Err(_) => Shape::Other(text),
            },
            text => Shape::Other(text),
        }
    }
}

pub(crate) fn not(name: &str, expected: &'static str) -> RecordError {
    RecordError {
        field: name.to_owned(),
        expected,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str_exact(text).ok()
}

/// Zoho writes `+0700`, Postgres `+07:00`; jiff reads both.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A date alone: jiff would read one out of an instant too and drop the rest.
fn date(text: &str) -> Option<Date> {
    (text.len() == "2026-01-31".len()).then(|| text.parse().ok())?
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
