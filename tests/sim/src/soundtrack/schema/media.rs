//! What plays: playlists, schedules, soundtracks and the track that plays now.

use std::sync::Arc;

use async_graphql::{Context, ID, NewType, Object, SimpleObject, Union};

use super::caller::caller;
use crate::soundtrack::vocabulary::SourceKind;
use crate::soundtrack::world::{Slot, Source, Zone};

/// RFC 3339.
#[derive(NewType)]
#[graphql(name = "Date")]
pub(super) struct Date(pub(super) String);

/// ISO 3166-1 alpha-2.
#[derive(NewType)]
#[graphql(name = "IsoCountry")]
pub(super) struct IsoCountry(pub(super) String);

#[derive(Union)]
pub(super) enum PlaybackSource {
    Playlist(Playlist),
    Schedule(Schedule),
    Soundtrack(SoundtrackSource),
}

#[derive(SimpleObject)]
pub(super) struct Playlist {
    id: ID,
    name: String,
}

#[derive(SimpleObject)]
#[graphql(name = "Soundtrack")]
pub(super) struct SoundtrackSource {
    id: ID,
    name: String,
}

#[derive(SimpleObject)]
pub(super) struct Schedule {
    id: ID,
    name: String,
    slots: Vec<ScheduleSlot>,
    snapshot: String,
    updated_at: Date,
}

#[derive(SimpleObject)]
pub(super) struct ScheduleSlot {
    id: ID,
    rrule: String,
    start: String,
    duration: i32,
    playlist_ids: Vec<ID>,
}

impl From<&Source> for Playlist {
    fn from(source: &Source) -> Self {
        Self {
            id: ID(source.id.clone()),
            name: source.name.clone(),
        }
    }
}

impl From<&Source> for Schedule {
    fn from(source: &Source) -> Self {
        Self {
            id: ID(source.id.clone()),
            name: source.name.clone(),
            slots: source.slots.iter().map(ScheduleSlot::from).collect(),
            snapshot: "1".to_owned(),
            updated_at: Date("2026-01-01T00:00:00Z".to_owned()),
        }
    }
}

impl From<&Slot> for ScheduleSlot {
    fn from(slot: &Slot) -> Self {
        Self {
            id: ID(slot.id.clone()),
            rrule: slot.rrule.clone(),
            start: slot.start.clone(),
            duration: slot.duration_ms,
            playlist_ids: slot.playlist_ids.iter().cloned().map(ID).collect(),
        }
    }
}

impl From<&Source> for PlaybackSource {
    fn from(source: &Source) -> Self {
        match source.kind {
            SourceKind::Playlist => Self::Playlist(source.into()),
            SourceKind::Schedule => Self::Schedule(source.into()),
            SourceKind::Soundtrack => Self::Soundtrack(SoundtrackSource {
                id: ID(source.id.clone()),
                name: source.name.clone(),
            }),
        }
    }
}

/// What the zone plays from, if anything.
pub(super) fn source_of(ctx: &Context<'_>, zone: &Zone) -> Option<Arc<Source>> {
    let id = zone.source_id.as_deref()?;
    caller(ctx).world(|world| world.source(id))
}

pub(super) struct NowPlaying(pub(super) Arc<Zone>);

#[Object]
impl NowPlaying {
    async fn sound_zone(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn started_at(&self) -> Option<Date> {
        Some(Date(format!(
            "2026-01-01T00:{:02}:00Z",
            self.0.skipped_tracks % 60
        )))
    }

    async fn play_from(&self, ctx: &Context<'_>) -> Option<PlaybackSource> {
        source_of(ctx, &self.0).map(|source| PlaybackSource::from(&*source))
    }

    async fn track(&self, market: Option<IsoCountry>) -> Option<Track> {
        // Every track is licensed everywhere here, so the market changes nothing.
        drop(market);
        Some(Track::nth(self.0.skipped_tracks))
    }
}

#[derive(SimpleObject)]
pub(super) struct Track {
    id: ID,
    title: String,
    /// Deprecated for `title`, still asked for by the customers' queries.
    name: String,
    isrc: Option<String>,
    duration_ms: Option<i32>,
    artists: Vec<Artist>,
    album: Option<Album>,
}

#[derive(SimpleObject)]
pub(super) struct Artist {
    id: ID,
    name: String,
}

#[derive(SimpleObject)]
pub(super) struct Album {
    id: ID,
    name: String,
}

impl Track {
    fn nth(nth: u32) -> Self {
        let title = format!("Simulated Song {nth}");
        Self {
            id: ID(format!("track-{nth}")),
            name: title.clone(),
            title,
            isrc: Some(format!("XXSIM26{:05}", nth % 100_000)),
            duration_ms: Some(180_000),
            artists: vec![Artist {
                id: "artist-1".into(),
                name: "The Simulators".to_owned(),
            }],
            album: Some(Album {
                id: "album-1".into(),
                name: "Ground Truth".to_owned(),
            }),
        }
    }
}
