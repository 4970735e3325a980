//! `Device` and `Playback`.

use std::sync::Arc;

use async_graphql::{Context, ID, NewType, Object, Result};

use super::caller::caller;
use super::media::{PlaybackSource, source_of};
use super::zone::ZoneNode;
use crate::soundtrack::vocabulary::PlaybackState;
use crate::soundtrack::world::{Device, Zone};

/// 0 to 16. Its range is checked by the mutation that sets it, so that a wrong one is answered as
/// bad input and not as an invalid document.
#[derive(NewType)]
#[graphql(name = "Volume")]
pub(super) struct Volume(pub(super) i32);

#[derive(Clone)]
pub(super) struct DeviceNode(pub(super) Arc<Device>);

#[Object(name = "Device")]
impl DeviceNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> &'static str {
        "player"
    }

    async fn label(&self) -> &str {
        &self.0.name
    }

    async fn vendor_id(&self) -> &str {
        &self.0.hardware_id
    }

    async fn software_version(&self) -> &str {
        &self.0.software_version
    }

    async fn os_version(&self) -> &str {
        &self.0.os_version
    }

    async fn platform(&self) -> &str {
        &self.0.platform
    }

    async fn hardware_id(&self) -> &str {
        &self.0.hardware_id
    }

    async fn pairing_code(&self) -> &'static str {
        ""
    }

    async fn is_pairing(&self) -> bool {
        false
    }

    async fn capabilities(&self) -> Vec<String> {
        vec!["volume".to_owned(), "skip".to_owned()]
    }

    async fn playback(&self, ctx: &Context<'_>) -> Option<PlaybackNode> {
        let zone = caller(ctx).world(|world| world.zone(&self.0.zone_id))?;
        PlaybackNode::of(&zone)
    }

    async fn sound_zone(&self, ctx: &Context<'_>) -> Option<Result<ZoneNode>> {
        caller(ctx)
            .zone(&self.0.zone_id)
            .map(|zone| zone.map(ZoneNode))
            .transpose()
    }
}

pub(super) struct PlaybackNode {
    zone: Arc<Zone>,
    state: PlaybackState,
    volume: Option<u8>,
}

impl PlaybackNode {
    /// `None` for a zone that was never paired.
    pub(super) fn of(zone: &Arc<Zone>) -> Option<Self> {
        let (state, volume) = zone.playback()?;
        Some(Self {
            zone: Arc::clone(zone),
            state,
            volume,
        })
    }
}

#[Object(name = "Playback")]
impl PlaybackNode {
    async fn id(&self) -> ID {
        ID(self.zone.id.clone())
    }

    async fn sound_zone(&self) -> ID {
        ID(self.zone.id.clone())
    }

    async fn state(&self) -> Option<PlaybackState> {
        Some(self.state)
    }

    async fn volume(&self) -> Option<Volume> {
        self.volume.map(|volume| Volume(i32::from(volume)))
    }

    async fn play_from(&self, ctx: &Context<'_>) -> Option<PlaybackSource> {
        source_of(ctx, &self.zone).map(|source| PlaybackSource::from(&*source))
    }

    async fn playback_mode(&self) -> Option<&'static str> {
        Some("shuffle")
    }
}
