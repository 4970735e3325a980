//! From a zone as the remote has it to the status that the CRM keeps (brief S0).
//!
//! The first row that fits decides:
//!
//! | # | when | status | why |
//! | --- | --- | --- | --- |
//! | 1 | subscription `EXPIRED`, or code `SUBSCRIPTION_EXPIRED` | expired | the vendor says it by name |
//! | 2 | code `NOT_SETUP`, and not online | pending | set-up is not over, so its subscription may not have begun |
//! | 3 | subscription not active, or code `SUBSCRIPTION_INACTIVE` | expired | recorded live: paired and online, yet nothing plays (sheet 7.2) |
//! | 4 | `online` | online | R3: from `online` alone, never from paired and device |
//! | 5 | not paired and no device, or code `NOT_PAIRED` or `UNPAIRED` | no_device | there is nothing that could be online |
//! | 6 | else | offline | a player that should be there is not |
//!
//! A `CANCELLED` subscription is still active until its end, so `isActive` decides and not the
//! state. A word we do not know fits no row by itself: the plain flags then decide. A zone that
//! could not be read has no status here at all: not to have seen is not "offline".

use std::fmt;

use super::zone::{StatusCode, SubscriptionState, Zone};

/// The CRM's status of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZoneStatus {
    Online,
    Offline,
    NoDevice,
    Pending,
    Expired,
}

impl ZoneStatus {
    /// The rule of the module's table.
    #[must_use]
    pub fn of(zone: &Zone) -> Self {
        let code = &zone.status_code;
        let subscription = &zone.subscription;
        if subscription.state == SubscriptionState::Expired
            || *code == StatusCode::SubscriptionExpired
        {
            return Self::Expired;
        }
        if *code == StatusCode::NotSetup && !zone.online {
            return Self::Pending;
        }
        if !subscription.is_active || *code == StatusCode::SubscriptionInactive {
            return Self::Expired;
        }
        if zone.online {
            return Self::Online;
        }
        let unpaired = matches!(code, StatusCode::NotPaired | StatusCode::Unpaired);
        if unpaired || (!zone.is_paired && zone.device.is_none()) {
            return Self::NoDevice;
        }
        Self::Offline
    }

    /// The word that the CRM stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::NoDevice => "no_device",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for ZoneStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_follows_the_table() {
        use ZoneStatus::{Expired, NoDevice, Offline, Online, Pending};
        // online, paired, device, subscription, active, code
        let table = [
            (true, true, true, "ACTIVE", true, "ALL_OK", Online),
            (true, true, true, "CANCELLED", true, "ALL_OK", Online),
            (true, true, true, "ACTIVE", true, "PLAYER_MUTED", Online),
            (
                true,
                true,
                true,
                "ACTIVE",
                true,
                "PLAYER_DEPRECATED",
                Online,
            ),
            (true, false, false, "ACTIVE", true, "A_NEW_WORD", Online),
            (true, true, true, "INACTIVE", false, "ALL_OK", Expired),
            (true, true, true, "PAUSED", false, "ALL_OK", Expired),
            (true, true, true, "A_NEW_WORD", false, "ALL_OK", Expired),
            (true, true, true, "EXPIRED", true, "ALL_OK", Expired),
            (
                true,
                true,
                true,
                "ACTIVE",
                true,
                "SUBSCRIPTION_EXPIRED",
                Expired,
            ),
            (
                false,
                true,
                true,
                "ACTIVE",
                true,
                "SUBSCRIPTION_INACTIVE",
                Expired,
            ),
            (false, false, false, "EXPIRED", false, "NOT_SETUP", Expired),
            (false, false, false, "INACTIVE", false, "NOT_SETUP", Pending),
            (false, false, false, "ACTIVE", true, "NOT_SETUP", Pending),
            (
                false,
                false,
                false,
                "INACTIVE",
                false,
                "NOT_PAIRED",
                Expired,
            ),
            (false, false, false, "ACTIVE", true, "NOT_PAIRED", NoDevice),
            (false, false, true, "ACTIVE", true, "UNPAIRED", NoDevice),
            (false, false, false, "ACTIVE", true, "A_NEW_WORD", NoDevice),
            (
                false,
                true,
                true,
                "ACTIVE",
                true,
                "PLAYER_DISCONNECTED",
                Offline,
            ),
            (false, true, true, "ACTIVE", true, "ALL_OK", Offline),
            (
                false,
                true,
                false,
                "ACTIVE",
                true,
                "PLAYER_DISCONNECTED",
                Offline,
            ),
            (false, false, true, "ACTIVE", true, "A_NEW_WORD", Offline),
        ];
        for (online, paired, device, subscription, active, code, expected) in table {
            let device = device
                .then(|| json!({"id": "d", "name": "d", "softwareVersion": "1", "platform": "p"}));
            let node = json!({
                "id": "z", "name": "Bar", "online": online, "isPaired": paired,
                "streamingType": "TIER_3", "location": null, "device": device,
                "subscription": {"state": subscription, "isActive": active, "activeUntil": null},
                "status": {"state": "OK", "code": code},
                "playFrom": null, "schedule": null, "playback": null,
            });

            let status = ZoneStatus::of(&Zone::decode(&node).unwrap());

            assert_eq!(status, expected, "{node}");
        }
    }
}
