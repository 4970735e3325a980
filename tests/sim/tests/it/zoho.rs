//! The simulated Zoho, as its contract sheet has it.

use std::time::Duration;

use serde_json::{Value, json};
use sim::wire::{Fault, Hook, Kind};
use sim::zoho::{Change, Config, DataCentre, Simulator, Switches};

use crate::support::{Answer, read};

struct Api {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Api {
    async fn with(items: u32, switches: Switches) -> Self {
        let config = Config {
            items,
            switches,
            ..Config::default()
        };
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            http: reqwest::Client::builder().build().unwrap(),
        }
    }

    async fn mint(&self) -> Answer {
        self.mint_at(DataCentre::Us, self.form()).await
    }

    fn form(&self) -> Vec<(&'static str, String)> {
        let config = self.simulator.config();
        vec![
            ("refresh_token", config.refresh_token.clone()),
            ("client_id", config.client_id.clone()),
            ("client_secret", config.client_secret.clone()),
            ("grant_type", "refresh_token".to_owned()),
        ]
    }

    async fn mint_at(&self, centre: DataCentre, form: Vec<(&str, String)>) -> Answer {
        let url = format!("{}/oauth/v2/token", self.simulator.accounts_url_of(centre));
        let url = reqwest::Url::parse_with_params(&url, &form).unwrap();
        read(self.http.post(url).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.simulator.mint(), path).await
    }

    async fn get_as(&self, token: &str, path: &str) -> Answer {
        let url = format!("{}/inventory/v1/{path}", self.simulator.api_domain());
        let request = self
            .http
            .get(url)
            .header("authorization", format!("Zoho-oauthtoken {token}"));
        read(request.send().await.unwrap()).await
    }
}

const ORG: &str = "organization_id=10234695";

fn ids(answer: &Answer) -> Vec<String> {
    let items = answer.body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["item_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn errors_of_oauth_come_with_a_good_status() {
    let api = Api::with(1, Switches::default()).await;
    for (field, error) in [
        ("refresh_token", "invalid_code"),
        ("client_id", "invalid_client"),
        ("client_secret", "invalid_client_secret"),
    ] {
        let mut form = api.form();
        form.iter_mut()
            .filter(|(name, _)| *name == field)
            .for_each(|(_, value)| *value = "x".into());

        let answer = api.mint_at(DataCentre::Us, form).await;

        assert_eq!(
            (answer.status, &answer.body),
            (200, &json!({"error": error}))
        );
    }
    let elsewhere = api.mint_at(DataCentre::Eu, api.form()).await;
    assert_eq!(elsewhere.body, json!({"error": "invalid_client"}));
}

#[tokio::test]
async fn ten_tokens_in_ten_minutes_and_asking_again_prolongs_the_lockout() {
    for asking_prolongs in [true, false] {
        let api = Api::with(
            1,
            Switches {
                asking_prolongs,
                ..Switches::default()
            },
        )
        .await;
        for _ in 0..10 {
            assert_eq!(api.mint().await.body["expires_in"], 3600);
        }
        let denied = api.mint().await;
        assert_eq!(
            (denied.status, &denied.body["error"]),
            (400, &json!("Access Denied"))
        );
        api.simulator.advance(Duration::from_secs(590));
        assert_eq!(api.mint().await.status, 400);
        api.simulator.advance(Duration::from_secs(20));

        let late = api.mint().await.status;

        assert_eq!(late, if asking_prolongs { 400 } else { 200 });
        api.simulator.advance(Duration::from_secs(600));
        assert_eq!(api.mint().await.status, 200);
    }
}

#[tokio::test]
async fn an_eleventh_token_kills_the_first_and_each_dies_after_an_hour() {
    let api = Api::with(1, Switches::default()).await;
    let tokens: Vec<String> = (0..11).map(|_| api.simulator.mint()).collect();
    let path = format!("items?{ORG}");

    let first = api.get_as(&tokens[0], &path).await;
    let second = api.get_as(&tokens[1], &path).await;
    api.simulator.advance(Duration::from_secs(3601));
    let late = api.get_as(&tokens[1], &path).await;

    assert_eq!((first.status, &first.body["code"]), (401, &json!(57)));
    assert_eq!((second.status, late.status), (200, 401));
}

#[tokio::test]
async fn pages_are_as_asked_and_say_whether_more_follow() {
    let api = Api::with(45, Switches::default()).await;
    let path = |page: u32| format!("items?{ORG}&per_page=20&page={page}&sort_column=created_time");
    let mut met = Vec::new();
    for (page, rows, more) in [(1, 20, true), (2, 20, true), (3, 5, false), (4, 0, false)] {
        let answer = api.get(&path(page)).await;

        met.extend(ids(&answer));
        assert_eq!(ids(&answer).len(), rows);
        assert_eq!(answer.body["page_context"]["has_more_page"], more);
    }
    let truth: Vec<String> = api
        .simulator
        .items()
        .iter()
        .map(|item| item.id.to_string())
        .collect();
    assert_eq!(met, truth);
    assert_eq!(
        ids(&api.get(&format!("items?{ORG}&per_page=1000")).await).len(),
        45
    );
    let wrong = api.get(&format!("items?{ORG}&page=True")).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &json!(4)));
}

#[tokio::test]
async fn numbers_are_written_with_all_their_digits() {
    let api = Api::with(60, Switches::default()).await;

    let text = api.get(&format!("items?{ORG}")).await.text;

    for number in [
        "\"rate\":12345678901234567.89",
        "\"rate\":0.00,",
        "\"stock_on_hand\":-3.5",
    ] {
        assert!(text.contains(number), "{number}");
    }
}

