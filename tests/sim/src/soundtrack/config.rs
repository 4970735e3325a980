//! How a simulator starts.

use std::net::{Ipv4Addr, SocketAddr};

use super::switches::Switches;
use super::world::WorldSize;

/// How a simulator starts, and what a reset returns it to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0, the default, picks a free port of the loopback interface.
    pub addr: SocketAddr,
    pub seed: u64,
    pub size: WorldSize,
    /// The API token that sees all accounts: what follows `Basic ` in the header, verbatim.
    pub token: String,
    pub switches: Switches,
    /// How many calls the request log keeps.
    pub log_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            size: WorldSize::default(),
            token: "sim-token-soundtrack".to_owned(),
            switches: Switches::default(),
            log_limit: 100_000,
        }
    }
}
