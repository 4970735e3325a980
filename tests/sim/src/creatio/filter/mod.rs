//! `$filter`: read into a tree whose types fit, and asked of each record.

mod ask;
mod lex;
mod parse;

use super::cell::{Cell, Kind};
use super::schema::MODIFIED_ON;

pub(super) use self::ask::Asking;
pub(super) use self::parse::{Reader, path};

/// A condition on a record.
#[derive(Debug)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operator, Operand, Operand),
    /// A value that is a boolean by itself.
    Is(Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Cell),
    Path(Path),
    Call(Function, Vec<Operand>),
}

/// A column, by way of lookups or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The lookup columns, each with the entity that it leads to.
    pub(super) steps: Vec<(usize, &'static str)>,
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Length,
    IndexOf,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    Year,
    Month,
    Day,
    Now,
}

impl Condition {
    /// An instant before which no record that was modified fits, if the condition says one.
    pub(super) fn modified_from(&self) -> Option<i64> {
        match self {
            Self::And(left, right) => left.modified_from().max(right.modified_from()),
            Self::Or(left, right) => Some(left.modified_from()?.min(right.modified_from()?)),
            Self::Compare(
                Operator::Eq | Operator::Gt | Operator::Ge,
                Operand::Path(path),
                Operand::Literal(Cell::Time(from)),
            ) if path.steps.is_empty() && path.column == MODIFIED_ON => Some(*from),
            _ => None,
        }
    }
}

impl Operand {
    /// Its type; `None` is null, which fits with any.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Literal(Cell::Null) => None,
            Self::Literal(Cell::Guid(_)) => Some(Kind::Guid),
            Self::Literal(Cell::Text(_)) => Some(Kind::Text),
            Self::Literal(Cell::Int(_)) => Some(Kind::Int),
            Self::Literal(Cell::Decimal(_)) => Some(Kind::Decimal),
            Self::Literal(Cell::Bool(_)) => Some(Kind::Bool),
            Self::Literal(Cell::Time(_)) => Some(Kind::Time),
            Self::Path(path) => Some(path.kind),
            Self::Call(function, _) => Some(function.gives()),
        }
    }
}

impl Function {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "contains" => Self::Contains,
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            "length" => Self::Length,
            "indexof" => Self::IndexOf,
            "tolower" => Self::ToLower,
            "toupper" => Self::ToUpper,
            "trim" => Self::Trim,
            "concat" => Self::Concat,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "now" => Self::Now,
            _ => return None,
        })
    }

    fn gives(self) -> Kind {
        match self {
            Self::Contains | Self::StartsWith | Self::EndsWith => Kind::Bool,
            Self::Length | Self::IndexOf | Self::Year | Self::Month | Self::Day => Kind::Int,
            Self::ToLower | Self::ToUpper | Self::Trim | Self::Concat => Kind::Text,
            Self::Now => Kind::Time,
        }
    }

    /// The types of what it takes.
    fn takes(self) -> &'static [Kind] {
        match self {
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::IndexOf | Self::Concat => {
                &[Kind::Text, Kind::Text]
            }
            Self::Length | Self::ToLower | Self::ToUpper | Self::Trim => &[Kind::Text],
            Self::Year | Self::Month | Self::Day => &[Kind::Time],
            Self::Now => &[],
        }
    }
}
