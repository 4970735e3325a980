//! The simulated Creatio, as its contract sheet has it.

mod auth;
mod batch;
mod empties;
mod faults;
mod filter;
mod kept;
mod lists;
mod metadata;
mod writes;

use serde_json::Value;
use sim::creatio::{Config, Guid, Simulator, Switches};

use crate::support::{Answer, read};

pub(crate) struct Api {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches::default();
        set(&mut switches);
        Self::configured(Config {
            switches,
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn configured(config: Config) -> Self {
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            http: reqwest::Client::builder().build().unwrap(),
        }
    }

    /// A request that is let in.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/{path}", self.simulator.url());
        let request = self.http.request(method.parse().unwrap(), url);
        request.bearer_auth(self.simulator.mint())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        read(self.request("GET", path).send().await.unwrap()).await
    }

    /// A list by its options, which are encoded.
    pub(crate) async fn list(&self, set: &str, options: &[(&str, &str)]) -> Answer {
        let query = encoded(options);
        self.get(&format!("{set}?{query}")).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        read(self.request(method, path).json(body).send().await.unwrap()).await
    }

    /// The ids of the records that a filter finds.
    pub(crate) async fn found(&self, set: &str, filter: &str) -> Vec<String> {
        let answer = self
            .list(set, &[("$select", "Id"), ("$filter", filter)])
            .await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        ids(&answer)
    }

    pub(crate) fn first(&self, entity: &str) -> Guid {
        let records = self.simulator.records(entity);
        guid(&records[0]["Id"])
    }

    pub(crate) fn change(&self, set: impl FnOnce(&mut Switches)) {
        let mut switches = self.simulator.switches();
        set(&mut switches);
        self.simulator.set_switches(switches);
    }
}

/// Pairs as a query or a form has them.
pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://host", pairs).unwrap();
    url.query().unwrap_or_default().to_owned()
}

pub(crate) fn ids(answer: &Answer) -> Vec<String> {
    column(answer, "Id")
}

pub(crate) fn column(answer: &Answer, name: &str) -> Vec<String> {
    let rows = answer.body["value"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("no list: {}", answer.text));
    rows.iter()
        .map(|row| row[name].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn guid(value: &Value) -> Guid {
    Guid::parse(value.as_str().unwrap()).unwrap()
}

/// The message of the exception that is deepest.
pub(crate) fn why(answer: &Answer) -> String {
    let inner = &answer.body["error"]["innererror"];
    let deeper = inner["internalexception"]["message"].as_str();
    deeper
        .or(inner["message"].as_str())
        .unwrap_or_else(|| panic!("no error: {} {}", answer.status, answer.text))
        .to_owned()
}
