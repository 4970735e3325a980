//! Zoho's products on the pull pipeline, against the simulated vendor.

mod alerts;
mod chosen;
mod counters;
mod future;
mod guards;
mod kills;
mod limits;
mod moving;
mod preview;
mod refused;
mod resume;
mod stale;
mod support;
mod sync_organizations;
mod sync_products;
mod verdicts;
