//! For tests, of this crate and of those above it: a database of one's own, cloned from a migrated
//! template, and workers that are stopped when the test ends.

mod database;
mod guard;

pub use database::Database;
pub use guard::{WorkerGuard, run_worker};
