//! The identity service, tokens, cookies and rights.

use std::time::Duration;

use serde_json::{Value, json};
use sim::creatio::{Change, NoRight, Right, Throttle, UnauthorizedBody};

use super::{Api, encoded, ids};
use crate::support::{Answer, read};

impl Api {
    async fn token(&self, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}/connect/token", self.simulator.identity_url());
        self.ask(&url, form).await
    }

    async fn ask(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        let media = "application/x-www-form-urlencoded";
        let request = self.http.post(url).header("content-type", media);
        read(request.body(encoded(form)).send().await.unwrap()).await
    }

    fn form(&self) -> [(&str, &str); 3] {
        let config = self.simulator.config();
        [
            ("grant_type", "client_credentials"),
            ("client_id", &config.client_id),
            ("client_secret", &config.client_secret),
        ]
    }

    async fn get_as(&self, token: &str) -> Answer {
        let url = format!("{}/Lead?$top=1", self.simulator.url());
        let request = self.http.get(url).bearer_auth(token);
        read(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn client_credentials_give_a_bearer_that_opens_the_service() {
    for names_scope in [true, false] {
        let api = Api::with(|switches| switches.token_names_scope = names_scope).await;

        let answer = api.token(&api.form()).await;

        assert_eq!(
            (answer.status, &answer.body["expires_in"]),
            (200, &json!(3600))
        );
        assert_eq!(answer.body["token_type"], "Bearer");
        assert_eq!(answer.body["scope"].is_string(), names_scope);
        assert_eq!(answer.body["refresh_token"], Value::Null);
        let token = answer.body["access_token"].as_str().unwrap();
        assert_eq!(api.get_as(token).await.status, 200);
    }
}

#[tokio::test]
async fn discovery_names_the_token_endpoint() {
    let api = Api::start().await;
    let url = format!(
        "{}/.well-known/openid-configuration",
        api.simulator.identity_url()
    );

    let answer = read(api.http.get(url).send().await.unwrap()).await;

    let endpoint = format!("{}/connect/token", api.simulator.identity_url());
    assert_eq!(answer.body["token_endpoint"], endpoint);
}

#[tokio::test]
async fn a_bad_client_and_another_grant_are_refused() {
    for status in [400, 401] {
        let api = Api::with(|switches| switches.bad_client_status = status).await;
        let id = api.simulator.config().client_id.clone();
        let bad = [
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", "wrong"),
        ];
        let mut other = api.form();
        other[0].1 = "refresh_token";

        let (bad, other) = (api.token(&bad).await, api.token(&other).await);

        assert_eq!(
            (bad.status, bad.body),
            (status, json!({"error": "invalid_client"}))
        );
        assert_eq!(other.body["error"], "unsupported_grant_type");
    }
}

#[tokio::test]
async fn tokens_come_from_no_path_of_the_site_itself() {
    let api = Api::start().await;
    for path in ["0/oauth20/token", "connect/token"] {
        let url = format!("{}/{path}", api.simulator.origin());

        let answer = api.ask(&url, &api.form()).await;

        assert_eq!((answer.status, answer.body), (404, Value::Null), "{path}");
    }
}

#[tokio::test]
async fn a_token_dies_after_its_life_and_others_live_on() {
    let api = Api::with(|switches| switches.token_life_s = 60).await;
    let first = api.simulator.mint();
    api.simulator.advance(Duration::from_secs(40));
    let second = api.simulator.mint();
    assert_eq!(api.get_as(&first).await.status, 200);
    api.simulator.advance(Duration::from_secs(25));

    let (first, second) = (api.get_as(&first).await, api.get_as(&second).await);

    assert_eq!((first.status, second.status), (401, 200));
    api.simulator.revoke();
    assert_eq!(api.token(&api.form()).await.status, 400);
}

#[tokio::test]
async fn the_body_of_a_401_is_empty_or_html_or_json() {
    for (body, text) in [
        (UnauthorizedBody::Empty, ""),
        (UnauthorizedBody::Html, "<html>"),
        (UnauthorizedBody::Json, "{\"Message\""),
    ] {
        let api = Api::with(|switches| switches.unauthorized_body = body).await;

        let answer = api.get_as("wrong").await;

        assert_eq!(answer.status, 401);
        assert!(answer.text.starts_with(text), "{}", answer.text);
        assert_eq!(answer.text.is_empty(), body == UnauthorizedBody::Empty);
    }
}

#[tokio::test]
async fn cookies_open_the_service_only_with_their_csrf_header() {
    let api = Api::start().await;
    let login = async |password: &str| {
        let url = format!(
            "{}/ServiceModel/AuthService.svc/Login",
            api.simulator.origin()
        );
        let name = &api.simulator.config().user_name;
        let body = json!({"UserName": name, "UserPassword": password});
        read(api.http.post(url).json(&body).send().await.unwrap()).await
    };
    let wrong = login("wrong").await;
    assert_eq!((wrong.status, &wrong.body["Code"]), (200, &json!(1)));
    assert!(wrong.body["Exception"]["Message"].is_string());

    let right = login(&api.simulator.config().user_password).await;

    assert_eq!(right.body["Code"], 0);
    let cookies = right.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect();
    let csrf = cookies
        .iter()
        .find_map(|cookie| cookie.strip_prefix("BPMCSRF="));
    let with = async |csrf: Option<&str>| {
        let request = api.http.get(format!("{}/Lead?$top=1", api.simulator.url()));
        let request = request.header("cookie", cookies.join("; "));
        let request = csrf
            .into_iter()
            .fold(request, |request, csrf| request.header("BPMCSRF", csrf));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(with(csrf).await, 200);
    assert_eq!(with(None).await, 403);
    assert_eq!(with(Some("other")).await, 403);
}

#[tokio::test]
async fn a_call_may_need_to_say_that_it_uses_a_session() {
    for (needed, without) in [(true, 403), (false, 200)] {
        let api = Api::with(|switches| switches.needs_force_use_session = needed).await;

        let bare = api.get("Lead?$top=1").await;
        let said = api.request("GET", "Lead").header("ForceUseSession", "true");
        let said = read(said.send().await.unwrap()).await;

        assert_eq!((bare.status, said.status), (without, 200));
    }
}

#[tokio::test]
async fn a_missing_right_is_403_or_as_if_nothing_were_there() {
    for (no_right, list, record) in [(NoRight::Forbidden, 403, 403), (NoRight::Empty, 200, 404)] {
        let api = Api::with(|switches| switches.no_right = no_right).await;
        let id = api.first("Lead");
        let deny = Change::deny("Lead", None, Right::Read);
        api.simulator.change(deny).unwrap();

        let (all, one) = (api.get("Lead").await, api.get(&format!("Lead({id})")).await);

        assert_eq!((all.status, one.status), (list, record));
        if list == 200 {
            assert_eq!(all.body["value"], json!([]));
        }
        let allow = Change::allow("Lead", None, Right::Read);
        api.simulator.change(allow).unwrap();
        assert_eq!(ids(&api.get("Lead").await).len(), 25);
    }
}

#[tokio::test]
async fn a_record_without_rights_is_left_out_and_cannot_be_written() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let hide = Change::deny("Lead", Some(id), Right::Read);
    api.simulator.change(hide).unwrap();
    let other = guid_after(&api, &id.to_string());
    let freeze = Change::deny("Lead", Some(other), Right::Write);
    api.simulator.change(freeze).unwrap();

    let seen = ids(&api.get("Lead?$select=Id").await);
    let patched = api
        .send("PATCH", &format!("Lead({other})"), &json!({"Zip": "1"}))
        .await;
    let hidden = api
        .send("PATCH", &format!("Lead({id})"), &json!({"Zip": "1"}))
        .await;

    assert_eq!(seen.len(), 24);
    assert!(!seen.contains(&id.to_string()));
    assert_eq!((patched.status, hidden.status), (403, 403));
    assert_eq!(api.simulator.saves(), []);
}

fn guid_after(api: &Api, id: &str) -> sim::creatio::Guid {
    let records = api.simulator.records("Lead");
    let other = records.iter().find(|record| record["Id"] != id).unwrap();
    super::guid(&other["Id"])
}

#[tokio::test]
async fn calls_over_the_limit_of_a_minute_are_429_or_503() {
    for (status, retry_after_s) in [(429, Some(7)), (503, None)] {
        let throttle = Throttle {
            per_minute: 2,
            status,
            retry_after_s,
        };
        let api = Api::with(|switches| switches.throttle = Some(throttle)).await;
        for _ in 0..2 {
            assert_eq!(api.get("Lead?$top=1").await.status, 200);
        }

        let over = api.get("Lead?$top=1").await;

        assert_eq!(
            (over.status, over.header("retry-after")),
            (status, retry_after_s)
        );
        assert_eq!(api.simulator.stats().refused["throttled"], 1);
        api.simulator.advance(Duration::from_secs(60));
        assert_eq!(api.get("Lead?$top=1").await.status, 200);
    }
}
