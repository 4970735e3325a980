//! Changes from outside the service: what people do in the vendor's own pages, and what an
//! administrator does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Right, World};
use crate::creatio::guid::Guid;
use crate::creatio::save::{self, Said, Saving};
use crate::creatio::switches::Switches;

/// A change of the world. `set` has column names and JSON values; decimals may be texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "change",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Change {
    /// A person makes a record. `Id` and `ModifiedOn` may be among what is set.
    Add {
        entity: String,
        set: Map<String, Value>,
    },
    /// A person changes a record. `ModifiedOn` is now, unless it is among what is set: so does a
    /// save that began earlier than it ended.
    Set {
        entity: String,
        id: Guid,
        set: Map<String, Value>,
    },
    Delete {
        entity: String,
        id: Guid,
    },
    /// The technical user loses a right, to one record if an id is given.
    Deny {
        entity: String,
        #[serde(default)]
        id: Option<Guid>,
        right: Right,
    },
    Allow {
        entity: String,
        #[serde(default)]
        id: Option<Guid>,
        right: Right,
    },
}

impl Change {
    /// A person makes a record.
    #[must_use]
    pub fn add(entity: &str, set: Value) -> Self {
        Self::Add {
            entity: entity.to_owned(),
            set: fields(set),
        }
    }

    /// A person changes a record.
    #[must_use]
    pub fn set(entity: &str, id: Guid, set: Value) -> Self {
        Self::Set {
            entity: entity.to_owned(),
            id,
            set: fields(set),
        }
    }

    #[must_use]
    pub fn delete(entity: &str, id: Guid) -> Self {
        Self::Delete {
            entity: entity.to_owned(),
            id,
        }
    }

    #[must_use]
    pub fn deny(entity: &str, id: Option<Guid>, right: Right) -> Self {
        Self::Deny {
            entity: entity.to_owned(),
            id,
            right,
        }
    }

    #[must_use]
    pub fn allow(entity: &str, id: Option<Guid>, right: Right) -> Self {
        Self::Allow {
            entity: entity.to_owned(),
            id,
            right,
        }
    }
}

/// What is no object sets nothing.
fn fields(set: Value) -> Map<String, Value> {
    match set {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl World {
    pub(crate) fn apply(
        &mut self,
        change: Change,
        now: i64,
        switches: &Switches,
    ) -> Result<String, String> {
        let saving = Saving {
            now,
            by: self.users.person,
            arrival: None,
            switches,
        };
        let refused = |fault| format!("{fault:?}");
        match change {
            Change::Add { entity, set } => {
                let said = self.said(&entity, &set)?;
                let id = save::create(self, &entity, said, &saving).map_err(refused)?;
                Ok(id.to_string())
            }
            Change::Set { entity, id, set } => {
                let said = self.said(&entity, &set)?;
                save::change(self, &entity, id, said, &saving).map_err(refused)?;
                Ok(id.to_string())
            }
            Change::Delete { entity, id } => {
                save::delete(self, &entity, id, &saving).map_err(refused)?;
                Ok(id.to_string())
            }
            Change::Deny { entity, id, right } => {
                self.rights.deny(&entity, id, right);
                Ok(entity)
            }
            Change::Allow { entity, id, right } => {
                self.rights.allow(&entity, id, right);
                Ok(entity)
            }
        }
    }

    fn said(&self, entity: &str, set: &Map<String, Value>) -> Result<Said, String> {
        let pairs = set
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()));
        let pairs: Vec<(String, String)> = pairs.collect();
        let schema = self.schema();
        let entity = schema
            .get(entity)
            .ok_or_else(|| format!("there is no entity {entity}"))?;
        save::read(entity, &pairs).map_err(|fault| format!("{fault:?}"))
    }
}
