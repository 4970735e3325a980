//! Promises of the private Postgres, each kept against a real server.
//!
//! `owner` is not a promise but a helper: it makes this binary, run again, an owner to be killed.
#![expect(clippy::unwrap_used, reason = "a test says why it failed by panicking")]

mod configured;
mod first_use;
mod found;
mod lasting;
mod owner;
mod shared;
mod support;
mod users;