#[tokio::test]
async fn a_hook_changes_the_items_just_before_its_listing() {
    let api = Api::with(45, Switches::default()).await;
    let id = api.simulator.items()[0].id;
    api.simulator
        .before_listing(Hook::before(2, Change::DeleteItem { id }));
    let path = |page: u32| format!("items?{ORG}&per_page=20&page={page}&sort_column=created_time");
    let all: Vec<String> = api
        .simulator
        .items()
        .iter()
        .map(|item| item.id.to_string())
        .collect();

    let first = ids(&api.get(&path(1)).await);
    let second = ids(&api.get(&path(2)).await);

    assert_eq!(first, all[..20]);
    assert_eq!(second, all[21..41], "one slid into the page before");
}

#[tokio::test]
async fn the_limits_of_a_minute_and_a_day_come_back() {
    let api = Api::with(
        1,
        Switches {
            per_minute: Some(2),
            per_day: Some(3),
            ..Switches::default()
        },
    )
    .await;
    let path = format!("items?{ORG}");
    let mut codes = Vec::new();
    for wait in [0, 0, 0, 60, 0, 86_400] {
        api.simulator.advance(Duration::from_secs(wait));
        let answer = api.get(&path).await;
        codes.push((answer.status, answer.body["code"].as_u64().unwrap()));
    }

    assert_eq!(
        codes,
        [(200, 0), (200, 0), (429, 44), (200, 0), (429, 45), (200, 0)]
    );
    assert_eq!(api.simulator.stats().refused["minute"], 1);
    assert_eq!(api.simulator.stats().refused["day"], 1);
}

#[tokio::test]
async fn the_control_api_does_what_the_rust_api_does() {
    let api = Api::with(2, Switches::default()).await;
    let control = async |method: reqwest::Method, path: &str, body: Value| {
        let url = format!("{}/{path}", api.simulator.control_url());
        let request = api.http.request(method, url).json(&body);
        read(request.send().await.unwrap()).await
    };
    use reqwest::Method;

    let added = json!({"change": "addItem", "name": "New", "sku": "", "rate": "0.10"});
    let id = control(Method::POST, "world", added).await.body["id"].clone();
    control(Method::PATCH, "switches", json!({"numericIds": true})).await;
    let unknown = control(Method::PATCH, "switches", json!({"noSuch": true})).await;
    let fault = json!({"kind": "status", "status": 503, "path": "/items", "times": 1});
    control(Method::POST, "faults", fault).await;

    let path = format!("items?{ORG}");
    assert_eq!(unknown.status, 422);
    assert_eq!(api.get(&path).await.status, 503);
    let listed = api.get(&path).await;
    let texts: Vec<String> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["item_id"].to_string())
        .collect();
    assert!(texts.contains(&id.as_str().unwrap().to_owned()));
    let truth = control(Method::GET, "truth", Value::Null).await;
    assert_eq!(truth.body["items"].as_array().unwrap().len(), 3);
    let log = control(Method::GET, "log", Value::Null).await;
    assert_eq!(log.body[0]["faulted"], true);
    control(Method::POST, "reset", Value::Null).await;
    assert_eq!(api.simulator.items().len(), 2);
}

#[tokio::test]
async fn the_log_never_holds_what_was_sent_for_a_token() {
    let api = Api::with(1, Switches::default()).await;
    api.mint().await;

    let log = format!("{:?}", api.simulator.log());

    assert!(log.contains("oauth"));
    assert!(!log.contains("sim-client-secret"), "{log}");
}

#[tokio::test]
async fn each_fault_of_the_wire_is_what_its_name_says() {
    let api = Api::with(3, Switches::default()).await;
    let path = format!("items?{ORG}");
    let good = api.get(&path).await;
    let strike = async |kind: Kind| {
        api.simulator.clear_faults();
        api.simulator.inject(Fault::new(kind));
        api.get(&path).await
    };

    assert_eq!(strike(Kind::EmptyBody).await.text, "");
    assert!(strike(Kind::Html).await.text.starts_with("<html>"));
    let typed = strike(Kind::WrongContentType).await;
    assert_eq!(typed.body, good.body);
    assert_eq!(typed.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(strike(Kind::MalformedJson).await.body, Value::Null);
    let empty = strike(Kind::EmptyPage).await;
    assert_eq!(empty.body["items"], json!([]));
    assert_eq!(empty.body["page_context"], good.body["page_context"]);
    api.simulator.clear_faults();
    let other = format!("items?{ORG}&page=2");
    api.simulator
        .inject(Fault::new(Kind::DuplicatePage).after(1));
    api.get(&path).await;
    assert_eq!(api.get(&other).await.body["page_context"]["page"], 1);
}

#[tokio::test]
async fn a_silence_ends_when_faults_are_cleared() {
    let api = Api::with(1, Switches::default()).await;
    let path = format!("items?{ORG}");
    api.simulator.inject(Fault::new(Kind::Silence).times(1));

    let (reply, ()) = tokio::join!(api.get(&path), async {
        while api.simulator.faults()[0].fired == 0 {
            tokio::task::yield_now().await;
        }
        api.simulator.clear_faults();
    });

    assert_eq!(reply.status, 503);
    assert_eq!(api.get(&path).await.status, 200);
}
