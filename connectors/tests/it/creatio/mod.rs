//! Creatio: the client against the simulated site.

mod auth;
mod cache;
mod faults;
mod secrets;
mod uncertain;
mod values;
mod walk;
mod writes;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use connectors::budget::Window;
use connectors::creatio::{Ask, Client, Config, Grant, Identity, Record, Verb, Write};
use connectors::http::{Http, HttpConfig};
use connectors::page::{Next, Page};
use connectors::{Credential, Error, Keeper};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use sim::creatio::{Config as SimConfig, Guid, Simulator, Switches};
use uuid::Uuid;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// The technical user, a person and the supervisor are contacts too.
const USERS: u32 = 3;

/// A site, and what a client of it is made of.
pub(crate) struct Bed {
    pub(crate) sim: Simulator,
    pub(crate) http: HttpConfig,
    /// Made once: to load the roots of trust takes longer than a whole walk.
    transport: OnceLock<Http>,
    pub(crate) page_size: u16,
}

impl Bed {
    /// With so many contacts, users counted in.
    pub(crate) async fn new(contacts: u32) -> Self {
        Self::with(contacts, Switches::default()).await
    }

    pub(crate) async fn with(contacts: u32, switches: Switches) -> Self {
        Self::configured(SimConfig {
            contacts: contacts - USERS,
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
            sim: Simulator::start(config).await.unwrap(),
            http,
            transport: OnceLock::new(),
            page_size: 10,
        }
    }

    fn transport(&self) -> Http {
        let made = self
            .transport
            .get_or_init(|| Http::new(self.http.clone()).unwrap());
        made.clone()
    }

    pub(crate) fn identity(&self) -> Identity {
        let config = self.sim.config();
        let grant = Grant {
            client_id: SecretString::from(config.client_id.as_str()),
            client_secret: SecretString::from(config.client_secret.as_str()),
        };
        let window = Window::new(1_000, MINUTE);
        Identity::new(&self.sim.identity_url(), grant, self.transport(), window).unwrap()
    }

    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::new(self.identity())
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(self.keeper(), Window::new(10_000, MINUTE))
    }

    pub(crate) fn client_of(&self, keeper: impl Credential + 'static, budget: Window) -> Client {
        let config = Config {
            page_size: self.page_size,
            ..Config::new(self.sim.url())
        };
        Client::new(config, self.transport(), keeper, budget).unwrap()
    }

    pub(crate) fn true_ids(&self, set: &str) -> BTreeSet<String> {
        let records = self.sim.records(set);
        records
            .iter()
            .map(|one| one["Id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Calls that the site saw whose path holds this.
    fn calls(&self, part: &str) -> usize {
        self.sim
            .log()
            .iter()
            .filter(|call| call.path.contains(part))
            .count()
    }

    /// Contacts alone, which nothing points to.
    async fn of_contacts(contacts: u32) -> Self {
        Self::configured(SimConfig {
            contacts: contacts - USERS,
            leads: 0,
            accounts: 0,
            activities: 0,
            ..SimConfig::default()
        })
        .await
    }

    /// All instants of modification become one, so that only ids tell the records apart.
    fn tie(&self, set: &str) {
        for id in self.true_ids(set) {
            let stamp = serde_json::json!({"ModifiedOn": "2020-01-02T03:04:05.678901Z"});
            let change = sim::creatio::Change::set(set, Guid::parse(&id).unwrap(), stamp);
            self.sim.change(change).unwrap();
        }
    }
}

fn contacts() -> Ask {
    Ask::new("Contact", ["Name", "Email"])
}

/// All pages, up to the one that says it is the last, or does not say.
async fn walk(
    client: &Client,
    ask: &Ask,
    since: Option<Timestamp>,
) -> Result<Vec<Page<Record>>, Error> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        assert!(pages.len() < 1_000, "the walk does not end");
        let page = client.page(ask, cursor.as_deref(), since).await?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Next::More(more) => cursor = Some(more),
            Next::End | Next::Unclear => return Ok(pages),
        }
    }
}

fn records_of(pages: &[Page<Record>]) -> Vec<Record> {
    let items = pages.iter().flat_map(|page| &page.items);
    items.map(|item| item.decoded.clone().unwrap()).collect()
}

fn ids_of(pages: &[Page<Record>]) -> Vec<String> {
    records_of(pages)
        .iter()
        .map(|record| record.id.to_string())
        .collect()
}

fn guid(id: Uuid) -> Guid {
    Guid::parse(&id.to_string()).unwrap()
}

fn create(id: Uuid, fields: Value) -> Write {
    write(id, Verb::Create(map(fields)))
}

fn update(id: Uuid, fields: Value) -> Write {
    write(id, Verb::Update(map(fields)))
}

fn delete(id: Uuid) -> Write {
    write(id, Verb::Delete)
}

fn write(id: Uuid, verb: Verb) -> Write {
    Write {
        set: "Contact".to_owned(),
        id,
        verb,
    }
}

fn map(fields: Value) -> serde_json::Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}
