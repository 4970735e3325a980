//! A Supabase project as its REST gateway shows it (PostgREST), simulated from the contract sheet
//! (`api/supabase-packages.md`): the golf shop's CRM, and the tables of its booking site.

mod cell;
mod config;
mod door;
mod filter;
mod index;
mod keys;
mod parse;
mod prefer;
mod query;
mod read;
mod reply;
mod rpc;
mod schema;
mod state;
mod switches;
mod table;
mod world;
mod write;

use std::io;
use std::sync::Arc;

use serde_json::Value;

pub use self::config::Config;
pub use self::state::State;
pub use self::switches::Switches;
pub use self::world::Change;

use crate::wire::{self, Wire};

/// A running simulator. It serves until it is stopped or dropped.
pub type Simulator = wire::Simulator<State>;

impl Simulator {
    /// Generates the CRM and serves it.
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

    /// The root of the REST API: `http://127.0.0.1:PORT/rest/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/rest/v1", self.origin())
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// A legacy key's time runs out, or comes back.
    pub fn set_expired(&self, is_expired: bool) {
        self.state.set_expired(is_expired);
    }

    /// All rows of a table, in the order of their making, whatever rights and caps say.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.state.world(|world| world.rows(table))
    }

    /// The rows that `get_packages_by_hash_id` gives for a hash.
    #[must_use]
    pub fn packages_of(&self, stable_hash_id: &str) -> Vec<Value> {
        let rows = self.rows(world::PACKAGE_ROWS).into_iter();
        rows.filter(|row| row["stable_hash_id"] == stable_hash_id)
            .collect()
    }
}
