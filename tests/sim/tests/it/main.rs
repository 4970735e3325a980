//! The simulators over real HTTP. Each test starts a server of its own.

mod auth;
mod command_line;
mod control;
mod faults;
mod generation;
mod limits;
mod mid_walk;
mod mutations;
mod paging;
mod queries;
mod support;
mod throughput;
mod zoho;
