//! The sync handlers: the one room that sees both the engine and the remotes.
//!
//! A kind is an address: `soundtrack.sync_zones` is [`soundtrack::SyncZones`] in
//! `src/soundtrack/sync_zones.rs`. [`register`] adds every kind to a registry; [`migrate`] brings the
//! schema `sync` up to date; [`connection`] has the remotes' credentials and clients; [`company`], [`zone`], [`product`] and [`run`] read and
//! write what is synced; [`quarantine`], [`held`] and [`history`] are what people decide on and ask; [`alert`] says when.
//!
//! A pull is page-atomic: each page commits with its cursor under the attempt's fence, so a killed
//! worker's successor goes on at the page. What a walk did not find is marked as gone only when the
//! walk proves that it saw everything. The rules are pure and stand in `src/plan/`, the SQL in
//! `src/store/`, and what a remote's fault means for a job in `src/verdict.rs` alone.

pub mod alert;
mod budget;
pub mod company;
pub mod connection;
pub mod creatio;
mod env;
mod error;
mod flow;
pub mod held;
pub mod history;
pub mod packages;
mod plan;
pub mod product;
pub mod quarantine;
pub mod record;
mod register;
pub mod run;
pub mod seal;
#[doc(hidden)]
pub mod seed;
pub mod soundtrack;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod verdict;
pub mod zoho;
pub mod zone;

pub use budget::FleetBudget;
pub use env::Env;
pub use error::Error;
pub use flow::Counters;
pub use flow::preview::{Preview, RecordChange};
pub use register::{check_args, register};

/// Brings the schema `sync` up to date. Safe to run from many processes at once.
///
/// # Errors
/// [`Error::Migrate`] when the database is newer than this binary, or a migration was changed.
pub async fn migrate(pool: &sqlx::PgPool) -> Result<(), Error> {
    store::migrate::migrate(pool).await
}

/// The versions of the migrations this binary knows that the database lacks.
///
/// # Errors
/// [`Error::Database`].
pub async fn pending_migrations(pool: &sqlx::PgPool) -> Result<Vec<i64>, Error> {
    store::migrate::pending(pool).await
}
