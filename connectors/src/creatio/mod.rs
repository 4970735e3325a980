//! Creatio CRM over OData 4: any of its entities, read and written.
//!
//! Source of every number and rule here: `api/creatio.md`, the contract sheet ("the sheet").
//!
//! ```text
//!  Identity::mint ──▶ Minted ──▶ whoever keeps it ──▶ Credential ──▶ Client ──▶ pages, looks, writes
//! ```
//! Never here: a walk by `$skip`, which skips what moves; guids compared by us, whose order is the
//! server's; a lost answer taken for a refusal, or sent again; an empty guid, the year 1 or an empty text
//! taken for a value.

mod batch;
mod cache;
mod classify;
mod client;
mod end;
mod identity;
mod message;
mod metadata;
mod record;
mod request;
mod sender;
mod site;
mod walk;

use std::time::Duration;

pub use self::batch::{Looked, MOST_PARTS, Verb, Write, Written};
pub use self::client::{Client, Named, Probe};
pub use self::identity::{Grant, Identity};
pub use self::metadata::{Edm, Entity, Metadata, Property};
pub use self::record::Record;
pub use self::request::Ask;
pub(crate) use self::site::is_of_cloud;
pub use self::site::{identity_url, is_site, service_url};

/// What a [`Client`] needs to know of one site.
#[derive(Clone, Debug)]
pub struct Config {
    /// The root of the service: `https://<site>.creatio.com/0/odata`, and without `/0` on builds of .NET
    /// (sheet section 2). Its host must be on the [`crate::http::HttpConfig`]'s allowed list.
    pub base_url: String,
    /// Records a page, 1 to 1,000. The site may give fewer without a word. 500 by default.
    pub page_size: u16,
    /// How long a call may wait in place for the budget; longer waits come back as
    /// [`crate::Error::Throttled`], for the queue to do. 2 s by default.
    pub patience: Duration,
}

impl Config {
    /// 500 records a page.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            page_size: 500,
            patience: Duration::from_secs(2),
        }
    }
}
