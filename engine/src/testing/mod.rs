//! For tests, of this crate and of those above it: a database of one's own, cloned from a migrated
//! template, and workers that are stopped when the test ends.

mod database;
mod guard;

pub use database::Database;
pub use guard::{WorkerGuard, run_worker};

/// The settings of the sessions that claim and settle, as name and value.
pub fn hot_settings() -> Vec<(&'static str, &'static str)> {
    crate::store::pool::HOT_SETTINGS.to_vec()
}
