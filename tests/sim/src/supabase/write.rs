//! Inserts, upserts, changes and deletions. Each call is one transaction: all of it, or nothing.

use std::collections::{BTreeSet, HashMap};

use axum::response::Response;
use serde_json::value::RawValue;

use super::cell::Cell;
use super::parse::{split, unquoted};
use super::query::Query;
use super::read::{Reading, applied, body, put};
use super::reply::{Fault, body_of};
use super::table::{Row, Table, same};

/// The parameters of a call that writes.
pub(super) struct Writing<'a> {
    pub(super) reading: Reading<'a>,
    pub(super) params: &'a [(String, String)],
    pub(super) body: &'a [u8],
    pub(super) now_s: i64,
}

type Said = HashMap<usize, Cell>;

impl Writing<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(param, _)| param == name);
        found.map(|(_, value)| value.as_str())
    }

    fn query(&self, table: &Table) -> Result<Query, Fault> {
        Query::read(table, self.params, self.reading.headers, &[])
    }

    /// What the body says of each row.
    fn said(&self, table: &Table) -> Result<Vec<Said>, Fault> {
        let is_array = self.body.trim_ascii_start().starts_with(b"[");
        let invalid = |_| Fault::new("PGRST102", "Empty or invalid json");
        let rows: Vec<HashMap<String, &RawValue>> = if is_array {
            serde_json::from_slice(self.body).map_err(invalid)?
        } else {
            vec![serde_json::from_slice(self.body).map_err(invalid)?]
        };
        let named: Option<Vec<String>> = self
            .param("columns")
            .map(|columns| split(columns).into_iter().map(unquoted).collect());
        let keys = |row: &HashMap<String, &RawValue>| row.keys().cloned().collect::<BTreeSet<_>>();
        let first = rows.first().map(keys);
        if named.is_none() && rows.iter().any(|row| Some(keys(row)) != first) {
            return Err(Fault::new("PGRST102", "All object keys must match"));
        }
        rows.iter()
            .map(|row| self.said_of(table, row, named.as_deref()))
            .collect()
    }

    fn said_of(
        &self,
        table: &Table,
        row: &HashMap<String, &RawValue>,
        named: Option<&[String]>,
    ) -> Result<Said, Fault> {
        let mut said = Said::new();
        for (name, raw) in row {
            if named.is_some_and(|named| !named.contains(name)) {
                continue;
            }
            let at = table.column_to_write(name)?;
            said.insert(at, Cell::from_json(table.columns[at].kind, raw)?);
        }
        // A column that is named and not given is null, unless the default was asked for.
        for name in named.unwrap_or_default() {
            let at = table.column_to_write(name)?;
            if !row.contains_key(name) && !self.reading.prefer.missing_default {
                said.insert(at, Cell::Null);
            }
        }
        Ok(said)
    }
}

pub(super) fn insert(table: &mut Table, writing: &Writing) -> Result<Response, Fault> {
    let said = writing.said(table)?;
    let query = writing.query(table)?;
    let prefer = writing.reading.prefer;
    let key = if prefer.merge || prefer.ignore {
        Some(conflict_key(table, writing.param("on_conflict"))?)
    } else {
        None
    };
    let mut after = table.clone();
    let (mut inserted, mut touched) = (0, Vec::<Row>::new());
    for said in &said {
        let row = after.row(said, writing.now_s)?;
        let twin = key.as_ref().and_then(|key| after.twin(key, &row));
        match twin {
            Some(_) if prefer.ignore => {}
            Some(at) => {
                let again = |done: &Row| key.as_ref().is_some_and(|key| same(key, done, &row));
                if touched.iter().any(again) {
                    let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
                    return Err(Fault::new("21000", message));
                }
                for (column, cell) in said {
                    after.rows[at][*column] = cell.clone();
                }
                touched.push(after.rows[at].clone());
            }
            None => {
                if let Some(fault) = after.broken_key(&row) {
                    return Err(fault);
                }
                after.rows.push(row.clone());
                touched.push(row);
                inserted += 1;
            }
        }
    }
    *table = after;
    let is_upsert = key.is_some();
    let status = if is_upsert && inserted == 0 { 200 } else { 201 };
    written(table, &query, &touched, status, writing)
}

