//! A world from a seed. Identical inputs give identical worlds, ids and names included.

use std::collections::HashMap;
use std::sync::Arc;

use super::records::{Account, Device, Location, Slot, Source, Subscription, Zone};
use super::shelf::Shelf;
use super::{World, WorldSize};
use crate::entropy::Entropy;
use crate::soundtrack::ids;
use crate::soundtrack::switches::MovedZoneId;
use crate::soundtrack::vocabulary::{SourceKind, StreamingType, SubscriptionState};

const BRANDS: &[&str] = &[
    "Hilltop",
    "Lagoon",
    "Marigold",
    "Northwind",
    "Orchid",
    "Palm Court",
    "Riverside",
    "Saffron",
];
const HOUSES: &[&str] = &["Hotel", "Resort", "Suites", "Cafe", "Kitchen", "Spa"];
const TOWNS: &[(&str, &str, &str)] = &[
    ("Pattaya", "TH", "Asia/Bangkok"),
    ("Bangkok", "TH", "Asia/Bangkok"),
    ("Hong Kong", "HK", "Asia/Hong_Kong"),
    ("Singapore", "SG", "Asia/Singapore"),
    ("Malé", "MV", "Indian/Maldives"),
];
// Few words for many zones: two zones of one location may have one name, as at the vendor's.
const AREAS: &[&str] = &[
    "Bar",
    "Lobby",
    "Pool",
    "Restaurant",
    "Gym",
    "Rooftop",
    "Garden",
    "Spa",
];
const MOODS: &[&str] = &["Drift", "Basalt", "Amber", "Quiet", "Bright", "Velvet"];
const PLATFORMS: &[(&str, &str)] = &[
    ("linux", "IPAM400 v1.0"),
    ("android", "Player Tab 8"),
    ("ios", "iPad"),
    ("windows", "PC"),
];

impl World {
    /// Builds a world of the given size, the same one for the same `seed`.
    #[must_use]
    pub fn generate(seed: u64, size: WorldSize) -> Self {
        let mut world = Self::empty(seed);
        for nth in 0..12 {
            world.grow_source(nth);
        }
        for nth in 0..size.accounts {
            let account = world.grow_account(nth);
            let locations: Vec<String> = (0..size.locations_per_account)
                .map(|_| world.grow_location(&account, None))
                .collect();
            for _ in 0..size.zones_per_account {
                let location = world.choose(&locations);
                let zone = world.draft_zone(&account, location.as_deref(), None);
                world.unsettle(zone);
            }
        }
        world
    }

    fn empty(seed: u64) -> Self {
        Self {
            entropy: Entropy::seeded(seed),
            accounts: Shelf::new(),
            locations: Shelf::new(),
            zones: Shelf::new(),
            devices: HashMap::new(),
            sources: HashMap::new(),
            source_ids: Vec::new(),
            moved_zone_id: MovedZoneId::Kept,
        }
    }

    fn choose(&mut self, ids: &[String]) -> Option<String> {
        if ids.is_empty() {
            None
        } else {
            Some(self.entropy.pick(ids).clone())
        }
    }

    fn grow_source(&mut self, nth: usize) {
        // Four of each, soundtracks last, so that a schedule can name playlists made before it.
        let kind = [
            SourceKind::Playlist,
            SourceKind::Schedule,
            SourceKind::Soundtrack,
        ][nth / 4];
        let id = ids::mint(&mut self.entropy, kind.name(), None);
        let mood = *self.entropy.pick(MOODS);
        let slots = match kind {
            SourceKind::Schedule => vec![self.slot()],
            SourceKind::Playlist | SourceKind::Soundtrack => Vec::new(),
        };
        let name = format!("{mood} {nth:02}");
        self.source_ids.push(id.clone());
        self.sources.insert(
            id.clone(),
            Arc::new(Source {
                id,
                kind,
                name,
                slots,
            }),
        );
    }

    fn slot(&mut self) -> Slot {
        let playlists = self.source_ids[..4].to_vec();
        Slot {
            id: ids::mint(&mut self.entropy, "Slot", None),
            rrule: "FREQ=WEEKLY;BYDAY=MO".to_owned(),
            start: "090000".to_owned(),
            duration_ms: 8 * 60 * 60 * 1000,
            playlist_ids: playlists,
        }
    }

