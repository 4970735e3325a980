//! `Account`, and the flat list of its zones that a sync walks.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::caller::caller;
use super::connection::{Connection, Direction, NameOrderInput, Order, PageArgs, page};
use super::filter::{AccountSoundZoneOrderInput, SoundZoneFilter, sort_zones, zone_key};
use super::location::LocationNode;
use super::media::Date;
use super::zone::ZoneNode;
use crate::soundtrack::vocabulary::StatusState;
use crate::soundtrack::world::{Account, Location, Zone};

#[derive(Clone)]
pub(super) struct AccountNode(pub(super) Arc<Account>);

#[derive(SimpleObject)]
struct SoundZoneStatusTotal {
    status: StatusState,
    total: i32,
}

#[Object(name = "Account")]
impl AccountNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn business_name(&self) -> &str {
        &self.0.business_name
    }

    async fn country(&self) -> &str {
        &self.0.country
    }

    async fn plan(&self) -> &str {
        &self.0.plan
    }

    async fn created_at(&self) -> Date {
        Date(self.0.created_at.clone())
    }

    async fn sound_zone_statuses(&self, ctx: &Context<'_>) -> Vec<SoundZoneStatusTotal> {
        let mut totals: BTreeMap<StatusState, i32> = BTreeMap::new();
        for zone in caller(ctx).world(|world| world.zones_of(&self.0.id)) {
            *totals.entry(zone.status().0).or_default() += 1;
        }
        totals
            .into_iter()
            .map(|(status, total)| SoundZoneStatusTotal { status, total })
            .collect()
    }

    async fn locations(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        before: Option<String>,
        after: Option<String>,
        order_by: Option<NameOrderInput>,
    ) -> Option<Result<Connection<LocationNode>>> {
        let caller = caller(ctx);
        let mut locations = caller.world(|world| world.locations_of(&self.0.id));
        let direction = order_by.map_or(Direction::Asc, |order| order.direction);
        let key = |location: &Arc<Location>| vec![location.name.clone(), location.id.clone()];
        let order = Order {
            key: &key,
            directions: &[direction],
        };
        if direction == Direction::Desc {
            locations.sort_by(|left, right| order.compare(&key(left), &key(right)));
        }
        let args = PageArgs {
            first,
            last,
            before,
            after,
        };
        let node = |location| Some(LocationNode(location));
        Some(page(&locations, &order, &args, &caller.switches, node))
    }

    async fn sound_zones(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        before: Option<String>,
        after: Option<String>,
        filter: Option<SoundZoneFilter>,
        order_by: Option<Vec<AccountSoundZoneOrderInput>>,
    ) -> Option<Result<Connection<ZoneNode>>> {
        let caller = caller(ctx);
        let mut zones = caller.world(|world| world.zones_of(&self.0.id));
        let orders = order_by.unwrap_or_default();
        caller.world(|world| {
            if let Some(filter) = &filter {
                zones.retain(|zone| filter.accepts(zone, world));
            }
            sort_zones(&mut zones, &orders, world);
        });
        let key = |zone: &Arc<Zone>| caller.world(|world| zone_key(zone, &orders, world));
        let directions: Vec<Direction> = orders.iter().map(|order| order.direction).collect();
        let order = Order {
            key: &key,
            directions: &directions,
        };
        let args = PageArgs {
            first,
            last,
            before,
            after,
        };
        let node = |zone: Arc<Zone>| (!caller.loses_node(&zone)).then_some(ZoneNode(zone));
        let zones = page(&zones, &order, &args, &caller.switches, node);
        caller.state.page_was_read(&self.0.id);
        Some(zones)
    }
}
