//! The records of the world, and what the vendor derives from them.

use serde::Serialize;

use super::shelf::Shelved;
use crate::soundtrack::vocabulary::{
    PlaybackState, SourceKind, StatusCode, StatusState, StreamingType, SubscriptionState,
};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub id: String,
    pub business_name: String,
    pub country: String,
    pub plan: String,
    pub created_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub timezone: String,
    pub physical_address: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Zone {
    pub id: String,
    pub account_id: String,
    pub location_id: Option<String>,
    pub device_id: Option<String>,
    pub name: String,
    pub is_paired: bool,
    pub online: bool,
    pub streaming_type: StreamingType,
    pub short_id: String,
    pub remote_code: String,
    pub subscription: Subscription,
    pub source_id: Option<String>,
    /// 0 to 16, the vendor's scalar `Volume`.
    pub volume: u8,
    pub playing: bool,
    /// How many tracks were skipped: it decides which track plays now.
    pub skipped_tracks: u32,
    /// False makes control mutations answer `NOT_FOUND`, as some live zones do for no known cause.
    pub controllable: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub state: SubscriptionState,
    /// RFC 3339.
    pub active_until: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub id: String,
    pub zone_id: String,
    pub name: String,
    pub software_version: String,
    pub os_version: String,
    pub platform: String,
    pub hardware_id: String,
}

/// A playlist, schedule or soundtrack.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub id: String,
    pub kind: SourceKind,
    pub name: String,
    /// Only a schedule has any.
    pub slots: Vec<Slot>,
}

/// One recurring part of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    pub id: String,
    pub rrule: String,
    /// `HHMMss`.
    pub start: String,
    pub duration_ms: i32,
    pub playlist_ids: Vec<String>,
}

impl Zone {
    /// The vendor's summary of the zone, worst cause first.
    #[must_use]
    pub fn status(&self) -> (StatusState, StatusCode) {
        if !self.is_paired {
            return (StatusState::NotSetup, StatusCode::NotPaired);
        }
        match self.subscription.state {
            SubscriptionState::Expired => {
                return (StatusState::Error, StatusCode::SubscriptionExpired);
            }
            SubscriptionState::Inactive | SubscriptionState::Paused => {
                return (StatusState::Error, StatusCode::SubscriptionInactive);
            }
            SubscriptionState::Active | SubscriptionState::Cancelled => {}
        }
        if self.online {
            (StatusState::Ok, StatusCode::AllOk)
        } else {
            (StatusState::Error, StatusCode::PlayerDisconnected)
        }
    }

    /// The state and volume of the player; `None` for a zone that was never paired, and no volume
    /// while it is offline.
    #[must_use]
    pub fn playback(&self) -> Option<(PlaybackState, Option<u8>)> {
        if !self.is_paired {
            return None;
        }
        if !self.online {
            return Some((PlaybackState::Offline, None));
        }
        let state = if self.playing {
            PlaybackState::Playing
        } else {
            PlaybackState::Paused
        };
        Some((state, Some(self.volume)))
    }

    /// Whether the control mutations find the zone.
    #[must_use]
    pub fn can_be_controlled(&self) -> bool {
        self.controllable && self.is_paired && self.online && self.subscription.state.is_active()
    }
}

impl Shelved for Account {
    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        ""
    }

    fn name(&self) -> &str {
        &self.business_name
    }
}

impl Shelved for Location {
    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.account_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Shelved for Zone {
    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.account_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}
