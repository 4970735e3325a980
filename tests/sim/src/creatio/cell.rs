//! One value of a column, typed as the entity data model has it.

use jiff::Timestamp;
use serde_json::Value;

use super::guid::Guid;

/// The types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Guid,
    Text,
    Int,
    Decimal,
    Bool,
    Time,
    /// A file; only links to it stand in a record.
    Stream,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Guid => "Edm.Guid",
            Self::Text => "Edm.String",
            Self::Int => "Edm.Int32",
            Self::Decimal => "Edm.Decimal",
            Self::Bool => "Edm.Boolean",
            Self::Time => "Edm.DateTimeOffset",
            Self::Stream => "Edm.Stream",
        }
    }
}

/// A value. Decimals stay texts, so that no float ever holds them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Guid(Guid),
    Text(Box<str>),
    Int(i64),
    Decimal(Box<str>),
    Bool(bool),
    /// Microseconds since 1970.
    Time(i64),
}

/// What a value of a body is, whose type does not take it.
pub(super) struct Unconvertible(pub(super) String);

/// As .NET has it: the first instant there is, and what an empty time comes back as.
pub(super) const YEAR_ONE: &str = "0001-01-01T00:00:00Z";

impl Cell {
    pub(super) fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A value of a JSON body, from its raw text.
    pub(super) fn from_json(kind: Kind, raw: &str) -> Result<Self, Unconvertible> {
        if raw == "null" {
            return Ok(Self::Null);
        }
        let text = serde_json::from_str::<String>(raw).ok();
        let plain = || Unconvertible(text.clone().unwrap_or_else(|| raw.to_owned()));
        let quoted = text.as_deref();
        match kind {
            Kind::Guid => {
                let guid = quoted.and_then(Guid::parse);
                guid.map(Self::Guid).ok_or_else(plain)
            }
            Kind::Text => quoted.map(Self::text).ok_or_else(plain),
            Kind::Int => raw
                .parse::<i32>()
                .map(i64::from)
                .map(Self::Int)
                .map_err(|_| plain()),
            // With `IEEE754Compatible=true` decimals are texts.
            Kind::Decimal => decimal(quoted.unwrap_or(raw)).ok_or_else(plain),
            Kind::Bool => match raw {
                "true" => Ok(Self::Bool(true)),
                "false" => Ok(Self::Bool(false)),
                _ => Err(plain()),
            },
            Kind::Time => {
                let time = quoted.and_then(time);
                time.map(Self::Time).ok_or_else(plain)
            }
            Kind::Stream => Err(plain()),
        }
    }

    /// As text, for `$value` and for functions; `None` for null.
    pub(super) fn plain(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Guid(guid) => Some(guid.to_string()),
            Self::Text(text) | Self::Decimal(text) => Some(text.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Time(micros) => Some(written(*micros)),
        }
    }

    /// Adds the value as JSON. `zeroes`: empty guids, times and texts are not null.
    pub(super) fn write(&self, kind: Kind, zeroes: bool, quotes: bool, out: &mut String) {
        match self {
            Self::Null => out.push_str(&empty(kind, zeroes, quotes)),
            Self::Text(text) => out.push_str(&Value::from(text.as_ref()).to_string()),
            Self::Decimal(text) if !quotes => out.push_str(text),
            Self::Int(_) | Self::Bool(_) => out.push_str(&self.plain().unwrap_or_default()),
            Self::Guid(_) | Self::Decimal(_) | Self::Time(_) => {
                out.push('"');
                out.push_str(&self.plain().unwrap_or_default());
                out.push('"');
            }
        }
    }

    pub(super) fn as_guid(&self) -> Option<Guid> {
        match self {
            Self::Guid(guid) => Some(*guid),
            _ => None,
        }
    }

    pub(super) fn as_time(&self) -> Option<i64> {
        match self {
            Self::Time(micros) => Some(*micros),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Nothing, the zero guid, the first year and the empty text are one to a database without nulls.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Guid(guid) => *guid == Guid::ZERO,
            Self::Text(text) => text.is_empty(),
            Self::Time(micros) => Some(*micros) == time(YEAR_ONE),
            _ => false,
        }
    }
}

fn empty(kind: Kind, zeroes: bool, quotes: bool) -> String {
    match kind {
        // Numbers and booleans are never null in the captured builds, nor in newer ones.
        Kind::Int => "0".to_owned(),
        Kind::Decimal if quotes => "\"0\"".to_owned(),
        Kind::Decimal => "0".to_owned(),
        Kind::Bool => "false".to_owned(),
        Kind::Guid if zeroes => format!("\"{}\"", Guid::ZERO),
        Kind::Time if zeroes => format!("\"{YEAR_ONE}\""),
        Kind::Text if zeroes => "\"\"".to_owned(),
        _ => "null".to_owned(),
    }
}

fn decimal(text: &str) -> Option<Cell> {
    let number: f64 = text.parse().ok()?;
    let plain = text.bytes().all(|byte| b"0123456789.-".contains(&byte));
    (number.is_finite() && plain).then(|| Cell::Decimal(text.into()))
}

/// An instant with its offset, in microseconds since 1970.
pub(super) fn time(text: &str) -> Option<i64> {
    let instant: Timestamp = text.parse().ok()?;
    Some(instant.as_microsecond())
}

/// As .NET writes it: UTC, with as many digits of the second as are not zero.
pub(super) fn written(micros: i64) -> String {
    Timestamp::from_microsecond(micros)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_captured() {
        for text in [
            "2021-11-24T11:11:32.33577Z",
            YEAR_ONE,
            "2026-01-01T00:00:00Z",
        ] {
            assert_eq!(written(time(text).unwrap()), text);
        }
    }
}
