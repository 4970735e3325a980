//! Register: every kind of this crate, in one place.

use engine::Registry;

use crate::Env;
use crate::packages::{self, SyncChunk, SyncProfile};
use crate::record::PruneHistory;
use crate::soundtrack::{SyncAll, SyncZones};
use crate::zoho;

/// Adds every kind to `registry`.
pub fn register(registry: Registry, env: &Env) -> Registry {
    registry
        .with::<SyncZones>(env.clone())
        .with::<SyncAll>(env.clone())
        .with::<SyncProfile>(env.clone())
        .with::<SyncChunk>(env.clone())
        .with::<packages::SyncAll>(env.clone())
        .with::<zoho::SyncProducts>(env.clone())
        .with::<zoho::SyncOrganizations>(env.clone())
        .with::<PruneHistory>(env.clone())
}
