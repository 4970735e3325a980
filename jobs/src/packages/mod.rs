//! Packages: the prepaid hours of each profile of a booking site, kept in step with its CRM.
//!
//! A profile is a customer of the CRM by the CRM's own id, found by number, address and name
//! (`src/plan/matching.rs`), or said by a person ([`review`]). What an answer says of a profile's packages is
//! applied in one transaction, and an answer that is not proven whole takes nothing away.

mod apply;
mod enqueue;
mod fetch;
mod preview;
mod profile;
pub mod review;
mod story;
mod sync_all;
mod sync_chunk;
mod sync_profile;

use connectors::reach::Service;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::connection::Connections;

pub(crate) use enqueue::sync_again_of;
pub use enqueue::{sync_all_of, sync_decided_of, sync_profile_of};
pub use preview::{ProfilePreview, preview};
pub use profile::{Filter, available, delete, find, list, put, show};
pub use sync_all::{SyncAll, Totals, chosen};
pub use sync_chunk::SyncChunk;
pub use sync_profile::{Summary, SyncProfile};

/// The records of packages, by the CRM's id: in history and quarantine.
pub const STREAM: &str = "supabase.packages";
/// Which customer each profile is, by the profile's id: in history.
pub const LINKS: &str = "supabase.links";

/// Somebody who books, as the booking site knows them.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The booking site's id.
    pub id: Uuid,
    /// The CRM that its customer is in: `supabase/shop`.
    pub connection: String,
    pub name: Option<String>,
    pub email: Option<String>,
    /// However it is written; without a country it is one of Thailand.
    pub phone: Option<String>,
}

/// The CRMs that the settings declare.
#[must_use]
pub fn shops(all: &Connections) -> Vec<String> {
    let declared = all.declared().iter();
    let shops = declared.filter(|one| one.service == Service::Supabase);
    shops.map(|one| one.name.clone()).collect()
}

/// The CRM that is meant: the one that is named, or the only one that the settings declare.
///
/// # Errors
/// [`Error::UnknownConnection`]; [`Error::Invalid`] when none is named and there is none or are several.
pub fn shop(all: &Connections, named: Option<&str>) -> Result<String, Error> {
    let declared = shops(all);
    match (named, declared.as_slice()) {
        (Some(name), _) => match all.find(name)?.service {
            Service::Supabase => Ok(name.to_owned()),
            _ => Err(Error::UnknownConnection(name.to_owned())),
        },
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Error::Invalid(
            "connection: no Supabase connection is declared in workers.toml".to_owned(),
        )),
        (None, _) => Err(Error::Invalid(
            "connection: expected one: there are several of Supabase".to_owned(),
        )),
    }
}

/// Names and numbers of people are in no log.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Profile").field(&self.id).finish()
    }
}

/// Which customer a profile is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The CRM's id: the identity.
    pub customer_id: String,
    /// What packages are asked for by, as the CRM had it last.
    pub stable_hash: Option<String>,
    /// `automatic` or `manual`.
    pub method: String,
    /// In percent.
    pub confidence: i16,
    /// When an answer for this customer was last applied.
    pub synced_at: Option<Timestamp>,
}

/// A package of a profile. Hours are exact decimals, null for unlimited or not told; dates are the shop's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The row's id in the CRM.
    pub id: String,
    /// The id that the booking site knows it by.
    pub site_id: Option<String>,
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub category: Option<String>,
    pub total_hours: Option<String>,
    pub used_hours: Option<String>,
    pub remaining_hours: Option<String>,
    pub pax: Option<i32>,
    pub validity: Option<String>,
    pub first_used_on: Option<String>,
    pub expires_on: Option<String>,
    pub purchased_on: Option<String>,
    /// Since when whole answers have not named it; ten minutes later it is gone.
    pub missing_since: Option<Timestamp>,
    /// Since when it is gone.
    pub gone_at: Option<Timestamp>,
    /// Missing for so long that one more whole answer without it makes it gone.
    #[serde(skip)]
    pub(crate) is_overdue: bool,
}

/// A profile whose customer a person must say, or has said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    pub id: i64,
    pub profile_id: Uuid,
    /// `open`, `accepted`, `rejected` or `superseded`.
    pub status: String,
    /// Why it is not automatic: `several`, `weak`, `taken`, `moved` or `shared`.
    pub reason: String,
    /// Who comes into question, the likeliest first: `customer_id`, `name`, `phone`, `email`, `percent`.
    pub candidates: Value,
    /// The customer it was accepted for.
    pub customer_id: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    /// Why, if the person said.
    pub note: Option<String>,
    pub created_at: Timestamp,
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Packages of the answer that could be read.
    pub packages: i64,
    pub created: i64,
    pub updated: i64,
    /// Not named by this whole answer, for the first time.
    pub missing: i64,
    /// Not named by whole answers for ten minutes, or another customer's.
    pub gone: i64,
    /// Rows of the answer that could not be read, and are in quarantine.
    pub bad: i64,
    /// Such rows that a person has said to ignore as they are.
    #[serde(default)]
    pub ignored: i64,
}
