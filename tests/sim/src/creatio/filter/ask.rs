//! Asks a condition of a record.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Condition, Function, Operand, Operator, Path};
use crate::creatio::cell::Cell;
use crate::creatio::guid::Guid;
use crate::creatio::switches::Switches;
use crate::creatio::table::Row;
use crate::creatio::world::World;

/// What a condition is asked with.
pub(in crate::creatio) struct Asking<'a> {
    pub(in crate::creatio) world: &'a World,
    pub(in crate::creatio) switches: &'a Switches,
    /// Microseconds since 1970.
    pub(in crate::creatio) now: i64,
}

impl Condition {
    pub(in crate::creatio) fn holds(&self, row: &Row, asking: &Asking) -> bool {
        match self {
            Self::And(left, right) => left.holds(row, asking) && right.holds(row, asking),
            Self::Or(left, right) => left.holds(row, asking) || right.holds(row, asking),
            Self::Not(inner) => !inner.holds(row, asking),
            Self::Is(operand) => *asking.value(operand, row) == Cell::Bool(true),
            Self::Compare(operator, left, right) => {
                let (left, right) = (asking.value(left, row), asking.value(right, row));
                let order = asking.order(&left, &right);
                match operator {
                    Operator::Eq => order == Some(Ordering::Equal),
                    Operator::Ne => order != Some(Ordering::Equal),
                    Operator::Gt => order == Some(Ordering::Greater),
                    Operator::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                    Operator::Lt => order == Some(Ordering::Less),
                    Operator::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                }
            }
        }
    }
}

impl<'a> Asking<'a> {
    /// The value at the end of a path; null where a lookup on the way is empty.
    pub(in crate::creatio) fn at<'r>(&'r self, path: &Path, row: &'r Row) -> &'r Cell {
        let mut row = row;
        for (column, entity) in &path.steps {
            let id = row.get(*column).as_guid();
            let table = self.world.table(entity);
            match id
                .zip(table)
                .and_then(|(id, table)| table.read(id, self.now))
            {
                Some(next) => row = next,
                None => return &Cell::Null,
            }
        }
        row.get(path.column)
    }

    /// The order of two values; an empty one is equal to an empty one, and in no order with others.
    pub(in crate::creatio) fn order(&self, left: &Cell, right: &Cell) -> Option<Ordering> {
        if left.is_empty() || right.is_empty() {
            return (left.is_empty() && right.is_empty()).then_some(Ordering::Equal);
        }
        match (left, right) {
            (Cell::Text(left), Cell::Text(right)) => Some(self.cased(left).cmp(&self.cased(right))),
            (Cell::Guid(left), Cell::Guid(right)) => {
                let key = |guid: &Guid| guid.key(self.switches.guid_order);
                Some(key(left).cmp(&key(right)))
            }
            (Cell::Time(left), Cell::Time(right)) => Some(left.cmp(right)),
            (Cell::Bool(left), Cell::Bool(right)) => Some(left.cmp(right)),
            (Cell::Int(left), Cell::Int(right)) => Some(left.cmp(right)),
            _ => left.as_number()?.partial_cmp(&right.as_number()?),
        }
    }

    fn cased<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.switches.text_ignores_case {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    }

    fn value<'r>(&'r self, operand: &'r Operand, row: &'r Row) -> Cow<'r, Cell> {
        match operand {
            Operand::Literal(cell) => Cow::Borrowed(cell),
            Operand::Path(path) => Cow::Borrowed(self.at(path, row)),
            Operand::Call(function, arguments) => {
                let values = arguments.iter().map(|operand| self.value(operand, row));
                let values: Vec<Cow<Cell>> = values.collect();
                Cow::Owned(self.call(*function, &values))
            }
        }
    }

    fn call(&self, function: Function, values: &[Cow<Cell>]) -> Cell {
        let text = |at: usize| values[at].plain().unwrap_or_default();
        let cased = |at: usize| self.cased(&text(at)).into_owned();
        let found = |at: Option<usize>| at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
        match function {
            Function::Contains => Cell::Bool(cased(0).contains(&cased(1))),
            Function::StartsWith => Cell::Bool(cased(0).starts_with(&cased(1))),
            Function::EndsWith => Cell::Bool(cased(0).ends_with(&cased(1))),
            Function::Length => Cell::Int(found(Some(text(0).chars().count()))),
            Function::IndexOf => {
                let (inner, whole) = (cased(1), cased(0));
                let at = whole.find(&inner);
                Cell::Int(found(at.map(|at| whole[..at].chars().count())))
            }
            Function::ToLower => Cell::text(text(0).to_lowercase()),
            Function::ToUpper => Cell::text(text(0).to_uppercase()),
            Function::Trim => Cell::text(text(0).trim()),
            Function::Concat => Cell::text(text(0) + &text(1)),
            Function::Year | Function::Month | Function::Day => part(function, &values[0]),
            Function::Now => Cell::Time(self.now),
        }
    }
}

fn part(function: Function, value: &Cell) -> Cell {
    let instant = value.as_time().map(Timestamp::from_microsecond);
    let Some(Ok(instant)) = instant else {
        return Cell::Null;
    };
    let date = instant.to_zoned(TimeZone::UTC).date();
    Cell::Int(match function {
        Function::Year => i64::from(date.year()),
        Function::Month => i64::from(date.month()),
        _ => i64::from(date.day()),
    })
}
