//! The sync handlers against Postgres, the engine's worker and the simulated remotes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod company;
mod connection;
mod creatio;
mod lists;
mod migrate;
mod packages;
mod process;
mod record;
mod scale;
mod soundtrack;
mod support;
mod zoho;
