//! All records of one site, who may do what with them, and what was ever saved.

mod change;
mod generate;
mod kept;
mod rights;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cell::{self, Cell};
use super::guid::{Guid, GuidOrder};
use super::schema::{Entity, Schema};
use super::table::{Row, Table};
use crate::entropy::Entropy;

pub use self::change::Change;
pub use self::rights::Right;
pub(super) use self::rights::Rights;

/// The contacts behind the users.
#[derive(Debug, Clone, Copy)]
pub struct Users {
    /// The one that processes of the vendor run as.
    pub supervisor: Guid,
    /// The technical user that the OAuth client is bound to.
    pub technical: Guid,
    /// A person, who works in the vendor's own pages: the second actor.
    pub person: Guid,
}

/// One save that happened, whoever did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Save {
    pub verb: Verb,
    pub entity: &'static str,
    pub id: Guid,
    /// What it gave a value.
    pub columns: Vec<&'static str>,
    /// Through the service, and not through the control door.
    pub through_api: bool,
    /// Which call it came by, as [`crate::wire::Span`] counts them.
    pub arrival: Option<u64>,
    /// By the vendor's clock.
    pub at: String,
}

/// A record was read by its id, and was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub id: Guid,
    /// How many saves, of all records, had happened before.
    pub saves: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    Create,
    Change,
    Delete,
}

#[derive(Debug)]
pub(super) struct World {
    schema: Arc<Schema>,
    tables: BTreeMap<&'static str, Table>,
    pub(super) users: Users,
    pub(super) rights: Rights,
    pub(super) saves: Vec<Save>,
    entropy: Entropy,
    journal: Option<Journal>,
}

/// How to take back what a group of writes has done.
#[derive(Debug)]
struct Journal {
    saves: usize,
    undo: Vec<(&'static str, Guid, Option<Row>)>,
}

impl World {
    pub(super) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    pub(super) fn table(&self, entity: &str) -> Option<&Table> {
        self.tables.get(entity)
    }

    pub(super) fn new_id(&mut self) -> Guid {
        Guid::drawn(self.entropy.draw(), self.entropy.draw())
    }

    /// Makes or replaces a record, which readers see from `seen_at` on.
    pub(super) fn put(&mut self, entity: &'static str, row: Row, seen_at: Option<i64>) {
        let id = row.id();
        if let Some(table) = self.tables.get_mut(entity) {
            let old = table.put(row, seen_at);
            self.note(entity, id, old);
        }
    }

    pub(super) fn remove(&mut self, entity: &'static str, id: Guid, seen_at: Option<i64>) {
        let table = self.tables.get_mut(entity);
        if let Some(old) = table.and_then(|table| table.remove(id, seen_at)) {
            self.note(entity, id, Some(old));
        }
    }

    fn note(&mut self, entity: &'static str, id: Guid, old: Option<Row>) {
        if let Some(journal) = &mut self.journal {
            journal.undo.push((entity, id, old));
        }
    }

    /// From here on all writes can be taken back together.
    pub(super) fn begin(&mut self) {
        self.journal = Some(Journal {
            saves: self.saves.len(),
            undo: Vec::new(),
        });
    }

    pub(super) fn commit(&mut self) {
        self.journal = None;
    }

    pub(super) fn roll_back(&mut self) {
        let Some(journal) = self.journal.take() else {
            return;
        };
        self.saves.truncate(journal.saves);
        for (entity, id, old) in journal.undo.into_iter().rev() {
            match old {
                Some(row) => self.put(entity, row, None),
                None => self.remove(entity, id, None),
            }
        }
    }

    pub(super) fn settle(&mut self, now: i64) {
        self.tables.values_mut().for_each(|table| table.settle(now));
    }

    pub(super) fn reorder(&mut self, order: GuidOrder) {
        self.tables
            .values_mut()
            .for_each(|table| table.reorder(order));
    }

    /// Whether a record, or any of an entity, is looked up by another; and by which column.
    pub(super) fn reference_to(&self, entity: &str, id: Guid) -> Option<String> {
        for holder in self.schema.all() {
            let columns = holder.columns.iter().enumerate();
            let lookups: Vec<usize> = columns
                .filter(|(_, column)| column.target == Some(entity))
                .map(|(at, _)| at)
                .collect();
            let rows = self
                .tables
                .get(holder.name)
                .into_iter()
                .flat_map(Table::all);
            for row in rows {
                let mut lookups = lookups.iter();
                if let Some(at) = lookups.find(|at| row.get(**at).as_guid() == Some(id)) {
                    return Some(format!("{}.{}", holder.name, holder.columns[*at].name));
                }
            }
        }
        None
    }

    /// A record as JSON, with nulls for what is empty.
    pub(super) fn record(&self, entity: &str, id: Guid) -> Option<Value> {
        let row = self.table(entity)?.get(id)?;
        Some(record(self.schema.get(entity)?, row))
    }

    /// All records of an entity as they are, by their ids.
    pub(super) fn records(&self, entity: &str) -> Vec<Value> {
        let schema = self.schema.get(entity);
        let table = self.table(entity);
        let both = schema.zip(table).into_iter();
        both.flat_map(|(entity, table)| table.all().map(|row| record(entity, row)))
            .collect()
    }

    pub(super) fn count(&self, entity: &str) -> usize {
        self.table(entity).map_or(0, Table::len)
    }

    pub(super) fn truth(&self) -> Value {
        json!({"entities": self.kept(), "saves": self.saves})
    }
}

fn record(entity: &Entity, row: &Row) -> Value {
    let mut record = Map::new();
    for (at, column) in entity.columns.iter().enumerate() {
        let value = match row.get(at) {
            Cell::Null => Value::Null,
            Cell::Bool(value) => json!(value),
            Cell::Int(number) => json!(number),
            Cell::Time(micros) => json!(cell::written(*micros)),
            other => json!(other.plain()),
        };
        record.insert(column.name.to_owned(), value);
    }
    Value::Object(record)
}
