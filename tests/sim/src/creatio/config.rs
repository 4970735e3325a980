//! How a simulator starts.

use std::net::{Ipv4Addr, SocketAddr};

use super::switches::Switches;

/// How a simulator starts, and what a reset returns it to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0, the default, picks a free port of the loopback interface.
    pub addr: SocketAddr,
    pub seed: u64,
    pub leads: u32,
    /// Beside the three users, who are contacts too.
    pub contacts: u32,
    pub accounts: u32,
    /// Each with one participant.
    pub activities: u32,
    pub client_id: String,
    pub client_secret: String,
    /// For the login with cookies.
    pub user_name: String,
    pub user_password: String,
    pub switches: Switches,
    /// How many calls the request log keeps.
    pub log_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            leads: 25,
            contacts: 20,
            accounts: 5,
            activities: 15,
            client_id: "SIMCLIENT0123456789".to_owned(),
            client_secret: "sim-creatio-secret".to_owned(),
            user_name: "sim-user".to_owned(),
            user_password: "sim-password".to_owned(),
            switches: Switches::default(),
            log_limit: 100_000,
        }
    }
}

impl Config {
    /// A site without records.
    pub fn empty() -> Self {
        Self {
            leads: 0,
            contacts: 0,
            accounts: 0,
            activities: 0,
            ..Self::default()
        }
    }
}
