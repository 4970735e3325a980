//! Soundtrack: the client against the simulated vendor.

mod budget;
mod faults;
mod secrets;
mod walk;
mod writes;

use std::sync::OnceLock;
use std::time::Duration;

use connectors::budget::{BucketConfig, SharedBucket};
use connectors::http::{Http, HttpConfig};
use connectors::soundtrack::{Client, Config, Next, Page, Zone};
use connectors::{Error, Token};
use sim::soundtrack::{Config as SimConfig, Simulator, Switches, WorldSize};

/// A vendor, and what a client of it is made of.
pub(crate) struct Bed {
    pub(crate) sim: Simulator,
    pub(crate) http: HttpConfig,
    /// Made once: to load the roots of trust takes longer than a whole walk.
    transport: OnceLock<Http>,
    pub(crate) page_size: u16,
    patience: Duration,
    pub(crate) bucket: BucketConfig,
}

impl Bed {
    fn transport(&self) -> Http {
        let made = self
            .transport
            .get_or_init(|| Http::new(self.http.clone()).unwrap());
        made.clone()
    }

    async fn new(zones_per_account: u32, switches: Switches) -> Self {
        let size = WorldSize {
            accounts: 2,
            locations_per_account: 3,
            zones_per_account,
        };
        let config = SimConfig {
            size,
            switches,
            ..SimConfig::default()
        };
        let http = HttpConfig {
            allowed_hosts: vec!["127.0.0.1".to_owned()],
            ..HttpConfig::default()
        };
        Self {
            sim: Simulator::start(config).await.unwrap(),
            http,
            transport: OnceLock::new(),
            page_size: 100,
            patience: Duration::from_secs(60),
            bucket: BucketConfig::default(),
        }
    }

    /// A vendor without a rate limit.
    pub(crate) async fn unlimited(zones_per_account: u32) -> Self {
        let switches = Switches {
            refill_per_second: None,
            ..Switches::default()
        };
        Self::new(zones_per_account, switches).await
    }

    fn client(&self) -> Client {
        self.client_with(self.sim.token(), SharedBucket::new(self.bucket))
    }

    pub(crate) fn client_with(&self, token: &str, bucket: SharedBucket) -> Client {
        let config = Config {
            base_url: self.sim.url(),
            page_size: self.page_size,
            patience: self.patience,
            ..Config::new(Token::basic(token).unwrap())
        };
        Client::new(config, self.transport(), bucket).unwrap()
    }

    pub(crate) fn account(&self) -> String {
        self.sim.truth().accounts[0].id.clone()
    }
}

/// All pages of an account, up to the one that says it is the last, or does not say.
async fn walk(client: &Client, account: &str) -> Result<Vec<Page<Zone>>, Error> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.zones_page(account, cursor.as_deref()).await?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Next::More(more) => cursor = Some(more),
            Next::End | Next::Unclear => return Ok(pages),
        }
    }
}

fn zones_of(pages: &[Page<Zone>]) -> Vec<Zone> {
    let items = pages.iter().flat_map(|page| &page.items);
    let mut zones: Vec<Zone> = items.map(|item| item.decoded.clone().unwrap()).collect();
    zones.sort_by(|left, right| left.id.cmp(&right.id));
    zones
}
