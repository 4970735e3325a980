//! `Location`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::account::AccountNode;
use super::caller::caller;
use super::connection::{Connection, Direction, NameOrderInput, Order, PageArgs, page};
use super::zone::ZoneNode;
use crate::soundtrack::world::{Location, Zone};

#[derive(Clone)]
pub(super) struct LocationNode(pub(super) Arc<Location>);

#[Object(name = "Location")]
impl LocationNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn timezone(&self) -> &str {
        &self.0.timezone
    }

    async fn physical_address(&self) -> Option<&str> {
        Some(&self.0.physical_address)
    }

    async fn account(&self, ctx: &Context<'_>) -> Option<AccountNode> {
        caller(ctx)
            .world(|world| world.account(&self.0.account_id))
            .map(AccountNode)
    }

    async fn sound_zones(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        before: Option<String>,
        after: Option<String>,
        order_by: Option<NameOrderInput>,
    ) -> Option<Result<Connection<ZoneNode>>> {
        let caller = caller(ctx);
        let mut zones = caller.world(|world| world.zones_of(&self.0.account_id));
        zones.retain(|zone| zone.location_id.as_deref() == Some(&*self.0.id));
        let direction = order_by.map_or(Direction::Asc, |order| order.direction);
        let key = |zone: &Arc<Zone>| vec![zone.name.clone(), zone.id.clone()];
        let order = Order {
            key: &key,
            directions: &[direction],
        };
        if direction == Direction::Desc {
            zones.sort_by(|left, right| order.compare(&key(left), &key(right)));
        }
        let args = PageArgs {
            first,
            last,
            before,
            after,
        };
        let node = |zone: Arc<Zone>| (!caller.loses_node(&zone)).then_some(ZoneNode(zone));
        Some(page(&zones, &order, &args, &caller.switches, node))
    }
}
