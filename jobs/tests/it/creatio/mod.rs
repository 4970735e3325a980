//! Creatio both ways, against the simulated vendor.

mod conflict;
pub(crate) mod converge;
mod delete;
mod doubt;
mod lost;
mod meeting;
mod observe;
mod pairing;
mod preview;
mod reconcile;
pub(crate) mod support;
mod sync_all;
mod sync_lead;
mod versions;
