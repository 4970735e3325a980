//! What can happen to the world: by the control API, or in the middle of a walk.

use serde::{Deserialize, Serialize};

use super::World;
use super::records::{Account, Location, Zone};
use crate::soundtrack::ids;
use crate::soundtrack::switches::MovedZoneId;
use crate::soundtrack::vocabulary::{StreamingType, SubscriptionState};

/// One change to the world. In JSON: `{"change": "renameZone", "zone": "…", "name": "…"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum Change {
    AddAccount {
        name: String,
    },
    RenameAccount {
        account: String,
        name: String,
    },
    /// Takes the account's locations and zones with it.
    DeleteAccount {
        account: String,
    },
    AddLocation {
        account: String,
        name: String,
    },
    RenameLocation {
        location: String,
        name: String,
    },
    /// Its zones stay, without a location.
    DeleteLocation {
        location: String,
    },
    AddZone {
        account: String,
        location: Option<String>,
        name: String,
    },
    RenameZone {
        zone: String,
        name: String,
    },
    DeleteZone {
        zone: String,
    },
    MoveZone {
        zone: String,
        location: Option<String>,
    },
    UpdateZone {
        zone: String,
        patch: ZonePatch,
    },
}

/// What to set on a zone; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ZonePatch {
    pub online: Option<bool>,
    /// Unpairing also takes the device away and the zone offline; pairing gives it a new device.
    pub is_paired: Option<bool>,
    pub subscription_state: Option<SubscriptionState>,
    /// RFC 3339.
    pub active_until: Option<String>,
    pub streaming_type: Option<StreamingType>,
    /// 0 to 16.
    pub volume: Option<u8>,
    pub playing: Option<bool>,
    pub controllable: Option<bool>,
    pub source: Option<String>,
}

/// Why the world did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    #[error("could not change {kind} {id}: there is none")]
    Missing { kind: &'static str, id: String },
    #[error("could not put zone {zone} at location {location}: it is another account's")]
    OtherAccount { zone: String, location: String },
}

impl World {
    /// Applies one change and gives the id of what it made or changed; that of a moved zone may be
    /// a new one.
    ///
    /// # Errors
    /// When the change names something that does not exist, or a location of another account.
    pub fn apply(&mut self, change: Change) -> Result<String, WorldError> {
        match change {
            Change::AddAccount { name } => Ok(self.add_account(&name)),
            Change::RenameAccount { account, name } => {
                let old = self.expect_account(&account)?;
                self.accounts.put(Account {
                    business_name: name,
                    ..old
                });
                Ok(account)
            }
            Change::DeleteAccount { account } => self.delete_account(account),
            Change::AddLocation { account, name } => {
                self.expect_account(&account)?;
                Ok(self.grow_location(&account, Some(&name)))
            }
            Change::RenameLocation { location, name } => {
                let old = self.expect_location(&location)?;
                self.locations.put(Location { name, ..old });
                Ok(location)
            }
            Change::DeleteLocation { location } => self.delete_location(location),
            Change::AddZone {
                account,
                location,
                name,
            } => self.add_zone(&account, location.as_deref(), &name),
            Change::RenameZone { zone, name } => {
                let old = self.expect_zone(&zone)?;
                self.zones.put(Zone { name, ..old });
                Ok(zone)
            }
            Change::DeleteZone { zone } => self.delete_zone(zone),
            Change::MoveZone { zone, location } => self.move_zone(&zone, location),
            Change::UpdateZone { zone, patch } => self.update_zone(zone, patch),
        }
    }

    fn add_zone(
        &mut self,
        account: &str,
        location: Option<&str>,
        name: &str,
    ) -> Result<String, WorldError> {
        self.expect_account(account)?;
        let zone = self.draft_zone(account, location, Some(name));
        self.check_location(&zone, location)?;
        let id = zone.id.clone();
        self.zones.put(zone);
        Ok(id)
    }

    fn delete_account(&mut self, account: String) -> Result<String, WorldError> {
        self.expect_account(&account)?;
        for zone in self.zones_of(&account) {
            self.delete_zone(zone.id.clone())?;
        }
        for location in self.locations_of(&account) {
            self.locations.remove(&location.id);
        }
        self.accounts.remove(&account);
        Ok(account)
    }