    fn grow_account(&mut self, nth: u32) -> String {
        let brand = *self.entropy.pick(BRANDS);
        let house = *self.entropy.pick(HOUSES);
        self.add_account(&format!("{brand} {house} {nth:04}"))
    }

    pub(super) fn add_account(&mut self, name: &str) -> String {
        let id = ids::mint(&mut self.entropy, "Account", None);
        let (_, country, _) = *self.entropy.pick(TOWNS);
        self.accounts.put(Account {
            id: id.clone(),
            business_name: name.to_owned(),
            country: country.to_owned(),
            plan: "BUSINESS".to_owned(),
            created_at: "2023-04-01T00:00:00Z".to_owned(),
        });
        id
    }

    pub(super) fn grow_location(&mut self, account: &str, name: Option<&str>) -> String {
        let id = ids::mint(&mut self.entropy, "Location", Some(account));
        let (town, _, timezone) = *self.entropy.pick(TOWNS);
        let brand = *self.entropy.pick(BRANDS);
        let name = name.map_or_else(|| format!("{brand} {town}"), str::to_owned);
        self.locations.put(Location {
            id: id.clone(),
            account_id: account.to_owned(),
            name,
            timezone: timezone.to_owned(),
            physical_address: format!("1 Example Road, {town}"),
        });
        id
    }

    /// A zone in good order, with its device already in the world but itself not yet.
    pub(super) fn draft_zone(
        &mut self,
        account: &str,
        location: Option<&str>,
        name: Option<&str>,
    ) -> Zone {
        let id = ids::mint(
            &mut self.entropy,
            "SoundZone",
            Some(location.unwrap_or(account)),
        );
        let mood = *self.entropy.pick(MOODS);
        let area = *self.entropy.pick(AREAS);
        let until = 1 + self.entropy.below(12);
        Zone {
            account_id: account.to_owned(),
            location_id: location.map(str::to_owned),
            device_id: Some(self.grow_device(&id)),
            name: name.map_or_else(|| format!("{mood} {area}"), str::to_owned),
            is_paired: true,
            online: true,
            streaming_type: *self
                .entropy
                .pick(&[StreamingType::Tier1, StreamingType::Tier3]),
            short_id: format!("{:06}", self.entropy.below(1_000_000)),
            remote_code: format!("{:04}", self.entropy.below(10_000)),
            subscription: Subscription {
                state: SubscriptionState::Active,
                active_until: format!("2027-{until:02}-01T00:00:00Z"),
            },
            source_id: Some(self.entropy.pick(&self.source_ids).clone()),
            volume: self.entropy.below(17) as u8,
            playing: true,
            skipped_tracks: 0,
            controllable: true,
            id,
        }
    }

    pub(super) fn grow_device(&mut self, zone: &str) -> String {
        let id = ids::mint(&mut self.entropy, "Device", None);
        let (platform, model) = *self.entropy.pick(PLATFORMS);
        let patch = self.entropy.below(10);
        let device = Device {
            id: id.clone(),
            zone_id: zone.to_owned(),
            name: format!("{model} ({patch:02}/10/2018)"),
            software_version: format!("1.2.{patch}"),
            os_version: "10".to_owned(),
            platform: platform.to_owned(),
            hardware_id: format!("{:012x}", self.entropy.draw() >> 16),
        };
        self.devices.insert(id.clone(), Arc::new(device));
        id
    }

    /// Gives some zones the troubles a real estate has, and puts the zone in its place.
    fn unsettle(&mut self, mut zone: Zone) {
        match self.entropy.below(20) {
            0 => {
                zone.is_paired = false;
                zone.online = false;
                if let Some(device) = zone.device_id.take() {
                    self.devices.remove(&device);
                }
            }
            1 | 2 => zone.online = false,
            3 => zone.subscription.state = SubscriptionState::Expired,
            4 => zone.playing = false,
            5 => zone.source_id = None,
            6 => zone.controllable = false,
            _ => {}
        }
        self.zones.put(zone);
    }
}
