//! Soundtrack: the zones of each company that has an account there.

mod enqueue;
mod stream;
mod sync_all;
mod sync_zones;

pub use enqueue::{enqueue_sync, enqueue_sync_all, sync_all_of, sync_of};
pub use sync_all::{FailedCompany, SyncAll, Totals};
pub use sync_zones::{Summary, SyncZones, preview};

/// The connection: the key of its rate budget and of its breaker.
pub const CONNECTION: &str = "soundtrack/default";

/// What its runs, quarantine and history call the zones.
pub const STREAM: &str = "soundtrack.zones";
