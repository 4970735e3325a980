//! Zoho Inventory, v1: the items of one organisation, read.
//!
//! Source of every number and rule here: `api/zoho-inventory.md`, the contract sheet ("the sheet").
//!
//! ```text
//!  Accounts::refresh ──▶ Minted ──▶ whoever keeps it ──▶ Credential ──▶ Client ──▶ pages of items
//! ```
//! Never here: a price that went through a float, a zero that became nothing, a refresh in a loop,
//! a listing called whole because its last page was short.

mod accounts;
mod centre;
mod classify;
mod client;
mod item;
mod walk;
mod wire;

use std::time::Duration;

pub use self::accounts::{Accounts, Grant, Granted};
pub use self::centre::DataCentre;
pub use self::client::{Client, Probe};
pub use self::item::{Item, ItemStatus};
pub use self::wire::Organization;

/// What a [`Client`] needs to know of one connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// The root of the API, without `/inventory/v1`: `https://www.zohoapis.com`. The domain that comes
    /// with an access token takes its place. Either host must be on the
    /// [`crate::http::HttpConfig`]'s allowed list.
    pub api_domain: String,
    /// The organisation whose items are read.
    pub organization_id: String,
    /// Items a page, 20 to 200. 200 is the most that Zoho gives; below 20 pages could not overlap.
    pub page_size: u16,
    /// How long a call may wait in place for the rate limit; longer waits come back as
    /// [`crate::Error::Throttled`], for the queue to do. 2 s by default.
    pub patience: Duration,
}

impl Config {
    /// An organisation of a data centre, with the largest page.
    #[must_use]
    pub fn new(centre: DataCentre, organization_id: impl Into<String>) -> Self {
        Self {
            api_domain: centre.api_domain(),
            organization_id: organization_id.into(),
            page_size: 200,
            patience: Duration::from_secs(2),
        }
    }
}

/// Calls a minute of one organisation (sheet section 4). Every call costs one.
pub const CALLS_A_MINUTE: u32 = 100;
/// Access tokens in ten minutes of one refresh token (sheet section 2).
pub const MINTS_IN_TEN_MINUTES: u32 = 10;
