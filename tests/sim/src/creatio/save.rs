//! Creates, changes and deletions: what the vendor checks, what it makes of a value before it stores
//! it, and what it writes by itself.

use super::cell::{Cell, Unconvertible, YEAR_ONE, time};
use super::guid::Guid;
use super::reply::Fault;
use super::schema::{CREATED_BY, CREATED_ON, Column, Entity, ID, MODIFIED_BY, MODIFIED_ON};
use super::switches::{DuplicateId, OverLength, Switches, TimePrecision};
use super::table::Row;
use super::world::{Save, Verb, World};

/// What a body says of some columns.
pub(super) type Said = Vec<(usize, Cell)>;

/// When, by whom and under which switches something is saved.
pub(super) struct Saving<'a> {
    /// Microseconds since 1970, by the vendor's clock.
    pub(super) now: i64,
    pub(super) by: Guid,
    /// Which call of the service it came by; None for what comes through the control door.
    pub(super) arrival: Option<u64>,
    pub(super) switches: &'a Switches,
}

impl Saving<'_> {
    fn is_through_api(&self) -> bool {
        self.arrival.is_some()
    }

    fn seen_at(&self) -> Option<i64> {
        let lag_ms = i64::try_from(self.switches.visible_after_ms).unwrap_or(i64::MAX / 2_000);
        (lag_ms > 0).then(|| self.now + lag_ms * 1_000)
    }

    fn stamp(&self) -> Cell {
        Cell::Time(exact(self.now, self.switches.time_precision))
    }

    fn save(&self, verb: Verb, entity: &Entity, (id, columns): (Guid, Vec<&'static str>)) -> Save {
        Save {
            verb,
            entity: entity.name,
            id,
            columns,
            through_api: self.is_through_api(),
            arrival: self.arrival,
            at: super::cell::written(self.now),
        }
    }
}

fn named(entity: &Entity, said: &Said) -> Vec<&'static str> {
    let columns = said.iter().map(|(at, _)| entity.columns[*at].name);
    columns.collect()
}

/// The columns and values of a body, given as names and raw JSON.
pub(super) fn read(entity: &Entity, pairs: &[(String, String)]) -> Result<Said, Fault> {
    let mut said = Said::new();
    for (name, raw) in pairs {
        // Annotations are about values, and are none.
        if name.contains('@') {
            continue;
        }
        let at = entity.column(name).ok_or_else(|| {
            Fault::request(format!(
                "item : The property '{name}' does not exist on type '{}'. Make sure to only use \
                 property names that are defined by the type.\r\n",
                entity.type_name()
            ))
        })?;
        let kind = entity.columns[at].kind;
        let cell = Cell::from_json(kind, raw);
        let cell = cell.map_err(|Unconvertible(text)| Fault::literal(&text, kind.word()))?;
        said.push((at, cell));
    }
    Ok(said)
}

pub(super) fn create(
    world: &mut World,
    entity: &str,
    said: Said,
    saving: &Saving,
) -> Result<Guid, Fault> {
    let schema = world.schema();
    let entity = schema.get(entity).ok_or(Fault::missing(404))?;
    let switches = saving.switches;
    let chosen = said.iter().find(|(at, _)| *at == ID);
    let chosen = chosen.and_then(|(_, cell)| cell.as_guid());
    let id = match chosen {
        Some(id) if switches.accepts_chosen_ids || !saving.is_through_api() => id,
        _ => world.new_id(),
    };
    if world
        .table(entity.name)
        .is_some_and(|table| table.get(id).is_some())
    {
        return Err(duplicate(entity, id, switches));
    }
    let mut row = Row::new(id);
    let columns = named(entity, &said);
    fill(world, entity, &mut row, said, saving)?;
    let empty = |(at, column): &(usize, &Column)| column.is_required && row.get(*at).is_empty();
    if let Some((_, column)) = entity.columns.iter().enumerate().find(empty) {
        return Err(Fault::database(format!(
            "Field \"{}\" of object \"{}\" must be filled in",
            column.name, entity.name
        )));
    }
    row.set(CREATED_ON, saving.stamp());
    row.set(CREATED_BY, Cell::Guid(saving.by));
    stamp(&mut row, saving);
    world
        .saves
        .push(saving.save(Verb::Create, entity, (id, columns)));
    store(world, entity, row, saving);
    Ok(id)
}

