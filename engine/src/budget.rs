//! Rate budgets over the whole fleet: a bucket of tokens per remote credential, kept in Postgres.
//!
//! Guarantees: as long as everybody who calls with a credential goes through its budget and the refill
//! is not over-guessed, no call is let through that the remote would refuse. A process that is killed
//! loses the tokens it held, and never leaves others with too many. Those who wait are served in the
//! order of asking; who would wait longer than its patience is sent away with a turn.
//!
//! ```text
//!  reserve ──▶ permit ──settle(reading)──▶ spent, and the level corrected by the remote's own figure
//!                 ├─────refuse───────────▶ nobody calls for a while, and the refill counts half
//!                 ├─────unsent───────────▶ its tokens are ours to use again, or given back
//!                 └─────(dropped)────────▶ perhaps charged, perhaps still to be
//! ```

mod fleet;
mod permit;
mod purse;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

pub(crate) use fleet::Fleet;
pub use permit::Permit;

/// What a budget is before anything was heard from its remote.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetRule {
    /// Its name: `soundtrack/default`.
    pub key: String,
    /// Tokens at most. Raised when a reading shows more.
    pub capacity: f64,
    /// Tokens that come back each second, as a first guess: too low only waits.
    pub refill_per_s: f64,
    /// Readings may prove a higher refill, up to this.
    pub refill_ceiling_per_s: f64,
    /// What is thought to be in it.
    pub start: Start,
}

/// What is thought to be in a budget that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Not known: one call goes at a time until one of them brings a reading.
    Unknown,
    /// All it can hold: for remotes that give no readings.
    Full,
}

/// What a call draws from one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// The budget.
    pub key: String,
    /// Tokens.
    pub cost: f64,
}

/// What a reply said of the bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Tokens that the call was priced at.
    pub cost: f64,
    /// Tokens left once it was charged.
    pub available: f64,
}

/// The answer to a reservation.
#[derive(Debug)]
pub enum Reserved {
    /// The call may be sent now.
    Go(Permit),
    /// Not within the patience: come back after this.
    Wait(Duration),
    /// It costs more than a budget ever holds.
    Never,
}

/// A budget with where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetView {
    /// Its name.
    pub key: String,
    /// Tokens at most.
    pub capacity: f64,
    /// Tokens that come back each second.
    pub refill_per_s: f64,
    /// The same, as counted on now: half of it after a refusal.
    pub refill_now_per_s: f64,
    /// Tokens that may be taken now; below nothing when calls wait for theirs. None until a reading.
    pub tokens: Option<f64>,
    /// Tokens that processes hold and have not spent.
    pub leased: f64,
    /// Nobody calls before.
    pub blocked_until: Option<Timestamp>,
    /// The refill counts for less until then.
    pub slowed_until: Option<Timestamp>,
    /// Tokens spent so far.
    pub spent: f64,
    /// Calls that the remote refused for their price so far.
    pub refusals: i64,
    /// Where the figures come from: `config`, `header` or `person`.
    pub source: String,
}

/// What a person changes of a budget. What is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BudgetChange {
    /// Tokens at most.
    pub capacity: Option<f64>,
    /// Tokens that come back each second. Neither the file nor readings change it any more.
    pub refill_per_s: Option<f64>,
    /// Ends a block and its aftermath.
    pub unblock: bool,
}
