//! Creatio CRM as its OData 4 service shows it, with its identity service, simulated from the contract
//! sheet (`api/creatio.md`): leads, contacts, accounts, activities and their lookups, read and written
//! by a technical user while people change them in the vendor's own pages.
//!
//! Where the sheet is uncertain or silent, [`Switches`] say which way the vendor goes.

mod address;
mod batch;
mod cell;
mod config;
mod door;
mod filter;
mod guid;
mod identity;
mod list;
mod metadata;
mod multipart;
mod query;
mod reply;
mod save;
mod schema;
mod service;
mod state;
mod switches;
mod table;
mod world;

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

pub use self::config::Config;
pub use self::guid::{Guid, GuidOrder};
pub use self::state::State;
pub use self::switches::{
    DuplicateId, Empties, NoRight, OverLength, OverMaxRows, Switches, Throttle, TimeLiterals,
    TimePrecision, UnauthorizedBody,
};
pub use self::world::{Change, Look, Right, Save, Users, Verb};

use crate::locked::lock;
use crate::wire::{self, Wire};

/// A running simulator. It serves until it is stopped or dropped.
pub type Simulator = wire::Simulator<State>;

impl Simulator {
    /// Generates the records and serves them.
    ///
    /// # Errors
    /// When `config.addr` cannot be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        let addr = config.addr;
        let wire = Wire::new(config.seed, config.log_limit, Default::default());
        let state = Arc::new(State::new(config));
        let routes = door::router(Arc::clone(&state));
        Self::serve(addr, state, wire, routes).await
    }

    /// The root of the OData service, as the switches have it: `http://127.0.0.1:PORT/0/odata`.
    #[must_use]
    pub fn url(&self) -> String {
        let prefix = if self.switches().net_core { "" } else { "/0" };
        format!("{}{prefix}/odata", self.origin())
    }

    /// The identity service, which is another host with the vendor: tokens come from
    /// `/connect/token` below it.
    #[must_use]
    pub fn identity_url(&self) -> String {
        format!("{}{}", self.origin(), door::IDENTITY)
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// The contacts behind the users: the technical one that the service runs as, and the person who
    /// is behind changes of the world.
    #[must_use]
    pub fn users(&self) -> Users {
        self.state.world(|world| world.users)
    }

    /// A fresh access token without asking for it over HTTP.
    #[must_use]
    pub fn mint(&self) -> String {
        let (switches, now) = (self.switches(), self.state.clock.elapsed());
        lock(&self.state.desk).mint(&switches, now)
    }

    /// The client is taken away, with all its tokens.
    pub fn revoke(&self) {
        lock(&self.state.desk).revoke();
    }

    /// All access tokens and sessions run out now.
    pub fn expire_access_tokens(&self) {
        lock(&self.state.desk).expire();
    }

    /// A record as it is, whatever readers see of it, with nulls for what is empty.
    #[must_use]
    pub fn record(&self, entity: &str, id: Guid) -> Option<Value> {
        self.state.world(|world| world.record(entity, id))
    }

    /// All records of an entity as they are, by their ids.
    #[must_use]
    pub fn records(&self, entity: &str) -> Vec<Value> {
        self.state.world(|world| world.records(entity))
    }

    /// All records of all entities, for [`restore`](Self::restore).
    #[must_use]
    pub fn kept(&self) -> Value {
        json!(self.state.world(world::World::kept))
    }

    /// Puts back the records that [`kept`](Self::kept) told, in the place of all that are here: the site goes on
    /// where another stopped.
    ///
    /// # Errors
    /// What cannot be a record. Nothing is changed then.
    pub fn restore(&self, kept: &Value) -> Result<(), String> {
        let order = self.switches().guid_order;
        let now = self.state.now();
        self.state
            .world_mut(|world| world.restore(kept, (order, now)))
    }

    /// How many records an entity has.
    #[must_use]
    pub fn count(&self, entity: &str) -> usize {
        self.state.world(|world| world.count(entity))
    }

    /// The id of the record of a lookup that has this name.
    #[must_use]
    pub fn lookup(&self, entity: &str, name: &str) -> Option<Guid> {
        let records = self.records(entity);
        let record = records.iter().find(|record| record["Name"] == name)?;
        Guid::parse(record["Id"].as_str()?)
    }

    /// Every save that happened since the start, oldest first: what was applied, whatever the
    /// replies said of it.
    #[must_use]
    pub fn saves(&self) -> Vec<Save> {
        self.state.world(|world| world.saves.clone())
    }

    /// Every look at a single record since the start, oldest first, and which saves it came after.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        self.state.looks()
    }
}
