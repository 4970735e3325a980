//! How a simulator starts.

use std::net::{Ipv4Addr, SocketAddr};

use super::switches::Switches;

/// How a simulator starts, and what a reset returns it to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0, the default, picks a free port of the loopback interface.
    pub addr: SocketAddr,
    pub seed: u64,
    pub customers: u32,
    /// A new key that sees everything.
    pub secret_key: String,
    /// A new key that row-level security shows nothing to.
    pub publishable_key: String,
    /// The old sort of key that sees everything: shaped like a JWT, and also sent as a Bearer.
    pub service_role_key: String,
    /// The old sort of key that row-level security shows nothing to.
    pub anon_key: String,
    pub switches: Switches,
    /// How many calls the request log keeps.
    pub log_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            customers: 25,
            secret_key: "sb_secret_simulated".to_owned(),
            publishable_key: "sb_publishable_simulated".to_owned(),
            service_role_key: "sim-header.sim-service-role.sim-signature".to_owned(),
            anon_key: "sim-header.sim-anon.sim-signature".to_owned(),
            switches: Switches::default(),
            log_limit: 100_000,
        }
    }
}
