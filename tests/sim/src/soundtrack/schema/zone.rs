//! `SoundZone`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::account::AccountNode;
use super::caller::{Caller, caller};
use super::device::{DeviceNode, PlaybackNode};
use super::location::LocationNode;
use super::media::{Date, NowPlaying, PlaybackSource, Schedule, source_of};
use crate::soundtrack::fault::ZoneField;
use crate::soundtrack::vocabulary::{
    SourceKind, StatusCode, StatusState, StreamingType, SubscriptionState,
};
use crate::soundtrack::world::{Location, Zone};

#[derive(Clone)]
pub(super) struct ZoneNode(pub(super) Arc<Zone>);

#[derive(SimpleObject)]
struct SoundZoneSubscription {
    is_active: bool,
    active_until: Date,
    state: SubscriptionState,
    reactivate_at: Option<Date>,
}

#[derive(SimpleObject)]
struct SoundZoneStatus {
    state: StatusState,
    code: StatusCode,
}

impl ZoneNode {
    /// The field's value unless a fault strikes it, in which case null and an error.
    fn field<T>(
        &self,
        ctx: &Context<'_>,
        field: ZoneField,
        value: impl FnOnce(&Caller) -> Result<Option<T>>,
    ) -> Option<Result<T>> {
        let caller = caller(ctx);
        match caller.check_field(&self.0, field) {
            Ok(()) => value(caller).transpose(),
            Err(error) => Some(Err(error)),
        }
    }

    fn location_of(&self, caller: &Caller) -> Result<Option<Arc<Location>>> {
        let id = self.0.location_id.as_deref();
        match caller.world(|world| id.and_then(|id| world.location(id))) {
            Some(location) => Ok(Some(location)),
            None => caller.missing(caller.switches.missing_location),
        }
    }
}

#[Object(name = "SoundZone")]
impl ZoneNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn is_paired(&self) -> bool {
        self.0.is_paired
    }

    async fn online(&self) -> bool {
        self.0.online
    }

    async fn account(&self, ctx: &Context<'_>) -> Option<Result<AccountNode>> {
        self.field(ctx, ZoneField::Account, |caller| {
            let found = caller.world(|world| world.account(&self.0.account_id));
            Ok(found.map(AccountNode))
        })
    }

    async fn location(&self, ctx: &Context<'_>) -> Option<Result<LocationNode>> {
        self.field(ctx, ZoneField::Location, |caller| {
            Ok(self.location_of(caller)?.map(LocationNode))
        })
    }

    async fn device(&self, ctx: &Context<'_>) -> Option<Result<DeviceNode>> {
        self.field(ctx, ZoneField::Device, |caller| {
            let id = self.0.device_id.as_deref();
            Ok(caller
                .world(|world| id.and_then(|id| world.device(id)))
                .map(DeviceNode))
        })
    }

    async fn device_platform(&self, ctx: &Context<'_>) -> String {
        let id = self.0.device_id.as_deref();
        let device = caller(ctx).world(|world| id.and_then(|id| world.device(id)));
        device
            .map(|device| device.platform.clone())
            .unwrap_or_default()
    }

    async fn streaming_type(&self) -> StreamingType {
        self.0.streaming_type
    }

    async fn short_id(&self) -> &str {
        &self.0.short_id
    }

    async fn remote_code(&self) -> &str {
        &self.0.remote_code
    }

    async fn now_playing(&self, ctx: &Context<'_>) -> Option<Result<NowPlaying>> {
        self.field(ctx, ZoneField::NowPlaying, |_| {
            let plays = self.0.is_paired && self.0.online && self.0.playing;
            Ok(plays.then(|| NowPlaying(Arc::clone(&self.0))))
        })
    }

    async fn play_from(&self, ctx: &Context<'_>) -> Option<Result<PlaybackSource>> {
        self.field(ctx, ZoneField::PlayFrom, |_| {
            Ok(source_of(ctx, &self.0).map(|source| PlaybackSource::from(&*source)))
        })
    }

    async fn schedule(&self, ctx: &Context<'_>) -> Option<Result<Schedule>> {
        self.field(ctx, ZoneField::Schedule, |_| {
            let source = source_of(ctx, &self.0);
            let schedule = source.filter(|source| source.kind == SourceKind::Schedule);
            Ok(schedule.map(|source| Schedule::from(&*source)))
        })
    }

    async fn playback(&self, ctx: &Context<'_>) -> Option<Result<PlaybackNode>> {
        self.field(ctx, ZoneField::Playback, |_| Ok(PlaybackNode::of(&self.0)))
    }

    async fn subscription(&self) -> SoundZoneSubscription {
        let subscription = &self.0.subscription;
        SoundZoneSubscription {
            is_active: subscription.state.is_active(),
            active_until: Date(subscription.active_until.clone()),
            state: subscription.state,
            reactivate_at: None,
        }
    }

    async fn status(&self) -> SoundZoneStatus {
        let (state, code) = self.0.status();
        SoundZoneStatus { state, code }
    }
}
