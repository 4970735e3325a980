#![doc = include_str!("../README.md")]

mod binaries;
mod child;
mod cluster;
mod database;
mod directory;
mod environment;
mod error;
mod identity;
mod leftovers;
mod log;
mod options;
mod owner;
mod patience;
mod pidfile;
mod postmaster;
mod server;
mod settings;
mod socket;
mod supervisor;
mod sys;
pub mod testing;
mod url;

pub use binaries::{Binaries, find_binaries};
pub use error::Error;
pub use identity::own_name;
pub use options::Options;
pub use owner::{Running, running};
pub use server::Server;
