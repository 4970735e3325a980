//! A golf shop's CRM behind Supabase, which is PostgREST behind a gateway: customers and their
//! packages, read.
//!
//! Source of every number and rule here: `api/supabase-packages.md`, the contract sheet ("the
//! sheet").
//!
//! Never here: a short page taken for the last one, since the gateway cuts at a row count of its own
//! in silence; an error or a hidden row taken for "has no packages".

mod classify;
mod client;
mod customer;
mod hash;
mod key;
mod package;
mod request;
mod walk;

use std::time::Duration;

use jiff::tz::Offset;

pub use self::client::{Client, Found, Probe};
pub use self::customer::{Customer, CustomerBy};
pub use self::hash::stable_hash;
pub use self::key::Key;
pub use self::package::Package;

use crate::Refusal;

/// What a [`Client`] needs to know of one project.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://<project>.supabase.co/rest/v1`. Its host must be on the
    /// [`crate::http::HttpConfig`]'s allowed list.
    pub base_url: String,
    pub key: Key,
    pub refusal: Refusal,
    /// Rows a page, 1 to 1,000. The gateway may give fewer without a word.
    pub page_size: u16,
    /// The schema of the function that gives packages.
    pub package_schema: String,
    /// Where the shop is: an instant of purchase is told as its date there. Bangkok by default.
    pub shop_offset: Offset,
    /// How long a call may wait in place for the budget; longer waits come back as
    /// [`crate::Error::Throttled`], for the queue to do. 2 s by default.
    pub patience: Duration,
}

impl Config {
    /// The shop's own names, 500 rows a page.
    #[must_use]
    pub fn new(base_url: impl Into<String>, key: Key) -> Self {
        Self {
            base_url: base_url.into(),
            key,
            refusal: Refusal::default(),
            page_size: 500,
            package_schema: "backoffice".to_owned(),
            shop_offset: Offset::constant(7),
            patience: Duration::from_secs(2),
        }
    }
}
