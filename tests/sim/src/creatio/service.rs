//! One request to the service, whether it came alone or in a batch.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::address::{Options, Resource};
use super::list::{Reading, etag};
use super::metadata;
use super::query::Shape;
use super::reply::{Answer, Fault};
use super::save::{self, Said, Saving};
use super::schema::{Entity, Schema};
use super::switches::Switches;
use super::world::{Right, World};

/// A request, without where it came from.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// Below the root of the service.
    pub(super) path: String,
    pub(super) query: String,
    /// With names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// What calls are answered with, all of one HTTP request alike.
pub(super) struct Counter<'a> {
    pub(super) schema: &'a Schema,
    pub(super) switches: &'a Switches,
    /// Microseconds since 1970.
    pub(super) now: i64,
    pub(super) root: String,
    pub(super) turn: u64,
    /// Which call of the wire's it is.
    pub(super) arrival: u64,
}

impl Call {
    /// Those that list records have changes before them.
    pub(super) fn is_listing(&self) -> bool {
        let lists = |resource| matches!(resource, Resource::Set(_) | Resource::Count(_));
        self.method == "GET" && Resource::read(&self.path).is_some_and(lists)
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    pub(super) fn media(&self) -> &str {
        self.header("content-type")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Counter<'_> {
    pub(super) fn read(&self, world: &World, call: &Call) -> Answer {
        let answer = self.try_read(world, call);
        answer.unwrap_or_else(|fault| fault.answer(self.switches))
    }

    fn try_read(&self, world: &World, call: &Call) -> Result<Answer, Fault> {
        let resource = Resource::read(&call.path).ok_or(Fault::missing(404))?;
        let reading = self.reading(world, call);
        match &resource {
            Resource::Service => Ok(metadata::service(self.schema, &self.root)),
            Resource::Metadata => Ok(metadata::metadata(self.schema, self.switches)),
            Resource::Batch => Err(Fault::missing(405)),
            Resource::Set(set) => reading.list(self.entity(set)?, &call.query),
            Resource::Count(set) => reading.count(self.entity(set)?, &call.query),
            Resource::Record(set, id) => reading.record(self.entity(set)?, *id, &call.query),
            Resource::Part(set, id, names) => reading.part(self.entity(set)?, *id, names),
        }
    }

    pub(super) fn write(&self, world: &mut World, call: &Call) -> Answer {
        let answer = self.try_write(world, call);
        answer.unwrap_or_else(|fault| fault.answer(self.switches))
    }

    fn try_write(&self, world: &mut World, call: &Call) -> Result<Answer, Fault> {
        let resource = Resource::read(&call.path).ok_or(Fault::missing(404))?;
        let saving = Saving {
            now: self.now,
            by: world.users.technical,
            arrival: Some(self.arrival),
            switches: self.switches,
        };
        match (call.method.as_str(), &resource) {
            ("POST", Resource::Set(set)) => {
                let entity = self.entity(set)?;
                may_write(world, entity, None)?;
                let id = save::create(world, entity.name, said(entity, call)?, &saving)?;
                // The maker sees the record whole, even where it may not read and others lag behind.
                let row = world.table(entity.name).and_then(|table| table.get(id));
                let row = row.ok_or(Fault::missing(404))?;
                let shape = Shape::read(self.schema, entity, &Options::default())?;
                let mut answer = self.reading(world, call).one(entity, row, &shape);
                answer.status = 201;
                Ok(answer.with("location", format!("{}/{set}({id})", self.root)))
            }
            ("PATCH", Resource::Record(set, id)) => {
                let entity = self.entity(set)?;
                may_write(world, entity, Some(*id))?;
                self.heed_match(world, entity, *id, call)?;
                save::change(world, entity.name, *id, said(entity, call)?, &saving)?;
                Ok(Answer::empty(204).with("odata-version", "4.0"))
            }
            ("DELETE", Resource::Record(set, id)) => {
                let entity = self.entity(set)?;
                may_write(world, entity, Some(*id))?;
                self.heed_match(world, entity, *id, call)?;
                save::delete(world, entity.name, *id, &saving)?;
                Ok(Answer::empty(self.switches.delete_status))
            }
            _ => Err(Fault::missing(405)),
        }
    }

    fn heed_match(
        &self,
        world: &World,
        entity: &Entity,
        id: super::Guid,
        call: &Call,
    ) -> Result<(), Fault> {
        let wanted = call.header("if-match");
        let row = world.table(entity.name).and_then(|table| table.get(id));
        match row {
            Some(row) if self.switches.etags && !["", "*"].contains(&wanted) => {
                if etag(row) == wanted {
                    Ok(())
                } else {
                    Err(Fault::precondition())
                }
            }
            _ => Ok(()),
        }
    }

    fn reading<'a>(&'a self, world: &'a World, call: &Call) -> Reading<'a> {
        Reading {
            world,
            schema: self.schema,
            switches: self.switches,
            now: self.now,
            root: &self.root,
            quotes_decimals: call.header("accept").contains("IEEE754Compatible=true"),
            turn: self.turn,
        }
    }

    fn entity(&self, set: &str) -> Result<&Entity, Fault> {
        self.schema.get(set).ok_or(Fault::missing(404))
    }
}

/// A right to write what may not be read is no right.
fn may_write(world: &World, entity: &Entity, id: Option<super::Guid>) -> Result<(), Fault> {
    for right in [Right::Read, Right::Write] {
        let denied = id.is_some_and(|id| !world.rights.has_record(entity.name, id, right));
        if denied || !world.rights.has(entity.name, right) {
            return Err(Fault::forbidden());
        }
    }
    Ok(())
}

fn said(entity: &Entity, call: &Call) -> Result<Said, Fault> {
    let body: Result<BTreeMap<String, &RawValue>, _> = serde_json::from_slice(&call.body);
    let body = body.map_err(|error| Fault::request(format!("item : {error}\r\n")))?;
    let pairs = body
        .into_iter()
        .map(|(name, raw)| (name, raw.get().to_owned()));
    save::read(entity, &pairs.collect::<Vec<_>>())
}
