//! Kept: the records of a site as a file has them, so that a site that stops can go on later.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::World;
use crate::creatio::cell::Cell;
use crate::creatio::guid::{Guid, GuidOrder};
use crate::creatio::schema::{Entity, ID};
use crate::creatio::table::{Row, Table};
use crate::entropy::Entropy;

impl World {
    /// All records, by entity.
    pub(crate) fn kept(&self) -> Map<String, Value> {
        let records = |name: &&'static str| ((*name).to_owned(), json!(self.records(name)));
        self.tables.keys().map(records).collect()
    }

    /// Puts records in the place of all that are here. What was deleted is as if it had never been.
    pub(crate) fn restore(
        &mut self,
        kept: &Value,
        (order, now): (GuidOrder, i64),
    ) -> Result<(), String> {
        let mut tables = BTreeMap::new();
        for entity in self.schema.all() {
            let records = kept.get(entity.name).and_then(Value::as_array);
            let records =
                records.ok_or_else(|| format!("there are no records of {}", entity.name))?;
            let mut table = Table::new(order);
            for record in records {
                table.put(row(entity, record)?, None);
            }
            tables.insert(entity.name, table);
        }
        self.tables = tables;
        // The ids that were drawn before the site stopped are taken.
        self.entropy = Entropy::seeded(now.unsigned_abs());
        Ok(())
    }
}

fn row(entity: &Entity, record: &Value) -> Result<Row, String> {
    let id = record["Id"].as_str().and_then(Guid::parse);
    let mut row = Row::new(id.ok_or_else(|| format!("a record of {} has no id", entity.name))?);
    for (at, column) in entity
        .columns
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != ID)
    {
        let value = record.get(column.name).unwrap_or(&Value::Null);
        let cell = Cell::from_json(column.kind, &value.to_string());
        row.set(
            at,
            cell.map_err(|_| format!("{}.{} cannot be {value}", entity.name, column.name))?,
        );
    }
    Ok(row)
}
