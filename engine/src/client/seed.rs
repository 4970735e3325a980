//! Seed: full tables for measurements of reading. Not for databases with work in them.

use futures::FutureExt;
use sqlx::{Postgres, Transaction};

use super::Client;
use crate::store::{group, load, rollup, seed};
use crate::{Result, State};

/// The schedule that seeded ticks are of.
#[doc(hidden)]
pub const SEEDED_SCHEDULE: &str = "bench-seed";

/// How many rows are invented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed {
    /// Completed long ago.
    pub finished: u32,
    /// Given up.
    pub dead: u32,
    /// Due tomorrow and later.
    pub future: u32,
    /// Rows of the audit trail; other lists get fewer.
    pub audit: u32,
}

impl Client {
    /// A snapshot of the database that lasts until its transaction ends.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    #[doc(hidden)]
    pub async fn hold_snapshot_for_bench(&self) -> Result<Transaction<'static, Postgres>> {
        let mut tx = self.inner.pool.begin().await?;
        seed::take_snapshot(&mut tx).await?;
        Ok(tx)
    }

    /// Statements in this database so far; none without `pg_stat_statements`. To ask takes two.
    ///
    /// # Errors
    /// [`crate::Error::Database`], where that is there and the server does not load it.
    #[doc(hidden)]
    pub async fn statements_for_bench(&self) -> Result<Option<i64>> {
        load::statements(&mut *self.inner.pool.acquire().await?).await
    }

    /// Invents jobs of the kinds `bench.seed_…`, the newest a moment old.
    ///
    /// # Errors
    /// [`crate::Error::Database`], as when it was done before within the same hours.
    #[doc(hidden)]
    pub async fn seed_for_bench(&self, what: Seed) -> Result<()> {
        let total = i64::from(what.finished) + i64::from(what.dead) + i64::from(what.future);
        let mut conn = self.inner.pool.acquire().await?;
        let mut numbers = 0;
        for (state, count) in [
            (State::Completed, what.finished),
            (State::Dead, what.dead),
            (State::Available, what.future),
        ] {
            let count = i64::from(count);
            seed::seed(&mut conn, state, numbers, count, total).await?;
            numbers += count;
        }
        seed::seed_lists(&mut conn, what.audit.into(), SEEDED_SCHEDULE).await?;
        while self
            .in_transaction(|conn| group::group(conn).boxed())
            .await?
            > 0
        {}
        // As the service would have, in so long a time.
        while rollup::fold(&mut conn).await? > 0 {}
        seed::analyze(&mut conn).await
    }
}
