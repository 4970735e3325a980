//! The truth: every account with every zone, exactly as a correct sync should see them.

use serde::Serialize;

use super::World;
use super::records::{Account, Zone};
use crate::soundtrack::vocabulary::{
    PlaybackState, SourceKind, StatusCode, StatusState, StreamingType, SubscriptionState,
};

/// Accounts in the order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    pub accounts: Vec<TruthAccount>,
}

/// Zones in the order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TruthAccount {
    pub id: String,
    pub business_name: String,
    pub country: String,
    pub zones: Vec<TruthZone>,
}

/// A zone with all that the contract's zones query asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TruthZone {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub is_paired: bool,
    pub online: bool,
    pub streaming_type: StreamingType,
    pub location: Option<Named>,
    /// The location's IANA zone.
    pub timezone: Option<String>,
    pub device: Option<Named>,
    pub software_version: Option<String>,
    pub platform: Option<String>,
    pub subscription_state: SubscriptionState,
    pub subscription_is_active: bool,
    /// RFC 3339.
    pub active_until: String,
    pub status_state: StatusState,
    pub status_code: StatusCode,
    pub play_from: Option<TruthSource>,
    pub schedule: Option<Named>,
    pub playback: Option<TruthPlayback>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TruthSource {
    pub kind: SourceKind,
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TruthPlayback {
    pub state: PlaybackState,
    /// 0 to 16; unknown while the player is offline.
    pub volume: Option<u8>,
}

impl Truth {
    /// Every zone of every account.
    pub fn zones(&self) -> impl Iterator<Item = &TruthZone> {
        self.accounts.iter().flat_map(|account| &account.zones)
    }
}

impl World {
    /// The whole world as a correct sync should see it.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let mut accounts: Vec<TruthAccount> = self
            .accounts()
            .iter()
            .map(|account| self.truth_of(account))
            .collect();
        accounts.sort_by(|left, right| left.id.cmp(&right.id));
        Truth { accounts }
    }

    fn truth_of(&self, account: &Account) -> TruthAccount {
        let mut zones: Vec<TruthZone> = self
            .zones_of(&account.id)
            .iter()
            .map(|zone| self.truth_zone(zone))
            .collect();
        zones.sort_by(|left, right| left.id.cmp(&right.id));
        TruthAccount {
            id: account.id.clone(),
            business_name: account.business_name.clone(),
            country: account.country.clone(),
            zones,
        }
    }

    fn truth_zone(&self, zone: &Zone) -> TruthZone {
        let location = zone.location_id.as_deref().and_then(|id| self.location(id));
        let device = zone.device_id.as_deref().and_then(|id| self.device(id));
        let source = zone.source_id.as_deref().and_then(|id| self.source(id));
        let schedule = source
            .as_ref()
            .filter(|source| source.kind == SourceKind::Schedule);
        let (status_state, status_code) = zone.status();
        TruthZone {
            id: zone.id.clone(),
            account_id: zone.account_id.clone(),
            name: zone.name.clone(),
            is_paired: zone.is_paired,
            online: zone.online,
            streaming_type: zone.streaming_type,
            location: location.as_ref().map(|found| named(&found.id, &found.name)),
            timezone: location.as_ref().map(|found| found.timezone.clone()),
            device: device.as_ref().map(|found| named(&found.id, &found.name)),
            software_version: device.as_ref().map(|found| found.software_version.clone()),
            platform: device.as_ref().map(|found| found.platform.clone()),
            subscription_state: zone.subscription.state,
            subscription_is_active: zone.subscription.state.is_active(),
            active_until: zone.subscription.active_until.clone(),
            status_state,
            status_code,
            schedule: schedule.map(|found| named(&found.id, &found.name)),
            play_from: source.as_ref().map(|found| TruthSource {
                kind: found.kind,
                id: found.id.clone(),
                name: found.name.clone(),
            }),
            playback: zone
                .playback()
                .map(|(state, volume)| TruthPlayback { state, volume }),
        }
    }
}

fn named(id: &str, name: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: name.to_owned(),
    }
}
