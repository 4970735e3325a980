//! A sound zone as we read it, each field by the type that the sheet's section 2 gives it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::fields::Fields;
use crate::RecordError;

/// An enum of the vendor's that may grow: a value we do not know is kept as it came, since one
/// new word must not cost us the record.
macro_rules! open_enum {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
            /// A word that is not in the sheet.
            Other(String),
        }

        impl $name {
            /// The vendor's word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }
        }
    };
}

open_enum! {
    /// What music a zone's subscription covers.
    StreamingType { RoyaltyFree = "ROYALTY_FREE", Tier1 = "TIER_1", Tier3 = "TIER_3" }
}
open_enum! {
    /// The contract of a zone. `CANCELLED` still plays until its end.
    SubscriptionState {
        Active = "ACTIVE",
        Cancelled = "CANCELLED",
        Expired = "EXPIRED",
        Inactive = "INACTIVE",
        Paused = "PAUSED",
    }
}
open_enum! {
    /// The vendor's own summary of a zone.
    StatusState {
        Ok = "OK",
        Error = "ERROR",
        Incomplete = "INCOMPLETE",
        NotSetup = "NOT_SETUP",
        Unknown = "UNKNOWN",
    }
}
open_enum! {
    /// Why the summary is what it is.
    StatusCode {
        AllOk = "ALL_OK",
        Inactive = "INACTIVE",
        NotPaired = "NOT_PAIRED",
        NotSetup = "NOT_SETUP",
        Paired = "PAIRED",
        PlayerDeprecated = "PLAYER_DEPRECATED",
        PlayerDisconnected = "PLAYER_DISCONNECTED",
        PlayerMuted = "PLAYER_MUTED",
        SubscriptionExpired = "SUBSCRIPTION_EXPIRED",
        SubscriptionInactive = "SUBSCRIPTION_INACTIVE",
        Unpaired = "UNPAIRED",
    }
}
open_enum! {
    /// What the player does.
    PlaybackState {
        Playing = "playing",
        Paused = "paused",
        Offline = "offline",
        Unpaired = "unpaired",
        NotSupported = "not_supported",
    }
}

/// A sound zone. Its identity is `id`; names are neither unique nor stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Opaque: may look as if it held other ids, and is never parsed.
    pub id: String,
    pub name: String,
    /// The only source of the online state.
    pub online: bool,
    pub is_paired: bool,
    pub streaming_type: StreamingType,
    /// `None` also when the remote said `NOT_FOUND` for it: a zone without a location.
    pub location: Option<Location>,
    pub device: Option<Device>,
    pub subscription: Subscription,
    pub status_state: StatusState,
    pub status_code: StatusCode,
    pub play_from: Option<PlaySource>,
    pub schedule: Option<Named>,
    /// `None` for a zone that has no player.
    pub playback_state: Option<PlaybackState>,
    /// 0 to 16 by the contract, not checked here; `None` while nobody knows it.
    pub volume: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub id: String,
    pub name: String,
    /// IANA name, as it came.
    pub timezone: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub name: String,
    pub software_version: String,
    pub platform: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub state: SubscriptionState,
    pub is_active: bool,
    pub active_until: Option<Timestamp>,
}

/// What a zone plays. A `Soundtrack` comes without id and name: the contract's query does not ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaySource {
    /// `Playlist`, `Schedule` or `Soundtrack`.
    pub kind: String,
    pub id: Option<String>,
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: String,
    pub name: String,
}

impl Zone {
    /// Reads one `node` of the zones query.
    pub(super) fn decode(node: &Value) -> Result<Self, RecordError> {
        let zone = Fields::of_record(node)?;
        let status = zone.object("status")?;
        let playback = zone.maybe_object("playback")?;
        let playback_state = match &playback {
            Some(playback) => playback.maybe_text("state")?,
            None => None,
        };
        Ok(Self {
            id: zone.id("id")?,
            name: zone.text("name")?,
            online: zone.flag("online")?,
            is_paired: zone.flag("isPaired")?,
            streaming_type: zone.text("streamingType")?.into(),
            location: zone
                .maybe_object("location")?
                .map(|f| location(&f))
                .transpose()?,
            device: zone
                .maybe_object("device")?
                .map(|f| device(&f))
                .transpose()?,
            subscription: subscription(&zone.object("subscription")?)?,
            status_state: status.text("state")?.into(),
            status_code: status.text("code")?.into(),
            play_from: zone
                .maybe_object("playFrom")?
                .map(|f| play_source(&f))
                .transpose()?,
            schedule: zone
                .maybe_object("schedule")?
                .map(|f| named(&f))
                .transpose()?,
            playback_state: playback_state.map(Into::into),
            volume: playback.map_or(Ok(None), |playback| playback.maybe_number("volume"))?,
        })
    }
}

fn location(fields: &Fields) -> Result<Location, RecordError> {
    let (id, name) = (fields.id("id")?, fields.text("name")?);
    Ok(Location {
        id,
        name,
        timezone: fields.text("timezone")?,
    })
}

fn device(fields: &Fields) -> Result<Device, RecordError> {
    Ok(Device {
        id: fields.id("id")?,
        name: fields.text("name")?,
        software_version: fields.text("softwareVersion")?,
        platform: fields.text("platform")?,
    })
}

fn subscription(fields: &Fields) -> Result<Subscription, RecordError> {
    let active_until = match fields.maybe_text("activeUntil")? {
        None => None,
        Some(text) => {
            let instant = instant(&text);
            Some(instant.ok_or_else(|| fields.not("activeUntil", "an instant or a date"))?)
        }
    };
    Ok(Subscription {
        state: fields.text("state")?.into(),
        is_active: fields.flag("isActive")?,
        active_until,
    })
}

/// The sheet's sample is an instant, but the type's name is not given, so a bare date passes too
/// and means its beginning in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let date: Date = text.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

fn play_source(fields: &Fields) -> Result<PlaySource, RecordError> {
    let maybe = |name: &str| {
        if fields.has(name) {
            fields.maybe_text(name)
        } else {
            Ok(None)
        }
    };
    Ok(PlaySource {
        kind: fields.text("__typename")?,
        id: maybe("id")?,
        name: maybe("name")?,
    })
}

fn named(fields: &Fields) -> Result<Named, RecordError> {
    Ok(Named {
        id: fields.id("id")?,
        name: fields.text("name")?,
    })
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