    fn delete_location(&mut self, location: String) -> Result<String, WorldError> {
        let old = self.expect_location(&location)?;
        for zone in self.zones_of(&old.account_id) {
            if zone.location_id.as_deref() == Some(&*location) {
                self.zones.put(Zone {
                    location_id: None,
                    ..Zone::clone(&zone)
                });
            }
        }
        self.locations.remove(&location);
        Ok(location)
    }

    fn delete_zone(&mut self, zone: String) -> Result<String, WorldError> {
        let old = self.expect_zone(&zone)?;
        if let Some(device) = old.device_id {
            self.devices.remove(&device);
        }
        self.zones.remove(&zone);
        Ok(zone)
    }

    fn move_zone(&mut self, zone: &str, location: Option<String>) -> Result<String, WorldError> {
        let mut moved = self.expect_zone(zone)?;
        self.check_location(&moved, location.as_deref())?;
        if let (MovedZoneId::Changed, Some(location)) = (self.moved_zone_id, &location)
            && let Some(id) = ids::reparent(zone, location)
        {
            self.rehome_device(&moved, &id);
            self.zones.remove(zone);
            moved.id = id;
        }
        moved.location_id = location;
        let id = moved.id.clone();
        self.zones.put(moved);
        Ok(id)
    }

    fn update_zone(&mut self, zone: String, patch: ZonePatch) -> Result<String, WorldError> {
        let mut new = self.expect_zone(&zone)?;
        if let Some(source) = patch.source {
            let known = self.sources.contains_key(&source);
            new.source_id = Some(present("source", &source, known.then(|| source.clone()))?);
        }
        self.pair(&mut new, patch.is_paired);
        new.online = patch.online.unwrap_or(new.online) && new.is_paired;
        new.subscription.state = patch.subscription_state.unwrap_or(new.subscription.state);
        new.subscription.active_until = patch.active_until.unwrap_or(new.subscription.active_until);
        new.streaming_type = patch.streaming_type.unwrap_or(new.streaming_type);
        new.volume = patch.volume.unwrap_or(new.volume).min(16);
        new.playing = patch.playing.unwrap_or(new.playing);
        new.controllable = patch.controllable.unwrap_or(new.controllable);
        self.zones.put(new);
        Ok(zone)
    }

    fn pair(&mut self, zone: &mut Zone, is_paired: Option<bool>) {
        zone.is_paired = is_paired.unwrap_or(zone.is_paired);
        if zone.is_paired && zone.device_id.is_none() {
            zone.device_id = Some(self.grow_device(&zone.id));
        }
        if !zone.is_paired
            && let Some(device) = zone.device_id.take()
        {
            self.devices.remove(&device);
        }
    }

    fn rehome_device(&mut self, zone: &Zone, new_id: &str) {
        if let Some(device) = zone
            .device_id
            .as_ref()
            .and_then(|id| self.devices.get_mut(id))
        {
            std::sync::Arc::make_mut(device).zone_id = new_id.to_owned();
        }
    }

    /// Lets `change` rewrite a zone in place: how the mutations act.
    pub(crate) fn edit_zone(&mut self, id: &str, change: impl FnOnce(&mut Zone)) {
        if let Some(zone) = self.zones.get(id) {
            let mut zone = Zone::clone(&zone);
            change(&mut zone);
            self.zones.put(zone);
        }
    }

    fn check_location(&self, zone: &Zone, location: Option<&str>) -> Result<(), WorldError> {
        let Some(location) = location else {
            return Ok(());
        };
        if self.expect_location(location)?.account_id == zone.account_id {
            return Ok(());
        }
        Err(WorldError::OtherAccount {
            zone: zone.id.clone(),
            location: location.to_owned(),
        })
    }

    fn expect_account(&self, id: &str) -> Result<Account, WorldError> {
        present(
            "account",
            id,
            self.account(id).map(|found| Account::clone(&found)),
        )
    }

    fn expect_location(&self, id: &str) -> Result<Location, WorldError> {
        present(
            "location",
            id,
            self.location(id).map(|found| Location::clone(&found)),
        )
    }

    fn expect_zone(&self, id: &str) -> Result<Zone, WorldError> {
        present("zone", id, self.zone(id).map(|found| Zone::clone(&found)))
    }
}

fn present<T>(kind: &'static str, id: &str, found: Option<T>) -> Result<T, WorldError> {
    found.ok_or_else(|| WorldError::Missing {
        kind,
        id: id.to_owned(),
    })
}