pub(super) fn change(
    world: &mut World,
    entity: &str,
    id: Guid,
    said: Said,
    saving: &Saving,
) -> Result<(), Fault> {
    let schema = world.schema();
    let entity = schema.get(entity).ok_or(Fault::missing(404))?;
    let old = world.table(entity.name).and_then(|table| table.get(id));
    let old = old
        .ok_or_else(|| missing(world, entity, id, saving.switches))?
        .clone();
    let mut row = old.clone();
    let others: Said = said.into_iter().filter(|(at, _)| *at != ID).collect();
    if let Some((at, _)) = others
        .iter()
        .find(|(at, cell)| entity.columns[*at].is_required && cell.is_empty())
    {
        return Err(Fault::database(format!(
            "Field \"{}\" of object \"{}\" must be filled in",
            entity.columns[*at].name, entity.name
        )));
    }
    let dated = others.iter().any(|(at, _)| *at == MODIFIED_ON);
    let columns = named(entity, &others);
    fill(world, entity, &mut row, others, saving)?;
    if row == old && !saving.switches.same_values_touch {
        return Ok(());
    }
    if saving.is_through_api() || !dated {
        row.set(MODIFIED_ON, Cell::Null);
    }
    stamp(&mut row, saving);
    world
        .saves
        .push(saving.save(Verb::Change, entity, (id, columns)));
    store(world, entity, row, saving);
    Ok(())
}

pub(super) fn delete(
    world: &mut World,
    entity: &str,
    id: Guid,
    saving: &Saving,
) -> Result<(), Fault> {
    let schema = world.schema();
    let entity = schema.get(entity).ok_or(Fault::missing(404))?;
    if world
        .table(entity.name)
        .and_then(|table| table.get(id))
        .is_none()
    {
        return Err(missing(world, entity, id, saving.switches));
    }
    if entity.name == "Activity" {
        remove_participants(world, id, saving);
    }
    if let Some(holder) = world.reference_to(entity.name, id) {
        return Err(Fault::database(format!(
            "The DELETE statement conflicted with the REFERENCE constraint of \"{holder}\"."
        )));
    }
    world
        .saves
        .push(saving.save(Verb::Delete, entity, (id, Vec::new())));
    world.remove(entity.name, id, saving.seen_at());
    Ok(())
}

/// An activity takes its participants with it.
fn remove_participants(world: &mut World, activity: Guid, saving: &Saving) {
    const NAME: &str = "ActivityParticipant";
    let schema = world.schema();
    let at = schema
        .get(NAME)
        .and_then(|entity| entity.column("ActivityId"));
    let (Some(at), Some(table)) = (at, world.table(NAME)) else {
        return;
    };
    let of_it = table
        .all()
        .filter(|row| row.get(at).as_guid() == Some(activity));
    let ids: Vec<Guid> = of_it.map(Row::id).collect();
    for id in ids {
        world.remove(NAME, id, saving.seen_at());
    }
}

/// 404, or 410 for what was there once.
pub(super) fn missing(world: &World, entity: &Entity, id: Guid, switches: &Switches) -> Fault {
    let was_there = world
        .table(entity.name)
        .is_some_and(|table| table.was_deleted(id));
    Fault::missing(if was_there && switches.deleted_is_gone {
        410
    } else {
        404
    })
}

fn duplicate(entity: &Entity, id: Guid, switches: &Switches) -> Fault {
    let status = match switches.duplicate_id {
        DuplicateId::Http400 => 400,
        DuplicateId::Http409 => 409,
        DuplicateId::Http500 => 500,
    };
    let name = entity.name;
    Fault::database(format!(
        "Violation of PRIMARY KEY constraint 'PK{name}Id'. Cannot insert duplicate key in object \
         'dbo.{name}'. The duplicate key value is ({id})."
    ))
    .with_status(status)
}

