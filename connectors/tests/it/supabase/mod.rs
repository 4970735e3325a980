//! Supabase: the client against the simulated project.

mod absence;
mod faults;
mod records;
mod secrets;
mod walk;

use std::sync::OnceLock;
use std::time::Duration;

use connectors::Error;
use connectors::budget::Window;
use connectors::http::{Http, HttpConfig};
use connectors::page::{Next, Page};
use connectors::supabase::{Client, Config, Customer, Key};
use serde_json::Value;
use sim::supabase::{Config as SimConfig, Simulator, Switches};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A project, and what a client of it is made of.
pub(crate) struct Bed {
    pub(crate) sim: Simulator,
    pub(crate) http: HttpConfig,
    /// Made once: to load the roots of trust takes longer than a whole walk.
    transport: OnceLock<Http>,
    pub(crate) page_size: u16,
    pub(crate) key: String,
}

impl Bed {
    fn transport(&self) -> Http {
        let made = self
            .transport
            .get_or_init(|| Http::new(self.http.clone()).unwrap());
        made.clone()
    }

    pub(crate) async fn new(customers: u32) -> Self {
        Self::with(customers, Switches::default()).await
    }

    pub(crate) async fn with(customers: u32, switches: Switches) -> Self {
        let config = SimConfig {
            customers,
            switches,
            ..SimConfig::default()
        };
        let http = HttpConfig {
            allowed_hosts: vec!["127.0.0.1".to_owned()],
            ..HttpConfig::default()
        };
        Self {
            key: config.secret_key.clone(),
            sim: Simulator::start(config).await.unwrap(),
            http,
            transport: OnceLock::new(),
            page_size: 10,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let config = Config {
            page_size: self.page_size,
            ..Config::new(self.sim.url(), Key::new(&self.key).unwrap())
        };
        let http = self.transport();
        Client::new(config, http, Window::new(100_000, MINUTE)).unwrap()
    }

    /// The ids of the customers, in their order.
    pub(crate) fn true_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.sim.rows("customers").iter().map(id_of).collect();
        ids.sort_by_key(|id| (id.parse::<u64>().ok(), id.clone()));
        ids
    }

    /// A hash with packages, one of a customer without, and one of nobody.
    pub(crate) fn hashes(&self) -> [String; 2] {
        let rows = self.sim.rows("customers");
        let hashes: Vec<String> = rows.iter().map(|row| text(row, "stable_hash_id")).collect();
        let count = |hash: &&String| self.sim.packages_of(hash).len();
        let some = hashes.iter().find(|hash| count(hash) > 0).unwrap();
        let none = hashes.iter().find(|hash| count(hash) == 0).unwrap();
        [some.clone(), none.clone()]
    }
}

pub(crate) fn id_of(row: &Value) -> String {
    row["id"]
        .as_str()
        .map_or_else(|| row["id"].to_string(), str::to_owned)
}

pub(crate) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// All pages, up to the one that says it is the last, or does not say.
pub(crate) async fn walk(client: &Client) -> Result<Vec<Page<Customer>>, Error> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.customers_page(cursor.as_deref(), None).await?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Next::More(more) => cursor = Some(more),
            Next::End | Next::Unclear => return Ok(pages),
        }
    }
}

pub(crate) fn ids_of(pages: &[Page<Customer>]) -> Vec<String> {
    let items = pages.iter().flat_map(|page| &page.items);
    items.map(|item| item.id.clone().unwrap()).collect()
}
