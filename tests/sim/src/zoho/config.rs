//! How a simulator starts.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use super::switches::Switches;

/// The vendor's data centres (sheet section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataCentre {
    Us,
    Eu,
    In,
    Au,
    Jp,
    Ca,
    Cn,
    Sa,
}

impl DataCentre {
    pub const ALL: [Self; 8] = [
        Self::Us,
        Self::Eu,
        Self::In,
        Self::Au,
        Self::Jp,
        Self::Ca,
        Self::Cn,
        Self::Sa,
    ];

    /// The first part of its paths here.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::In => "in",
            Self::Au => "au",
            Self::Jp => "jp",
            Self::Ca => "ca",
            Self::Cn => "cn",
            Self::Sa => "sa",
        }
    }
}

/// A right that a grant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `ZohoInventory.items.READ`
    ItemsRead,
    /// `ZohoInventory.settings.READ`
    SettingsRead,
}

/// How a simulator starts, and what a reset returns it to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0, the default, picks a free port of the loopback interface.
    pub addr: SocketAddr,
    pub seed: u64,
    pub items: u32,
    pub data_centre: DataCentre,
    pub organization_id: String,
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: String,
    pub scopes: BTreeSet<Scope>,
    pub switches: Switches,
    /// How many calls the request log keeps.
    pub log_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            items: 25,
            data_centre: DataCentre::Us,
            organization_id: "10234695".to_owned(),
            client_id: "1000.SIMCLIENT".to_owned(),
            client_secret: "sim-client-secret".to_owned(),
            refresh_token: "1000.sim-refresh-token".to_owned(),
            scopes: [Scope::ItemsRead, Scope::SettingsRead].into(),
            switches: Switches::default(),
            log_limit: 100_000,
        }
    }
}
