//! Soundtrack Your Brand, API v2: zones and accounts read, zones controlled.
//!
//! Source of every number and rule here: `api/soundtrack.md`, the contract sheet ("the sheet").
//! One GraphQL endpoint, a `Basic` token sent verbatim, a token bucket told in headers. There are
//! no webhooks, no OAuth and no reading by change date: a full walk is the only snapshot.
//!
//! Never here: an answer with errors that passes for an empty one, an identity made of names, an
//! online state made of anything but `online`.

mod classify;
mod client;
mod control;
mod fields;
mod map;
mod query;
mod throttle;
mod wire;
mod zone;

use std::time::Duration;

pub use self::client::{Client, Probe};
pub use self::control::Volume;
pub use self::map::ZoneStatus;
pub use self::wire::{Account, Page};
pub use self::zone::{
    Device, Location, Named, PlaySource, PlaybackState, StatusCode, StatusState, StreamingType,
    Subscription, SubscriptionState, Zone,
};
pub use crate::page::{Item, Next};

use crate::{Refusal, Token};

/// The vendor's one endpoint (sheet section 1).
pub const BASE_URL: &str = "https://api.soundtrackyourbrand.com/v2";

/// What a [`Client`] needs to know of one connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The endpoint. Its host must be on the [`crate::http::HttpConfig`]'s allowed list.
    pub base_url: String,
    /// The API client's token.
    pub token: Token,
    pub refusal: Refusal,
    /// Zones and accounts a page, 1 to 100. 100 is what the vendor's own app asks for.
    pub page_size: u16,
    /// How long a call may wait in place for the rate limit; longer waits come back as
    /// [`crate::Error::Throttled`], for the queue to do. 2 s by default.
    pub patience: Duration,
}

impl Config {
    /// The vendor's endpoint with the default page size and patience.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            token,
            refusal: Refusal::default(),
            page_size: 100,
            patience: Duration::from_secs(2),
        }
    }
}