/// The columns of `on_conflict`, or the primary key.
fn conflict_key(table: &Table, named: Option<&str>) -> Result<Vec<usize>, Fault> {
    let names: Vec<String> = match named {
        Some(named) => split(named).into_iter().map(unquoted).collect(),
        None => table.unique[0]
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    };
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let is_unique = table
        .unique
        .iter()
        .any(|key| key.iter().copied().collect::<BTreeSet<_>>() == wanted);
    if !is_unique {
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT \
                       specification";
        return Err(Fault::new("42P10", message));
    }
    names.iter().map(|name| table.column(name)).collect()
}

pub(super) fn update(table: &mut Table, writing: &Writing) -> Result<Response, Fault> {
    let said = writing.said(table)?;
    let query = writing.query(table)?;
    let matching = matching(table, &query, writing, "UPDATE")?;
    let mut after = table.clone();
    for at in &matching {
        for (column, cell) in said.first().into_iter().flatten() {
            after.rows[*at][*column] = cell.clone();
        }
    }
    *table = after;
    let touched: Vec<Row> = matching.iter().map(|at| table.rows[*at].clone()).collect();
    written(table, &query, &touched, 204, writing)
}

pub(super) fn delete(table: &mut Table, writing: &Writing) -> Result<Response, Fault> {
    let query = writing.query(table)?;
    let matching = matching(table, &query, writing, "DELETE")?;
    let touched: Vec<Row> = matching.iter().map(|at| table.rows[*at].clone()).collect();
    for at in matching.iter().rev() {
        table.rows.remove(*at);
    }
    written(table, &query, &touched, 204, writing)
}

fn matching(
    table: &Table,
    query: &Query,
    writing: &Writing,
    verb: &str,
) -> Result<Vec<usize>, Fault> {
    if query.is_unfiltered() && writing.reading.switches.safe_update {
        let message = format!("{verb} requires a WHERE clause");
        return Err(Fault::new("21000", message));
    }
    let rows = table.rows.iter().enumerate();
    let found: Vec<usize> = rows
        .filter(|(_, row)| query.has(row))
        .map(|(at, _)| at)
        .collect();
    match writing.reading.prefer.max_affected {
        Some(most) if found.len() > most => {
            let message = "Query result exceeds max-affected preference constraint";
            let details = format!("The query affects {} rows", found.len());
            Err(Fault::new("PGRST124", message).details(details))
        }
        _ => Ok(found),
    }
}

fn written(
    table: &Table,
    query: &Query,
    touched: &[Row],
    status: u16,
    writing: &Writing,
) -> Result<Response, Fault> {
    let prefer = writing.reading.prefer;
    let mut reply = if prefer.representation {
        let rows: Vec<String> = touched
            .iter()
            .map(|row| query.json_of(table, row))
            .collect();
        let mut reply = body(&rows, writing.reading.headers)?;
        let status = if status == 204 { 200 } else { status };
        *reply.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
        reply
    } else {
        let mut reply = body_of(status, String::new());
        reply.headers_mut().remove("content-type");
        reply
    };
    if prefer.headers_only
        && let [row] = touched
        && let Ok(at) = table.column(table.unique[0][0])
    {
        let id = row[at].to_text().unwrap_or_default();
        let location = format!("/{}?{}=eq.{id}", table.name, table.unique[0][0]);
        put(&mut reply, "location", &location);
    }
    let total = if prefer.count {
        touched.len().to_string()
    } else {
        "*".to_owned()
    };
    put(&mut reply, "content-range", &format!("*/{total}"));
    applied(&mut reply, prefer);
    Ok(reply)
}
