//! One call as the resolvers see it: what it may see, and what goes wrong for it.

use std::sync::Arc;

use async_graphql::{Context, Error, ErrorExtensions, Result, Value};
use serde_json::json;

use crate::soundtrack::fault::{FaultKind, ZoneField};
use crate::soundtrack::state::{Grant, State};
use crate::soundtrack::switches::{Missing, Switches};
use crate::soundtrack::world::{Account, Device, Location, World, Zone};

/// What every resolver needs of its call.
#[derive(Debug)]
pub(in crate::soundtrack) struct Caller {
    pub(in crate::soundtrack) state: Arc<State>,
    pub(in crate::soundtrack) switches: Arc<Switches>,
    pub(in crate::soundtrack) grant: Grant,
    pub(in crate::soundtrack) cost: u64,
}

pub(super) fn caller<'a>(ctx: &Context<'a>) -> &'a Caller {
    ctx.data_unchecked::<Caller>()
}

impl Caller {
    pub(super) fn world<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        self.state.world(look)
    }

    /// Whether the token was given this account, with no fault looked at.
    pub(super) fn is_granted(&self, account: &str) -> bool {
        self.grant
            .as_ref()
            .is_none_or(|accounts| accounts.contains(account))
    }

    pub(super) fn account(&self, id: &str) -> Result<Option<Arc<Account>>> {
        let found = self.world(|world| world.account(id));
        self.permitted(found, |account| Some(account.id.clone()))
    }

    pub(super) fn location(&self, id: &str) -> Result<Option<Arc<Location>>> {
        let found = self.world(|world| world.location(id));
        self.permitted(found, |location| Some(location.account_id.clone()))
    }

    pub(super) fn zone(&self, id: &str) -> Result<Option<Arc<Zone>>> {
        let found = self.world(|world| world.zone(id));
        self.permitted(found, |zone| Some(zone.account_id.clone()))
    }

    pub(super) fn device(&self, id: &str) -> Result<Option<Arc<Device>>> {
        let found = self.world(|world| world.device(id));
        self.permitted(found, |device| {
            self.world(|world| world.account_of(&device.id))
        })
    }

    /// Something that is not there, as the switches have it.
    pub(super) fn missing<T>(&self, how: Missing) -> Result<Option<T>> {
        match how {
            Missing::NotFound => Err(not_found()),
            Missing::Null => Ok(None),
        }
    }

    /// The error of a zone's field, if a fault strikes it.
    pub(super) fn check_field(&self, zone: &Zone, field: ZoneField) -> Result<()> {
        let struck = self.state.faults.fire(|fault| match &fault.kind {
            FaultKind::FieldError {
                field: struck,
                code,
            } if *struck == field && fault.is_for(Some(&zone.account_id), Some(&zone.id)) => {
                Some(code.clone())
            }
            _ => None,
        });
        match struck.first() {
            Some(code) if code == "NOT_FOUND" => Err(not_found()),
            Some(code) => Err(coded("Something went wrong", code)),
            None => Ok(()),
        }
    }

    /// Whether a fault takes the node from this zone's edge.
    pub(super) fn loses_node(&self, zone: &Zone) -> bool {
        let struck = self.state.faults.fire(|fault| {
            let fits = fault.is_for(Some(&zone.account_id), Some(&zone.id));
            (matches!(fault.kind, FaultKind::NullNode) && fits).then_some(())
        });
        !struck.is_empty()
    }

    fn permitted<T>(
        &self,
        found: Option<Arc<T>>,
        account: impl FnOnce(&T) -> Option<String>,
    ) -> Result<Option<Arc<T>>> {
        let Some(found) = found else {
            return self.missing(self.switches.unknown_object);
        };
        match account(&found) {
            Some(account) if self.is_granted(&account) && !self.is_struck(&account) => {
                Ok(Some(found))
            }
            _ => Err(Error::new("Forbidden")),
        }
    }

    fn is_struck(&self, account: &str) -> bool {
        let struck = self.state.faults.fire(|fault| {
            let fits = fault.is_for(Some(account), None);
            (matches!(fault.kind, FaultKind::Forbidden) && fits).then_some(())
        });
        !struck.is_empty()
    }
}

pub(super) fn not_found() -> Error {
    coded("Not found", "NOT_FOUND")
}

pub(super) fn coded(message: &str, code: &str) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

/// `BAD_USER_INPUT`, with the field at fault as the live API was recorded to tell it.
pub(super) fn bad_input(field: &str, problem: &str) -> Error {
    let exception = json!({"validationErrors": {field: problem}});
    // JSON of strings always is a GraphQL value.
    let exception = Value::from_json(exception).unwrap_or_default();
    Error::new("Validation failed").extend_with(|_, extensions| {
        extensions.set("code", "BAD_USER_INPUT");
        extensions.set("exception", exception.clone());
    })
}
