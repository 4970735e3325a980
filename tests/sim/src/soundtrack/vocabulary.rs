//! The vendor's enumerations, spelt the same in GraphQL and in the control API.

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[graphql(name = "StreamingType")]
pub enum StreamingType {
    #[graphql(name = "ROYALTY_FREE")]
    #[serde(rename = "ROYALTY_FREE")]
    RoyaltyFree,
    #[graphql(name = "TIER_1")]
    #[serde(rename = "TIER_1")]
    Tier1,
    #[graphql(name = "TIER_3")]
    #[serde(rename = "TIER_3")]
    Tier3,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[graphql(name = "SoundZoneSubscriptionState")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubscriptionState {
    Active,
    Cancelled,
    Expired,
    Inactive,
    Paused,
}

impl SubscriptionState {
    /// A cancelled subscription still plays until it expires.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Cancelled)
    }
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[graphql(name = "SoundZoneStatusState")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatusState {
    Ok,
    Error,
    Incomplete,
    NotSetup,
    Unknown,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[graphql(name = "SoundZoneStatusCode")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatusCode {
    AllOk,
    Inactive,
    NotPaired,
    NotSetup,
    Paired,
    PlayerDeprecated,
    PlayerDisconnected,
    PlayerMuted,
    SubscriptionExpired,
    SubscriptionInactive,
    Unpaired,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[graphql(name = "PlaybackState", rename_items = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum PlaybackState {
    Playing,
    Paused,
    Offline,
    Unpaired,
    NotSupported,
}

/// What a zone can play from: the members of the union `PlaybackSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceKind {
    Playlist,
    Schedule,
    Soundtrack,
}

impl SourceKind {
    /// The GraphQL type name, which is also the first word of the ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Playlist => "Playlist",
            Self::Schedule => "Schedule",
            Self::Soundtrack => "Soundtrack",
        }
    }
}