/// `ModifiedOn`, unless a person's save has its own, and who did it.
fn stamp(row: &mut Row, saving: &Saving) {
    if row.get(MODIFIED_ON).is_empty() {
        row.set(MODIFIED_ON, saving.stamp());
    }
    row.set(MODIFIED_BY, Cell::Guid(saving.by));
}

fn store(world: &mut World, entity: &Entity, mut row: Row, saving: &Saving) {
    if saving.switches.process_after_save && entity.name == "Lead" {
        process(world, entity, &mut row, saving);
    }
    world.settle(saving.now);
    world.put(entity.name, row, saving.seen_at());
}

/// The vendor's own process has the last word.
fn process(world: &World, entity: &Entity, row: &mut Row, saving: &Saving) {
    let column = |name| entity.column(name).unwrap_or(ID);
    let parts = ["Contact", "Account"].map(|name| row.get(column(name)).plain());
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    row.set(column("LeadName"), Cell::text(parts.join(" / ")));
    let later = exact(saving.now + 1_000, saving.switches.time_precision);
    row.set(MODIFIED_ON, Cell::Time(later));
    row.set(MODIFIED_BY, Cell::Guid(world.users.supervisor));
}

/// Puts what was said into the row, as the vendor stores it.
fn fill(
    world: &World,
    entity: &Entity,
    row: &mut Row,
    said: Said,
    saving: &Saving,
) -> Result<(), Fault> {
    for (at, cell) in said {
        let is_own = matches!(at, ID | CREATED_ON | CREATED_BY | MODIFIED_BY);
        if is_own || (at == MODIFIED_ON && saving.is_through_api()) {
            continue;
        }
        let column = &entity.columns[at];
        let cell = stored(column, cell, saving.switches)?;
        if let (Some(target), Some(id)) = (column.target, cell.as_guid())
            && world
                .table(target)
                .is_none_or(|table| table.get(id).is_none())
        {
            return Err(Fault::database(format!(
                "The statement conflicted with the FOREIGN KEY constraint of column '{}.{}' in \
                 table 'dbo.{target}', column 'Id'.",
                entity.name, column.name
            )));
        }
        row.set(at, cell);
    }
    Ok(())
}

fn stored(column: &Column, cell: Cell, switches: &Switches) -> Result<Cell, Fault> {
    let empty = cell.is_empty();
    match cell {
        Cell::Text(text) => text_stored(column, &text, switches),
        // The zero guid is then a lookup of a record that is not there.
        Cell::Guid(_) if empty && switches.accepts_empties => Ok(Cell::Null),
        Cell::Time(_) if empty && switches.accepts_empties => Ok(Cell::Null),
        Cell::Time(micros) if Some(micros) < time("1753-01-01T00:00:00Z") => {
            Err(Fault::database(format!(
                "SqlDateTime overflow for {YEAR_ONE}. Must be between 1/1/1753 12:00:00 AM and \
                 12/31/9999 11:59:59 PM."
            )))
        }
        Cell::Time(micros) => Ok(Cell::Time(exact(micros, switches.time_precision))),
        other => Ok(other),
    }
}

fn text_stored(column: &Column, text: &str, switches: &Switches) -> Result<Cell, Fault> {
    let mut text = if switches.trims { text.trim() } else { text }.to_owned();
    if column.is_phone && switches.formats_phones {
        text.retain(|letter| letter.is_ascii_digit() || letter == '+');
    }
    if let Some(length) = column.length
        && text.chars().count() > length
    {
        if switches.over_length == OverLength::Refuse {
            return Err(Fault::database(format!(
                "String or binary data would be truncated in column '{}'.",
                column.name
            )));
        }
        text = text.chars().take(length).collect();
    }
    Ok(if text.is_empty() {
        Cell::Null
    } else {
        Cell::text(text)
    })
}

/// An instant as exactly as it is stored.
pub(super) fn exact(micros: i64, precision: TimePrecision) -> i64 {
    let unit = match precision {
        TimePrecision::Micros => 1,
        TimePrecision::Millis => 1_000,
        TimePrecision::Seconds => 1_000_000,
    };
    micros - micros.rem_euclid(unit)
}
