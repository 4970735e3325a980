//! Seed: full tables for measurements of reading. Not for databases with work in them.

use sqlx::PgPool;

use crate::{Error, store};

/// How many rows are invented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed {
    /// With five zones each.
    pub companies: u32,
    /// Runs of syncs. Records, what became of them and what waits for people come with them.
    pub runs: u32,
}

/// The connections that seeded rows are of.
pub const ZOHO: &str = "zoho/bench";
/// As [`ZOHO`].
pub const CREATIO: &str = "creatio/bench";

/// Invents companies and what a year of syncs leaves, the newest a moment old.
///
/// # Errors
/// [`Error::Database`], as when it was done before.
pub async fn seed_for_bench(pool: &PgPool, what: Seed) -> Result<(), Error> {
    store::seed::seed(&mut *pool.acquire().await?, what).await
}
