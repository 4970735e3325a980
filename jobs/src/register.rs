//! Register: every kind of this crate, in one place.

use engine::{Job, Registry};
use serde_json::Value;

use crate::creatio;
use crate::packages::{self, SyncChunk, SyncProfile};
use crate::record::PruneHistory;
use crate::soundtrack::{SyncAll, SyncZones};
use crate::zoho;
use crate::{Env, Error};

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
        .with::<creatio::Observe>(env.clone())
        .with::<creatio::Reconcile>(env.clone())
        .with::<creatio::SyncAll>(env.clone())
        .with::<creatio::SyncLead>(env.clone())
        .with::<PruneHistory>(env.clone())
}

/// What is wrong with the args that settings give to a kind, as far as that can be told before it runs.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_args(kind: &str, args: &Value) -> Result<(), Error> {
    if kind != packages::SyncAll::KIND {
        return Ok(());
    }
    let asked: packages::SyncAll =
        serde_json::from_value(args.clone()).map_err(|error| Error::Invalid(error.to_string()))?;
    asked.check()
}
