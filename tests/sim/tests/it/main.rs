//! The simulators over real HTTP. Each test starts a server of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod auth;
mod command_line;
mod control;
mod creatio;
mod faults;
mod generation;
mod limits;
mod mid_walk;
mod mutations;
mod odata_py;
mod paging;
mod postgrest_js;
mod queries;
mod supabase;
mod support;
mod throughput;
mod zoho;
