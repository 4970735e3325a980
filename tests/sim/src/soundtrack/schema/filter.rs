//! Which of an account's zones are listed, and in which order.

use std::sync::Arc;

use async_graphql::{Enum, InputObject};

use super::connection::{Direction, Order};
use crate::soundtrack::vocabulary::{StatusCode, StatusState, SubscriptionState};
use crate::soundtrack::world::{World, Zone};

#[derive(InputObject)]
pub(super) struct AccountSoundZoneOrderInput {
    field: AccountSoundZoneOrderField,
    pub(super) direction: Direction,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountSoundZoneOrderField {
    City,
    Country,
    IsPaired,
    LocationName,
    Name,
    Platform,
}

#[derive(InputObject)]
pub(super) struct SoundZoneFilter {
    device_platform: Option<String>,
    query: Option<String>,
    subscription: Option<SubscriptionStateFilter>,
    is_paired: Option<bool>,
    has_errors: Option<bool>,
    online: Option<bool>,
    status: Option<StatusStateFilter>,
    status_code: Option<StatusCodeFilter>,
    country: Option<String>,
}

#[derive(InputObject)]
pub(super) struct SubscriptionStateFilter {
    eq: Option<SubscriptionState>,
    not_eq: Option<SubscriptionState>,
}

#[derive(InputObject)]
pub(super) struct StatusStateFilter {
    eq: Option<StatusState>,
    not_eq: Option<StatusState>,
}

#[derive(InputObject)]
pub(super) struct StatusCodeFilter {
    eq: Option<StatusCode>,
    not_eq: Option<StatusCode>,
}

impl SoundZoneFilter {
    /// Whether the zone passes every part that is given.
    pub(super) fn accepts(&self, zone: &Zone, world: &World) -> bool {
        let (state, code) = zone.status();
        let subscription = self.subscription.as_ref();
        let status = self.status.as_ref();
        let status_code = self.status_code.as_ref();
        let name = zone.name.to_lowercase();
        is_or_any(self.is_paired, zone.is_paired)
            && is_or_any(self.online, zone.online)
            && is_or_any(self.has_errors, state == StatusState::Error)
            && self
                .query
                .as_ref()
                .is_none_or(|query| name.contains(&query.to_lowercase()))
            && is_or_any(self.device_platform.as_deref(), &*platform(zone, world))
            && is_or_any(self.country.as_deref(), &*country(zone, world))
            && subscription.is_none_or(|by| fits(by.eq, by.not_eq, zone.subscription.state))
            && status.is_none_or(|by| fits(by.eq, by.not_eq, state))
            && status_code.is_none_or(|by| fits(by.eq, by.not_eq, code))
    }
}

/// Sorts zones that stand in the default order.
pub(super) fn sort_zones(
    zones: &mut [Arc<Zone>],
    orders: &[AccountSoundZoneOrderInput],
    world: &World,
) {
    if orders.is_empty() {
        return;
    }
    let directions: Vec<Direction> = orders.iter().map(|order| order.direction).collect();
    let key = |zone: &Arc<Zone>| zone_key(zone, orders, world);
    let order = Order {
        key: &key,
        directions: &directions,
    };
    zones.sort_by(|left, right| order.compare(&key(left), &key(right)));
}

/// The sort key of a zone: the ordered fields, name when there are none, and its id.
pub(super) fn zone_key(
    zone: &Zone,
    orders: &[AccountSoundZoneOrderInput],
    world: &World,
) -> Vec<String> {
    let mut key: Vec<String> = match orders {
        [] => vec![zone.name.clone()],
        _ => orders
            .iter()
            .map(|order| part(zone, order.field, world))
            .collect(),
    };
    key.push(zone.id.clone());
    key
}

fn part(zone: &Zone, field: AccountSoundZoneOrderField, world: &World) -> String {
    let location = || {
        zone.location_id
            .as_deref()
            .and_then(|id| world.location(id))
    };
    match field {
        AccountSoundZoneOrderField::Name => zone.name.clone(),
        AccountSoundZoneOrderField::IsPaired => u8::from(zone.is_paired).to_string(),
        AccountSoundZoneOrderField::Platform => platform(zone, world),
        AccountSoundZoneOrderField::Country => country(zone, world),
        AccountSoundZoneOrderField::LocationName => location()
            .map(|found| found.name.clone())
            .unwrap_or_default(),
        AccountSoundZoneOrderField::City => {
            let address = location().map(|found| found.physical_address.clone());
            let city = address
                .as_deref()
                .and_then(|address| address.rsplit(", ").next());
            city.unwrap_or_default().to_owned()
        }
    }
}

fn platform(zone: &Zone, world: &World) -> String {
    let device = zone.device_id.as_deref().and_then(|id| world.device(id));
    device
        .map(|device| device.platform.clone())
        .unwrap_or_default()
}

fn country(zone: &Zone, world: &World) -> String {
    let account = world.account(&zone.account_id);
    account
        .map(|account| account.country.clone())
        .unwrap_or_default()
}

fn is_or_any<T: PartialEq + Copy>(wanted: Option<T>, found: T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

fn fits<T: PartialEq + Copy>(eq: Option<T>, not_eq: Option<T>, found: T) -> bool {
    eq.is_none_or(|wanted| wanted == found) && not_eq.is_none_or(|unwanted| unwanted != found)
}
