//! What exists at the simulated vendor: accounts, locations, zones, devices and music.
//!
//! Records are immutable behind `Arc` and replaced whole, so a resolver keeps a consistent copy
//! without holding the world's lock while it answers.

mod change;
mod generate;
mod records;
mod shelf;
mod truth;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::change::{Change, WorldError, ZonePatch};
pub use self::records::{Account, Device, Location, Slot, Source, Subscription, Zone};
pub use self::truth::{Named, Truth, TruthAccount, TruthPlayback, TruthSource, TruthZone};

use self::shelf::Shelf;
use super::switches::MovedZoneId;
use crate::entropy::Entropy;

/// How large a generated world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WorldSize {
    pub accounts: u32,
    pub locations_per_account: u32,
    pub zones_per_account: u32,
}

impl Default for WorldSize {
    fn default() -> Self {
        Self {
            accounts: 3,
            locations_per_account: 2,
            zones_per_account: 5,
        }
    }
}

/// Everything the vendor stores, with the indexes that its lists are read from.
#[derive(Debug)]
pub struct World {
    entropy: Entropy,
    accounts: Shelf<Account>,
    locations: Shelf<Location>,
    zones: Shelf<Zone>,
    devices: HashMap<String, Arc<Device>>,
    sources: HashMap<String, Arc<Source>>,
    // The order of creation, which is the order that seeded choices are made in.
    source_ids: Vec<String>,
    pub(super) moved_zone_id: MovedZoneId,
}

impl World {
    /// An account by id.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<Arc<Account>> {
        self.accounts.get(id)
    }

    /// A location by id.
    #[must_use]
    pub fn location(&self, id: &str) -> Option<Arc<Location>> {
        self.locations.get(id)
    }

    /// A zone by id.
    #[must_use]
    pub fn zone(&self, id: &str) -> Option<Arc<Zone>> {
        self.zones.get(id)
    }

    /// A device by id.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<Arc<Device>> {
        self.devices.get(id).cloned()
    }

    /// A playlist, schedule or soundtrack by id.
    #[must_use]
    pub fn source(&self, id: &str) -> Option<Arc<Source>> {
        self.sources.get(id).cloned()
    }

    /// All accounts, by name and then id.
    #[must_use]
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.of_parent("")
    }

    /// An account's locations, by name and then id.
    #[must_use]
    pub fn locations_of(&self, account: &str) -> Vec<Arc<Location>> {
        self.locations.of_parent(account)
    }

    /// An account's zones, by name and then id.
    #[must_use]
    pub fn zones_of(&self, account: &str) -> Vec<Arc<Zone>> {
        self.zones.of_parent(account)
    }

    /// The playlists, schedules and soundtracks, in the order they were made.
    #[must_use]
    pub fn sources(&self) -> Vec<Arc<Source>> {
        self.source_ids
            .iter()
            .filter_map(|id| self.source(id))
            .collect()
    }

    /// The account that an id of an account, location, zone or device belongs to.
    #[must_use]
    pub fn account_of(&self, id: &str) -> Option<String> {
        if self.accounts.contains(id) {
            return Some(id.to_owned());
        }
        if let Some(zone) = self.zones.get(id) {
            return Some(zone.account_id.clone());
        }
        if let Some(location) = self.locations.get(id) {
            return Some(location.account_id.clone());
        }
        let device = self.devices.get(id)?;
        Some(self.zones.get(&device.zone_id)?.account_id.clone())
    }
}
