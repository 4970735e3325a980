//! Faithful, stateful, fault-injecting simulators of the remotes.
//!
//! Each remote is a real HTTP server on a port of its own, written from the vendor's contract and
//! not from our client, so that a test fails when the client has the contract wrong. A simulator
//! knows the truth (what a correct sync must end with) and counts every call and every refusal.
//!
//! Shared by all remotes: [`entropy`] (seeded chance), [`fault`] (when a fault strikes), [`wire`]
//! (faults of the wire, the log of calls). The remotes themselves: [`soundtrack`], [`zoho`],
//! [`supabase`], [`creatio`].

pub mod creatio;
pub mod entropy;
pub mod fault;
mod locked;
mod mangle;
mod server;
pub mod soundtrack;
pub mod supabase;
pub mod wire;
pub mod zoho;
