//! Zoho: the clients against the simulated vendor.

mod auth;
mod faults;
mod secrets;
mod uncertain;
mod walk;

use std::sync::OnceLock;
use std::time::Duration;

use connectors::Error;
use connectors::Keeper;
use connectors::budget::Window;
use connectors::http::{Http, HttpConfig};
use connectors::page::{Next, Page};
use connectors::zoho::{Accounts, Client, Config, DataCentre, Grant, Granted, Item};
use secrecy::SecretString;
use sim::zoho::{Config as SimConfig, Simulator, Switches};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A vendor, and what a client of it is made of.
pub(crate) struct Bed {
    pub(crate) sim: Simulator,
    pub(crate) http: HttpConfig,
    /// Made once: to load the roots of trust takes longer than a whole walk.
    transport: OnceLock<Http>,
    pub(crate) page_size: u16,
    pub(crate) refresh_token: String,
}

impl Bed {
    fn transport(&self) -> Http {
        let made = self
            .transport
            .get_or_init(|| Http::new(self.http.clone()).unwrap());
        made.clone()
    }

    pub(crate) async fn new(items: u32) -> Self {
        Self::with(items, Switches::default()).await
    }

    pub(crate) async fn with(items: u32, switches: Switches) -> Self {
        Self::configured(SimConfig {
            items,
            switches,
            ..SimConfig::default()
        })
        .await
    }

    pub(crate) async fn configured(config: SimConfig) -> Self {
        let http = HttpConfig {
            allowed_hosts: vec!["127.0.0.1".to_owned()],
            ..HttpConfig::default()
        };
        Self {
            refresh_token: config.refresh_token.clone(),
            sim: Simulator::start(config).await.unwrap(),
            http,
            transport: OnceLock::new(),
            page_size: 20,
        }
    }

    pub(crate) fn grant(&self) -> Grant {
        let config = self.sim.config();
        Grant {
            client_id: SecretString::from(config.client_id.as_str()),
            client_secret: SecretString::from(config.client_secret.as_str()),
            refresh_token: SecretString::from(self.refresh_token.as_str()),
        }
    }

    pub(crate) fn accounts(&self) -> Accounts {
        let http = self.transport();
        Accounts::new(&self.sim.accounts_url(), http, Window::new(100, MINUTE)).unwrap()
    }

    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::new(Granted {
            accounts: self.accounts(),
            grant: self.grant(),
        })
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(self.keeper(), Window::new(10_000, MINUTE))
    }

    pub(crate) fn client_of(
        &self,
        keeper: impl connectors::Credential + 'static,
        budget: Window,
    ) -> Client {
        let config = Config {
            api_domain: self.sim.api_domain(),
            page_size: self.page_size,
            ..Config::new(DataCentre::Us, &self.sim.config().organization_id)
        };
        let http = self.transport();
        Client::new(config, http, keeper, budget).unwrap()
    }
}

/// All pages, up to the one that says it is the last, or does not say.
pub(crate) async fn walk(client: &Client) -> Result<Vec<Page<Item>>, Error> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.items_page(cursor.as_deref(), None).await?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Next::More(more) => cursor = Some(more),
            Next::End | Next::Unclear => return Ok(pages),
        }
    }
}

pub(crate) fn items_of(pages: &[Page<Item>]) -> Vec<Item> {
    let items = pages.iter().flat_map(|page| &page.items);
    items.map(|item| item.decoded.clone().unwrap()).collect()
}
