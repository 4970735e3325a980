//! The `lockstep` program: the composition root of engine, connectors and jobs.
#![allow(dead_code, unused_imports, reason = "for the hour in which it is built")]

mod config;
mod http;
mod output;

/// Placeholder.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
