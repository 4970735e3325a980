//! The query of a call: which rows, which columns, in which order, which part.

use std::cmp::Ordering;

use axum::http::HeaderMap;
use axum::http::header::RANGE;
use serde_json::Value;

use super::cell::Cell;
use super::filter::{Condition, Operator};
use super::parse::{split, unquoted};
use super::reply::Fault;
use super::table::{Row, Table};

/// Parameters that are no filters.
const RESERVED: [&str; 7] = [
    "select",
    "order",
    "limit",
    "offset",
    "on_conflict",
    "columns",
    "apikey",
];

#[derive(Debug)]
pub(super) struct Query {
    filters: Vec<Condition>,
    select: Option<Vec<Selected>>,
    order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

#[derive(Debug)]
struct Selected {
    at: usize,
    name: String,
    as_text: bool,
    /// A key inside a JSON column, and whether it is taken as text.
    inside: Option<(String, bool)>,
}

#[derive(Debug)]
struct Order {
    at: usize,
    descending: bool,
    nulls_first: bool,
}

impl Query {
    /// `also` are parameters that are arguments of a function.
    pub(super) fn read(
        table: &Table,
        params: &[(String, String)],
        headers: &HeaderMap,
        also: &[&str],
    ) -> Result<Self, Fault> {
        let get = |name: &str| {
            let found = params.iter().find(|(param, _)| param == name);
            found.map(|(_, value)| value.as_str())
        };
        let filters = params
            .iter()
            .filter(|(name, _)| {
                !RESERVED.contains(&name.as_str()) && !also.contains(&name.as_str())
            })
            .map(|(name, value)| Condition::read(table, name, value));
        let (limit, offset) = window(get("limit"), get("offset"), headers)?;
        Ok(Self {
            filters: filters.collect::<Result<_, _>>()?,
            select: get("select").map_or(Ok(None), |text| select(table, text))?,
            order: get("order").map_or(Ok(Vec::new()), |text| order(table, text))?,
            limit,
            offset,
        })
    }

    pub(super) fn is_unfiltered(&self) -> bool {
        self.filters.is_empty()
    }

    pub(super) fn has(&self, row: &Row) -> bool {
        self.filters
            .iter()
            .all(|filter| filter.holds(row) == Some(true))
    }

    /// A column and the text that every row asked for has in it, if the query names one.
    pub(super) fn text_of_a_key(&self) -> Option<(usize, &str)> {
        self.filters.iter().find_map(|filter| match filter {
            Condition::Compare(at, Operator::Eq, Cell::Text(text)) => Some((*at, text.as_str())),
            _ => None,
        })
    }

