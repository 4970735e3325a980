//! The connectors against the simulators: the contract, seen from the wire.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod capture;
mod contract;
mod creatio;
mod soundtrack;
mod supabase;
mod zoho;
