//! Filters of rows: `col=op.value`, `or=(…)`, `not.`.

use std::cmp::Ordering;

use super::cell::{Cell, Kind};
use super::parse::{list, split};
use super::reply::Fault;
use super::table::{Row, Table};

/// A condition on a row.
#[derive(Debug)]
pub(super) enum Condition {
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare(usize, Operator, Cell),
    In(usize, Vec<Cell>),
    Is(usize, Truth),
    Like(usize, String, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

impl Condition {
    /// One parameter of a query.
    pub(super) fn read(table: &Table, name: &str, value: &str) -> Result<Self, Fault> {
        match name {
            "or" | "and" | "not.or" | "not.and" => Self::group(table, name, value),
            column => Self::column(table, column, value),
        }
    }

    fn group(table: &Table, name: &str, value: &str) -> Result<Self, Fault> {
        let (negated, kind) = match name.strip_prefix("not.") {
            Some(kind) => (true, kind),
            None => (false, name),
        };
        let inner = value
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| Fault::unparsed("logic tree", value))?;
        let parts = split(inner)
            .into_iter()
            .map(|part| Self::member(table, part))
            .collect::<Result<Vec<_>, _>>()?;
        let group = match kind {
            "or" => Self::Any(parts),
            _ => Self::All(parts),
        };
        Ok(if negated {
            Self::Not(Box::new(group))
        } else {
            group
        })
    }

    /// `a.lt.1`, or a group within a group.
    fn member(table: &Table, part: &str) -> Result<Self, Fault> {
        for name in ["or", "and", "not.or", "not.and"] {
            if let Some(rest) = part.strip_prefix(name)
                && rest.starts_with('(')
            {
                return Self::group(table, name, rest);
            }
        }
        let unparsed = || Fault::unparsed("logic tree", part);
        let (column, value) = part.split_once('.').ok_or_else(unparsed)?;
        Self::column(table, column, value)
    }

    fn column(table: &Table, column: &str, value: &str) -> Result<Self, Fault> {
        if let Some(rest) = value.strip_prefix("not.") {
            return Ok(Self::Not(Box::new(Self::column(table, column, rest)?)));
        }
        let unparsed = || Fault::unparsed("filter", value);
        let (operator, literal) = value.split_once('.').ok_or_else(unparsed)?;
        let at = |table: &Table| table.column(column);
        let compare = |operator| {
            let at = at(table)?;
            let literal = literal.trim_matches('"');
            Ok(Self::Compare(
                at,
                operator,
                Cell::parse(table.columns[at].kind, literal)?,
            ))
        };
        match operator {
            "eq" => compare(Operator::Eq),
            "neq" => compare(Operator::Neq),
            "gt" => compare(Operator::Gt),
            "gte" => compare(Operator::Gte),
            "lt" => compare(Operator::Lt),
            "lte" => compare(Operator::Lte),
            "like" => Ok(Self::Like(at(table)?, literal.to_owned(), false)),
            "ilike" => Ok(Self::Like(at(table)?, literal.to_lowercase(), true)),
            "in" => {
                let at = at(table)?;
                let kind = table.columns[at].kind;
                let cells = list(literal).ok_or_else(unparsed)?;
                let cells = cells.iter().map(|text| Cell::parse(kind, text));
                Ok(Self::In(at, cells.collect::<Result<_, _>>()?))
            }
            "is" => {
                let truth = match literal.to_ascii_lowercase().as_str() {
                    "null" => Truth::Null,
                    "not_null" => Truth::NotNull,
                    "true" => Truth::True,
                    "false" => Truth::False,
                    "unknown" => Truth::Unknown,
                    _ => return Err(unparsed()),
                };
                let at = at(table)?;
                let is_bool = table.columns[at].kind == Kind::Bool;
                if !is_bool && !matches!(truth, Truth::Null | Truth::NotNull) {
                    let message = "argument of IS TRUE must be type boolean";
                    return Err(Fault::new("42804", message));
                }
                Ok(Self::Is(at, truth))
            }
            _ => Err(unparsed()),
        }
    }

    /// SQL's three values: `None` is unknown, and keeps a row out like false does.
    pub(super) fn holds(&self, row: &Row) -> Option<bool> {
        match self {
            Self::Not(inner) => inner.holds(row).map(|holds| !holds),
            Self::All(parts) => fold(parts, row, false),
            Self::Any(parts) => fold(parts, row, true),
            Self::Compare(at, operator, literal) => {
                let order = row[*at].compare(literal)?;
                Some(match operator {
                    Operator::Eq => order == Ordering::Equal,
                    Operator::Neq => order != Ordering::Equal,
                    Operator::Gt => order == Ordering::Greater,
                    Operator::Gte => order != Ordering::Less,
                    Operator::Lt => order == Ordering::Less,
                    Operator::Lte => order != Ordering::Greater,
                })
            }
            Self::In(at, cells) => {
                let equal = |cell: &Cell| row[*at].compare(cell) == Some(Ordering::Equal);
                (row[*at] != Cell::Null).then(|| cells.iter().any(equal))
            }
            Self::Is(at, truth) => Some(match truth {
                Truth::Null | Truth::Unknown => row[*at] == Cell::Null,
                Truth::NotNull => row[*at] != Cell::Null,
                Truth::True => row[*at] == Cell::Bool(true),
                Truth::False => row[*at] == Cell::Bool(false),
            }),
            Self::Like(at, pattern, fold_case) => {
                let text = row[*at].to_text()?;
                let text = if *fold_case {
                    text.to_lowercase()
                } else {
                    text
                };
                Some(is_like(&text, pattern))
            }
        }
    }
}

/// `decisive` is the value that settles the group: true for any, false for all.
fn fold(parts: &[Condition], row: &Row, decisive: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part.holds(row) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

/// `*` and `%` stand for any text, `_` for one character, `\` takes the next as it is.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*' | '%') => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let after = rest.as_str();
            starts.into_iter().any(|at| is_like(&text[at..], after))
        }
        Some('\\') => {
            let mut pair = rest.clone();
            match pair.next() {
                Some(exact) => text
                    .strip_prefix(exact)
                    .is_some_and(|text| is_like(text, pair.as_str())),
                None => false,
            }
        }
        Some(one) => {
            let mut chars = text.chars();
            match chars.next() {
                Some(first) if one == '_' || one == first => is_like(chars.as_str(), rest.as_str()),
                _ => false,
            }
        }
    }
}