    /// The rows that are asked for, in order, before they are cut into parts.
    pub(super) fn matching<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Vec<&'a Row> {
        let mut found: Vec<&Row> = rows.filter(|row| self.has(row)).collect();
        found.sort_by(|left, right| {
            let mut orders = self.order.iter().map(|order| order.of(left, right));
            orders
                .find(|order| *order != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
        found
    }

    pub(super) fn json_of(&self, table: &Table, row: &Row) -> String {
        let Some(select) = &self.select else {
            return table.json_of(row);
        };
        let fields: Vec<String> = select
            .iter()
            .map(|field| format!("{}:{}", Value::from(field.name.as_str()), field.of(row)))
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl Selected {
    fn of(&self, row: &Row) -> String {
        let cell = &row[self.at];
        if let (Some((key, as_text)), Cell::Json(json)) = (&self.inside, cell) {
            let value = json.get(key).cloned().unwrap_or(Value::Null);
            return match value {
                Value::String(_) | Value::Null => value.to_string(),
                other if *as_text => Value::from(other.to_string()).to_string(),
                other => other.to_string(),
            };
        }
        match cell.to_text() {
            Some(text) if self.as_text => Value::from(text).to_string(),
            _ => cell.to_json(),
        }
    }
}

impl Order {
    fn of(&self, left: &Row, right: &Row) -> Ordering {
        let (left, right) = (&left[self.at], &right[self.at]);
        let null_order = if self.nulls_first {
            Ordering::Less
        } else {
            Ordering::Greater
        };
        match (left == &Cell::Null, right == &Cell::Null) {
            (true, true) => Ordering::Equal,
            (true, false) => null_order,
            (false, true) => null_order.reverse(),
            (false, false) => {
                let order = left.compare(right).unwrap_or(Ordering::Equal);
                if self.descending {
                    order.reverse()
                } else {
                    order
                }
            }
        }
    }
}

/// `limit` and `offset`, or else the header `Range`.
fn window(
    limit: Option<&str>,
    offset: Option<&str>,
    headers: &HeaderMap,
) -> Result<(Option<usize>, usize), Fault> {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = range.filter(|_| limit.is_none() && offset.is_none());
    if let Some((from, to)) = range.and_then(|range| range.split_once('-')) {
        let from: usize = from.parse().unwrap_or(0);
        let to: Option<usize> = to.parse().ok();
        if to.is_some_and(|to| to < from) {
            let fault = Fault::new("PGRST103", "Requested range not satisfiable");
            return Err(fault.details("The lower boundary must be lower than or equal to the upper boundary in the Range header."));
        }
        return Ok((to.map(|to| to + 1 - from), from));
    }
    let number = |text: Option<&str>| match text.map(str::parse::<i64>) {
        None => Ok(None),
        Some(Ok(number)) if number >= 0 => Ok(usize::try_from(number).ok()),
        Some(Ok(_)) => {
            let fault = Fault::new("PGRST103", "Requested range not satisfiable");
            Err(fault.details("Limit should be greater than or equal to zero."))
        }
        Some(Err(_)) => Err(Fault::unparsed("limit", text.unwrap_or_default())),
    };
    Ok((number(limit)?, number(offset)?.unwrap_or(0)))
}

fn select(table: &Table, text: &str) -> Result<Option<Vec<Selected>>, Fault> {
    if text.is_empty() || text == "*" {
        return Ok(None);
    }
    let mut fields = Vec::new();
    for part in split(text) {
        if part == "*" {
            for (at, column) in table.columns.iter().enumerate() {
                fields.push(Selected {
                    at,
                    name: column.name.to_owned(),
                    as_text: false,
                    inside: None,
                });
            }
        } else {
            fields.push(selected(table, part)?);
        }
    }
    Ok(Some(fields))
}

/// `alias:column->>key::text`, of which all but the column may be missing.
fn selected(table: &Table, part: &str) -> Result<Selected, Fault> {
    if part.contains('(') {
        let message = format!(
            "Could not find a relationship between '{}' and '{part}' in the schema cache",
            table.name
        );
        return Err(Fault::new("PGRST200", message));
    }
    let (part, as_text) = match part.split_once("::") {
        Some((part, _)) => (part, true),
        None => (part, false),
    };
    // `a:b` is an alias; `a::b` was a cast.
    let (alias, path) = match part.split_once(':') {
        Some((alias, path)) => (Some(alias), path),
        None => (None, part),
    };
    let (column, inside) = match (path.split_once("->>"), path.split_once("->")) {
        (Some((column, key)), _) => (column, Some((key.to_owned(), true))),
        (None, Some((column, key))) => (column, Some((key.to_owned(), false))),
        (None, None) => (path, None),
    };
    let column = unquoted(column);
    let name = match (alias, &inside) {
        (Some(alias), _) => alias.to_owned(),
        (None, Some((key, _))) => key.clone(),
        (None, None) => column.clone(),
    };
    Ok(Selected {
        at: table.column(&column)?,
        name,
        as_text,
        inside,
    })
}

fn order(table: &Table, text: &str) -> Result<Vec<Order>, Fault> {
    let one = |part: &str| {
        let mut words = part.split('.');
        let at = table.column(words.next().unwrap_or_default())?;
        let (mut descending, mut nulls_first) = (false, None);
        for word in words {
            match word {
                "asc" => descending = false,
                "desc" => descending = true,
                "nullsfirst" => nulls_first = Some(true),
                "nullslast" => nulls_first = Some(false),
                _ => return Err(Fault::unparsed("order", text)),
            }
        }
        Ok(Order {
            at,
            descending,
            nulls_first: nulls_first.unwrap_or(descending),
        })
    };
    split(text).into_iter().map(one).collect()
}
