//! One value of a column, typed as Postgres would have it.

use std::cmp::Ordering;

use serde_json::Value;
use serde_json::value::RawValue;

use super::reply::Fault;

/// The types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    Int,
    Numeric,
    Bool,
    Date,
    Timestamp,
    Json,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Int => "bigint",
            Self::Numeric => "numeric",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp with time zone",
            Self::Json => "json",
        }
    }
}

/// A value. Numbers stay texts, so that no float ever holds them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Json(Value),
}

impl Cell {
    /// A literal of a filter or a default.
    pub(super) fn parse(kind: Kind, text: &str) -> Result<Self, Fault> {
        let bad = || Fault::syntax(kind.word(), text);
        match kind {
            Kind::Text => Ok(Self::Text(text.to_owned())),
            Kind::Uuid if is_uuid(text) => Ok(Self::Text(text.to_ascii_lowercase())),
            Kind::Int if text.parse::<i64>().is_ok() => Ok(Self::Number(text.to_owned())),
            Kind::Numeric if text.parse::<f64>().is_ok_and(f64::is_finite) => {
                Ok(Self::Number(text.to_owned()))
            }
            Kind::Bool => match text {
                "true" | "t" => Ok(Self::Bool(true)),
                "false" | "f" => Ok(Self::Bool(false)),
                _ => Err(bad()),
            },
            Kind::Date => {
                let date = text.parse::<jiff::civil::Date>();
                date.map(|date| Self::Text(date.to_string()))
                    .map_err(|_| bad())
            }
            Kind::Timestamp => {
                let instant = text.parse::<jiff::Timestamp>().map_err(|_| bad())?;
                Ok(Self::Text(timestamp(instant)))
            }
            Kind::Json => serde_json::from_str(text)
                .map(Self::Json)
                .map_err(|_| bad()),
            Kind::Uuid | Kind::Int | Kind::Numeric => Err(bad()),
        }
    }

    /// A value of a JSON body.
    pub(super) fn from_json(kind: Kind, raw: &RawValue) -> Result<Self, Fault> {
        if raw.get() == "null" {
            return Ok(Self::Null);
        }
        if kind == Kind::Json {
            return Self::parse(kind, raw.get());
        }
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Self::parse(kind, &text),
            Err(_) => Self::parse(kind, raw.get()),
        }
    }

    pub(super) fn to_json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => Value::from(text.as_str()).to_string(),
            Self::Json(value) => value.to_string(),
        }
    }

    /// As a cast to text gives it.
    pub(super) fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) | Self::Number(text) => Some(text.clone()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Json(value) => Some(value.to_string()),
        }
    }

    /// As SQL compares; nothing compares with null.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Number(left), Self::Number(right)) => {
                let exact = left.parse::<i64>().ok().zip(right.parse::<i64>().ok());
                match exact {
                    Some((left, right)) => Some(left.cmp(&right)),
                    None => left.parse::<f64>().ok()?.partial_cmp(&right.parse().ok()?),
                }
            }
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (left, right) => Some(left.to_text()?.cmp(&right.to_text()?)),
        }
    }
}

/// As Postgres writes it in JSON, in UTC.
pub(super) fn timestamp(instant: jiff::Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    lengths == [8, 4, 4, 4, 12] && text.chars().all(digits)
}
