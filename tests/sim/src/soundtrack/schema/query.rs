//! `Query`, and who is asking: `me`.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, Result, SimpleObject, Union};

use super::account::AccountNode;
use super::caller::caller;
use super::connection::{AccountOrderInput, Connection, Direction, Order, PageArgs, page};
use super::device::DeviceNode;
use super::location::LocationNode;
use super::media::{NowPlaying, Playlist, Schedule};
use super::zone::ZoneNode;
use crate::soundtrack::vocabulary::SourceKind;
use crate::soundtrack::world::Account;

pub(in crate::soundtrack) struct Query;

#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"))]
enum Node {
    Account(AccountNode),
    Location(LocationNode),
    SoundZone(ZoneNode),
    Device(DeviceNode),
}

/// `Device` and `StaffRemote` are members at the vendor too; no API token is either.
#[derive(Union)]
enum Viewer {
    PublicAPIClient(PublicApiClient),
    User(User),
}

struct PublicApiClient;

/// No token here is a user's. The type is there for the queries that name it.
struct User;

#[derive(SimpleObject)]
struct QueryInfo {
    complexity: u64,
}

#[Object]
impl Query {
    async fn account(&self, ctx: &Context<'_>, id: ID) -> Option<Result<AccountNode>> {
        caller(ctx)
            .account(&id)
            .map(|found| found.map(AccountNode))
            .transpose()
    }

    async fn location(&self, ctx: &Context<'_>, id: ID) -> Option<Result<LocationNode>> {
        caller(ctx)
            .location(&id)
            .map(|found| found.map(LocationNode))
            .transpose()
    }

    async fn sound_zone(&self, ctx: &Context<'_>, id: ID) -> Option<Result<ZoneNode>> {
        caller(ctx)
            .zone(&id)
            .map(|found| found.map(ZoneNode))
            .transpose()
    }

    async fn device(&self, ctx: &Context<'_>, id: ID) -> Option<Result<DeviceNode>> {
        caller(ctx)
            .device(&id)
            .map(|found| found.map(DeviceNode))
            .transpose()
    }

    async fn node(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Node>> {
        node(ctx, &id).transpose()
    }

    async fn me(&self) -> Option<Viewer> {
        Some(Viewer::PublicAPIClient(PublicApiClient))
    }

    async fn now_playing(&self, ctx: &Context<'_>, sound_zone: ID) -> Option<Result<NowPlaying>> {
        caller(ctx)
            .zone(&sound_zone)
            .map(|found| found.map(NowPlaying))
            .transpose()
    }

    async fn playlist(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Playlist>> {
        let caller = caller(ctx);
        match caller.world(|world| world.source(&id)) {
            Some(source) if source.kind == SourceKind::Playlist => {
                Some(Ok(Playlist::from(&*source)))
            }
            _ => caller.missing(caller.switches.unknown_object).transpose(),
        }
    }

    async fn schedule(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Schedule>> {
        let caller = caller(ctx);
        match caller.world(|world| world.source(&id)) {
            Some(source) if source.kind == SourceKind::Schedule => {
                Some(Ok(Schedule::from(&*source)))
            }
            _ => caller.missing(caller.switches.unknown_object).transpose(),
        }
    }

    #[graphql(deprecation = "Read the x-ratelimiting-cost header instead")]
    async fn query_info(&self, ctx: &Context<'_>) -> Option<QueryInfo> {
        Some(QueryInfo {
            complexity: caller(ctx).cost,
        })
    }
}

#[Object(name = "PublicAPIClient")]
impl PublicApiClient {
    async fn id(&self) -> ID {
        "sim-api-client".into()
    }

    async fn accounts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        before: Option<String>,
        after: Option<String>,
        order_by: Option<AccountOrderInput>,
    ) -> Option<Result<Connection<AccountNode>>> {
        let args = PageArgs {
            first,
            last,
            before,
            after,
        };
        Some(accounts(ctx, &args, order_by))
    }
}

#[Object]
impl User {
    async fn id(&self) -> ID {
        "sim-user".into()
    }

    async fn accounts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        before: Option<String>,
        after: Option<String>,
        order_by: Option<AccountOrderInput>,
    ) -> Option<Result<Connection<AccountNode>>> {
        let args = PageArgs {
            first,
            last,
            before,
            after,
        };
        Some(accounts(ctx, &args, order_by))
    }
}

fn node(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let caller = caller(ctx);
    let found = match crate::soundtrack::ids::kind(id).as_deref() {
        Some("Account") => caller.account(id)?.map(|it| Node::Account(AccountNode(it))),
        Some("Location") => caller
            .location(id)?
            .map(|it| Node::Location(LocationNode(it))),
        Some("SoundZone") => caller.zone(id)?.map(|it| Node::SoundZone(ZoneNode(it))),
        Some("Device") => caller.device(id)?.map(|it| Node::Device(DeviceNode(it))),
        _ => caller.missing(caller.switches.unknown_object)?,
    };
    Ok(found)
}

/// Only what the token may see is listed; the rest is left out and is no error.
fn accounts(
    ctx: &Context<'_>,
    args: &PageArgs,
    order_by: Option<AccountOrderInput>,
) -> Result<Connection<AccountNode>> {
    let caller = caller(ctx);
    let mut accounts = caller.world(crate::soundtrack::world::World::accounts);
    accounts.retain(|account| caller.is_granted(&account.id));
    let direction = order_by.map_or(Direction::Asc, |order| order.direction);
    let key = |account: &Arc<Account>| vec![account.business_name.clone(), account.id.clone()];
    let order = Order {
        key: &key,
        directions: &[direction],
    };
    if direction == Direction::Desc {
        accounts.sort_by(|left, right| order.compare(&key(left), &key(right)));
    }
    page(&accounts, &order, args, &caller.switches, |account| {
        Some(AccountNode(account))
    })
}
