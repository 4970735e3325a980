//! A simulator with an HTTP client beside it.

use std::collections::BTreeSet;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use sim::soundtrack::{Config, Simulator, Switches, TruthZone, WorldSize};

pub(crate) const ZONES: &str = "query Zones($id: ID!, $cursor: String) {
  account(id: $id) { id businessName
    soundZones(first: 100, after: $cursor) {
      total pageInfo { hasNextPage endCursor }
      edges { cursor node { id name isPaired online streamingType
        location { id name timezone }  device { id name softwareVersion platform }
        subscription { state isActive activeUntil }  status { state code }
        playFrom { __typename ... on Playlist { id name } ... on Schedule { id name } }
        schedule { id name }  playback { state volume } } } } } }";

pub(crate) const WALK: &str = "query Walk($id: ID!, $first: Int, $cursor: String) {
  account(id: $id) { soundZones(first: $first, after: $cursor) {
    total pageInfo { hasNextPage endCursor } edges { node { id name } } } } }";

pub(crate) struct Api {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
}

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when the text is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    pub(crate) fn error(&self) -> &Value {
        &self.body["errors"][0]
    }

    pub(crate) fn code(&self) -> &Value {
        &self.error()["extensions"]["code"]
    }

    pub(crate) fn edges(&self) -> &Vec<Value> {
        let edges = &self.body["data"]["account"]["soundZones"]["edges"];
        edges
            .as_array()
            .unwrap_or_else(|| panic!("no edges in {}", self.text))
    }
}

impl Api {
    /// A small world without a limit.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// An unlimited simulator with some switches set.
    pub(crate) async fn with(set: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches {
            refill_per_second: None,
            ..Switches::default()
        };
        set(&mut switches);
        Self::configured(Config {
            switches,
            ..Config::default()
        })
        .await
    }

    /// One account with `zones` zones, and no limit.
    pub(crate) async fn with_zones(zones: u32, set: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches {
            refill_per_second: None,
            ..Switches::default()
        };
        set(&mut switches);
        let size = WorldSize {
            accounts: 1,
            locations_per_account: 3,
            zones_per_account: zones,
        };
        Self::configured(Config {
            switches,
            size,
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn configured(config: Config) -> Self {
        let simulator = Simulator::start(config)
            .await
            .expect("a loopback port is free");
        let http = reqwest::Client::builder()
            .build()
            .expect("the client needs nothing");
        Self { simulator, http }
    }

    pub(crate) fn account(&self) -> String {
        self.simulator.truth().accounts[0].id.clone()
    }

    /// A zone that control mutations find.
    pub(crate) fn good_zone(&self) -> TruthZone {
        let truth = self.simulator.truth();
        let good = |zone: &&TruthZone| {
            let stored = self.simulator.with_world(|world| world.zone(&zone.id));
            stored.is_some_and(|zone| zone.can_be_controlled())
        };
        truth
            .zones()
            .find(good)
            .expect("most zones are good")
            .clone()
    }

    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Answer {
        self.ask_as(self.simulator.token(), query, variables).await
    }

    pub(crate) async fn ask_as(&self, token: &str, query: &str, variables: Value) -> Answer {
        let body = json!({"query": query, "variables": variables});
        let reply = self
            .post(&format!("Basic {token}"), &body.to_string())
            .send()
            .await;
        read(reply.expect("the server answers")).await
    }

    pub(crate) fn post(&self, authorization: &str, body: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(self.simulator.url()).body(body.to_owned());
        request
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
    }

    pub(crate) async fn zones(&self) -> Answer {
        self.ask(ZONES, json!({"id": self.account()})).await
    }

    /// All zone ids a client meets that follows `endCursor` to the end, repeats included.
    pub(crate) async fn walk(&self, page_size: u32) -> Vec<String> {
        let account = self.account();
        let mut met = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let variables = json!({"id": account, "first": page_size, "cursor": cursor});
            let answer = self.ask(WALK, variables).await;
            for edge in answer.edges() {
                met.push(text(&edge["node"]["id"]));
            }
            let page = &answer.body["data"]["account"]["soundZones"]["pageInfo"];
            if page["hasNextPage"] != json!(true) {
                return met;
            }
            cursor = page["endCursor"].clone();
        }
    }

    pub(crate) fn true_ids(&self) -> BTreeSet<String> {
        self.simulator
            .truth()
            .zones()
            .map(|zone| zone.id.clone())
            .collect()
    }

    pub(crate) async fn control(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}/{path}", self.simulator.control_url());
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.expect("the control API answers")).await
    }
}

pub(crate) async fn read(reply: reqwest::Response) -> Answer {
    let status = reply.status().as_u16();
    let headers = reply.headers().clone();
    let text = reply.text().await.expect("the body is whole");
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        text,
        body,
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

pub(crate) fn set(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

/// A check by a foreign client that cannot be made here. Whoever works on something else may lack it; what must pass
/// before a change goes in may not.
#[expect(
    clippy::disallowed_methods,
    reason = "who runs the tests is known from the environment alone"
)]
pub(crate) fn not_checked(needs: &str) {
    let told = |name| std::env::var(name).ok();
    assert!(
        !must_check(told("CI").as_deref(), told("NEXTEST_PROFILE").as_deref()),
        "not checked, and here it must be: this needs {needs}"
    );
    eprintln!("NOT CHECKED: this needs {needs}");
}

/// `.ci/run` and most services that build set one of them.
fn must_check(ci: Option<&str>, profile: Option<&str>) -> bool {
    profile == Some("ci") || ci.is_some_and(|ci| !matches!(ci, "" | "0" | "false"))
}

#[test]
fn a_foreign_client_may_be_missing_only_where_nothing_goes_in() {
    for (ci, profile, must) in [
        (None, None, false),
        (None, Some("default"), false),
        (Some("false"), Some("default"), false),
        (Some("true"), Some("default"), true),
        (Some("1"), None, true),
        (None, Some("ci"), true),
    ] {
        assert_eq!(must_check(ci, profile), must, "{ci:?} {profile:?}");
    }
}
