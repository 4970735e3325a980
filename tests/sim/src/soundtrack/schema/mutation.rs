//! `Mutation`: the control of a zone.
//!
//! A zone that exists and cannot be controlled answers `NOT_FOUND`, the same as one that does not
//! exist: the vendor was recorded doing so, and it is no reason to forget the zone.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::caller::{bad_input, caller, not_found};
use super::device::Volume;
use crate::soundtrack::ids;
use crate::soundtrack::vocabulary::SourceKind;
use crate::soundtrack::world::Zone;

pub(in crate::soundtrack) struct Mutation;

#[derive(InputObject)]
struct SetVolumeInput {
    sound_zone: ID,
    volume: Volume,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
struct PlayInput {
    sound_zone: ID,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
struct PauseInput {
    sound_zone: ID,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
struct SkipTrackInput {
    sound_zone: ID,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
struct SoundZoneAssignSourceInput {
    sound_zones: Vec<ID>,
    source: ID,
    source_snapshot: Option<String>,
    source_track_index: Option<i32>,
    track: Option<ID>,
    immediate: Option<bool>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
struct SetVolumePayload {
    status: Option<String>,
    sound_zone: ID,
    volume: Volume,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
struct ControlPayload {
    status: Option<String>,
    sound_zone: ID,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
struct SoundZoneAssignSourcePayload {
    sound_zones: Vec<ID>,
    source: Option<ID>,
    client_mutation_id: Option<String>,
}

#[Object]
impl Mutation {
    async fn set_volume(
        &self,
        ctx: &Context<'_>,
        input: SetVolumeInput,
    ) -> Option<Result<SetVolumePayload>> {
        Some(set_volume(ctx, input))
    }

    async fn play(&self, ctx: &Context<'_>, input: PlayInput) -> Option<Result<ControlPayload>> {
        let echo = input.client_mutation_id;
        Some(control(ctx, input.sound_zone, echo, |zone| {
            zone.playing = true;
        }))
    }

    async fn pause(&self, ctx: &Context<'_>, input: PauseInput) -> Option<Result<ControlPayload>> {
        let echo = input.client_mutation_id;
        Some(control(ctx, input.sound_zone, echo, |zone| {
            zone.playing = false;
        }))
    }

    async fn skip_track(
        &self,
        ctx: &Context<'_>,
        input: SkipTrackInput,
    ) -> Option<Result<ControlPayload>> {
        let echo = input.client_mutation_id;
        Some(control(ctx, input.sound_zone, echo, |zone| {
            zone.skipped_tracks += 1;
        }))
    }

    async fn sound_zone_assign_source(
        &self,
        ctx: &Context<'_>,
        input: SoundZoneAssignSourceInput,
    ) -> Option<Result<SoundZoneAssignSourcePayload>> {
        Some(assign_source(ctx, input))
    }
}

fn set_volume(ctx: &Context<'_>, input: SetVolumeInput) -> Result<SetVolumePayload> {
    let asked = input.volume.0;
    let Some(volume) = u8::try_from(asked).ok().filter(|volume| *volume <= 16) else {
        return Err(bad_input("volume", "must be between 0 and 16"));
    };
    let zone = controllable(ctx, &input.sound_zone)?;
    caller(ctx).state.world_mut(|world| {
        world.edit_zone(&zone.id, |zone| zone.volume = volume);
    });
    Ok(SetVolumePayload {
        status: done(),
        sound_zone: input.sound_zone,
        volume: Volume(asked),
        client_mutation_id: input.client_mutation_id,
    })
}

fn control(
    ctx: &Context<'_>,
    sound_zone: ID,
    client_mutation_id: Option<String>,
    effect: impl FnOnce(&mut Zone),
) -> Result<ControlPayload> {
    let zone = controllable(ctx, &sound_zone)?;
    caller(ctx)
        .state
        .world_mut(|world| world.edit_zone(&zone.id, effect));
    Ok(ControlPayload {
        status: done(),
        sound_zone,
        client_mutation_id,
    })
}

/// All of the zones or none: each is checked before the first is changed.
fn assign_source(
    ctx: &Context<'_>,
    input: SoundZoneAssignSourceInput,
) -> Result<SoundZoneAssignSourcePayload> {
    let playable = [
        SourceKind::Playlist,
        SourceKind::Schedule,
        SourceKind::Soundtrack,
    ];
    let kind = ids::kind(&input.source);
    if !playable
        .iter()
        .any(|source| kind.as_deref() == Some(source.name()))
    {
        return Err(bad_input("source", "invalid id format"));
    }
    let Some(source) = caller(ctx).world(|world| world.source(&input.source)) else {
        return Err(not_found());
    };
    for zone in &input.sound_zones {
        controllable(ctx, zone)?;
    }
    caller(ctx).state.world_mut(|world| {
        for zone in &input.sound_zones {
            world.edit_zone(zone, |zone| zone.source_id = Some(source.id.clone()));
        }
    });
    Ok(SoundZoneAssignSourcePayload {
        sound_zones: input.sound_zones,
        source: Some(input.source),
        client_mutation_id: input.client_mutation_id,
    })
}

fn controllable(ctx: &Context<'_>, id: &ID) -> Result<Arc<Zone>> {
    let zone = caller(ctx).zone(id)?;
    zone.filter(|zone| zone.can_be_controlled())
        .ok_or_else(not_found)
}

fn done() -> Option<String> {
    Some("ok".to_owned())
}
