//! Zoho Inventory (items) and Zoho Accounts (OAuth), simulated from their contract sheet
//! (`api/zoho-inventory.md`).
//!
//! Every data centre has a root of its own on the one port: `/us`, `/eu`, `/in` … The organisation
//! lives in one of them, and the others do not know it, as with the vendor.

mod config;
mod door;
mod items;
mod limits;
mod oauth;
mod reply;
mod state;
mod switches;
mod world;

use std::io;
use std::sync::Arc;

pub use self::config::{Config, DataCentre, Scope};
pub use self::state::State;
pub use self::switches::{MissingItem, OverMinute, Switches, WrongOrganization};
pub use self::world::{Change, Item, ItemPatch};

use crate::wire::{self, Wire};

/// A running simulator. It serves until it is stopped or dropped.
pub type Simulator = wire::Simulator<State>;

impl Simulator {
    /// Generates the items and serves them.
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

    /// The accounts host of the organisation's data centre.
    #[must_use]
    pub fn accounts_url(&self) -> String {
        self.accounts_url_of(self.state.config.data_centre)
    }

    /// The accounts host of any data centre.
    #[must_use]
    pub fn accounts_url_of(&self, centre: DataCentre) -> String {
        format!("{}/{}", self.origin(), centre.word())
    }

    /// What replies for a token say the API host is.
    #[must_use]
    pub fn api_domain(&self) -> String {
        self.accounts_url()
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// A fresh access token without asking for it over HTTP. It counts as one of the active ones.
    #[must_use]
    pub fn mint(&self) -> String {
        self.state.mint_aside()
    }

    /// Shuts the refresh token out, with all access tokens that came of it.
    pub fn revoke(&self) {
        self.state.revoke();
    }

    /// All access tokens run out now; the refresh token stays.
    pub fn expire_access_tokens(&self) {
        self.state.expire();
    }

    /// The items as a correct sync must end with them, oldest first.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        self.state.world(|world| world.items().to_vec())
    }
}
