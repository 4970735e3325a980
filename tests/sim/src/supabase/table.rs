//! Tables: columns with types and defaults, unique keys, rows.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::cell::{Cell, Kind, timestamp};
use super::index::Index;
use super::reply::Fault;
use crate::wire::Clock;

#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Fill,
}

/// What a column has when nothing is said of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fill {
    Null,
    Required,
    NewId,
    Now,
    Text(&'static str),
}

pub(super) type Row = Vec<Cell>;

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    /// Unique keys; the first is the primary one.
    pub(super) unique: Vec<Vec<&'static str>>,
    pub(super) rows: Vec<Row>,
    /// Forgotten by whoever asks for the table to change it.
    pub(super) index: Index,
    next_id: u64,
}

impl Table {
    pub(super) fn new(
        name: &'static str,
        columns: &[(&'static str, Kind, Fill)],
        unique: &[&[&'static str]],
    ) -> Self {
        let column = |(name, kind, default): &(&'static str, Kind, Fill)| Column {
            name,
            kind: *kind,
            default: *default,
        };
        Self {
            name,
            columns: columns.iter().map(column).collect(),
            unique: unique.iter().map(|key| key.to_vec()).collect(),
            rows: Vec::new(),
            index: Index::default(),
            next_id: 0,
        }
    }

    /// The rows that have this text in a column, in the order of their making.
    pub(super) fn rows_with<'a>(
        &'a self,
        column: usize,
        text: &str,
    ) -> impl Iterator<Item = &'a Row> + use<'a> {
        let places = self.index.places(&self.rows, column, text);
        places.into_iter().filter_map(|place| self.rows.get(place))
    }

    /// A table of the same sort that has these rows.
    pub(super) fn of_rows(&self, rows: Vec<Row>) -> Self {
        Self {
            name: self.name,
            columns: self.columns.clone(),
            unique: self.unique.clone(),
            rows,
            index: Index::default(),
            next_id: self.next_id,
        }
    }

    pub(super) fn column(&self, name: &str) -> Result<usize, Fault> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| {
            let message = format!("column {}.{name} does not exist", self.name);
            Fault::new("42703", message)
        })
    }

    /// Where a write names a column that is not there, the schema cache says so.
    pub(super) fn column_to_write(&self, name: &str) -> Result<usize, Fault> {
        self.column(name).map_err(|_| {
            let message = format!(
                "Could not find the '{name}' column of '{}' in the schema cache",
                self.name
            );
            Fault::new("PGRST204", message)
        })
    }

    /// A whole row of what was said and of defaults.
    pub(super) fn row(&mut self, said: &HashMap<usize, Cell>, now_s: i64) -> Result<Row, Fault> {
        let mut row = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.clone().iter().enumerate() {
            let cell = match said.get(&at) {
                Some(cell) => cell.clone(),
                None => self.filled(column, now_s),
            };
            if matches!(column.default, Fill::Required | Fill::NewId) && cell == Cell::Null {
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, self.name
                );
                return Err(Fault::new("23502", message));
            }
            row.push(cell);
        }
        Ok(row)
    }

    fn filled(&mut self, column: &Column, now_s: i64) -> Cell {
        match column.default {
            Fill::Null | Fill::Required => Cell::Null,
            Fill::Text(text) => Cell::Text(text.to_owned()),
            Fill::Now => Cell::Text(timestamp(Clock::instant(now_s))),
            Fill::NewId => {
                self.next_id += 1;
                match column.kind {
                    Kind::Int => Cell::Number(self.next_id.to_string()),
                    _ => Cell::Text(uuid(self.next_id)),
                }
            }
        }
    }

    /// A row of JSON that the world itself makes.
    pub(super) fn insert_json(&mut self, json: &Value, now_s: i64) -> Result<Row, Fault> {
        let mut said = HashMap::new();
        let object = json.as_object();
        for (name, value) in object.into_iter().flatten() {
            let at = self.column_to_write(name)?;
            let raw = RawValue::from_string(value.to_string())
                .map_err(|_| Fault::new("PGRST102", "no JSON"))?;
            said.insert(at, Cell::from_json(self.columns[at].kind, &raw)?);
        }
        let row = self.row(&said, now_s)?;
        self.rows.push(row.clone());
        Ok(row)
    }

    pub(super) fn json_of(&self, row: &Row) -> String {
        let fields: Vec<String> = self
            .columns
            .iter()
            .zip(row)
            .map(|(column, cell)| format!("\"{}\":{}", column.name, cell.to_json()))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    /// The place of the row that has the same values in these columns; null equals nothing.
    pub(super) fn twin(&self, key: &[usize], row: &Row) -> Option<usize> {
        self.rows.iter().position(|other| same(key, row, other))
    }

    /// The unique key that a row breaks, as Postgres tells it.
    pub(super) fn broken_key(&self, row: &Row) -> Option<Fault> {
        self.unique.iter().find_map(|names| {
            let key: Vec<usize> = names
                .iter()
                .filter_map(|name| self.column(name).ok())
                .collect();
            self.twin(&key, row)?;
            let constraint = format!("{}_{}_key", self.name, names.join("_"));
            let message =
                format!("duplicate key value violates unique constraint \"{constraint}\"");
            let values: Vec<String> = key.iter().filter_map(|at| row[*at].to_text()).collect();
            let details = format!(
                "Key ({})=({}) already exists.",
                names.join(", "),
                values.join(", ")
            );
            Some(Fault::new("23505", message).details(details))
        })
    }
}

pub(super) fn same(key: &[usize], left: &Row, right: &Row) -> bool {
    key.iter()
        .all(|at| left[*at] != Cell::Null && left[*at] == right[*at])
}

/// A UUID that says by its look that it was made up.
pub(super) fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}
