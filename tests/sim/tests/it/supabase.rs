//! The simulated Supabase, as its contract sheet has it.

use serde_json::{Value, json};
use sim::supabase::{Config, Simulator, Switches};

use crate::support::{Answer, read};

struct Api {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Api {
    async fn with(customers: u32, switches: Switches) -> Self {
        let config = Config {
            customers,
            switches,
            ..Config::default()
        };
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            http: reqwest::Client::builder().build().unwrap(),
        }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse::<reqwest::Method>().unwrap();
        let url = format!("{}/{path}", self.simulator.url());
        let key = &self.simulator.config().secret_key;
        self.http.request(method, url).header("apikey", key)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request("GET", path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.unwrap()).await
    }

    async fn post(&self, path: &str, prefer: &str, body: Value) -> Answer {
        let request = self
            .request("POST", path)
            .header("prefer", prefer)
            .json(&body);
        read(request.send().await.unwrap()).await
    }
}

fn range(answer: &Answer) -> &str {
    answer.headers["content-range"].to_str().unwrap()
}

#[tokio::test]
async fn a_thousand_rows_are_the_most_and_the_rest_is_cut_in_silence() {
    let api = Api::with(1_200, Switches::default()).await;

    let asked = api.get("customers?limit=5000&order=id", &[]).await;
    let counted = api
        .get(
            "customers?limit=5000&order=id",
            &[("prefer", "count=exact")],
        )
        .await;

    assert_eq!((asked.status, range(&asked)), (200, "0-999/*"));
    assert_eq!(asked.body.as_array().unwrap().len(), 1_000);
    assert_eq!((counted.status, range(&counted)), (206, "0-999/1200"));
    let own = Api::with(
        1_200,
        Switches {
            max_rows: None,
            ..Switches::default()
        },
    )
    .await;
    assert_eq!(range(&own.get("customers", &[]).await), "0-1199/*");
}

#[tokio::test]
async fn a_range_in_the_header_is_a_range_in_the_answer() {
    let api = Api::with(30, Switches::default()).await;
    let table = [
        ("0-4", 206, "0-4/30"),
        ("28-40", 206, "28-29/30"),
        ("0-29", 200, "0-29/30"),
        ("30-39", 206, "*/30"),
        ("31-39", 416, ""),
        ("9-3", 416, ""),
    ];
    for (asked, status, expected) in table {
        let headers = [
            ("range-unit", "items"),
            ("range", asked),
            ("prefer", "count=exact"),
        ];

        let answer = api.get("customers?select=id&order=id", &headers).await;

        assert_eq!(answer.status, status, "{asked}");
        if status == 416 {
            assert_eq!(answer.body["code"], "PGRST103");
        } else {
            assert_eq!(range(&answer), expected);
        }
    }
}

#[tokio::test]
async fn the_gateway_and_the_api_refuse_in_their_own_words() {
    let api = Api::with(3, Switches::default()).await;
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = api.http.get(format!("{}/customers", api.simulator.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.unwrap()).await
    };
    let config = api.simulator.config();
    let (secret, old) = (config.secret_key.as_str(), config.service_role_key.as_str());

    let none = ask(&[]).await;
    assert_eq!(
        (none.status, &none.body["message"]),
        (401, &json!("No API key found in request"))
    );
    assert_eq!(none.body.get("code"), None, "the gateway has no codes");
    assert_eq!(
        ask(&[("apikey", "wrong")]).await.body["message"],
        "Invalid API key"
    );
    let bearer = format!("Bearer {secret}");
    assert_eq!(
        ask(&[("apikey", secret), ("authorization", &bearer)])
            .await
            .status,
        200
    );
    let mixed = ask(&[("apikey", old), ("authorization", &bearer)]).await;
    assert_eq!(
        (mixed.status, &mixed.body["code"]),
        (401, &json!("PGRST301"))
    );
    assert_eq!(
        ask(&[("apikey", secret), ("user-agent", "Mozilla/5.0")])
            .await
            .status,
        401
    );
    let bearer = format!("Bearer {old}");
    api.simulator.set_expired(true);
    let late = ask(&[("apikey", old), ("authorization", &bearer)]).await;
    assert_eq!((late.status, &late.body["code"]), (401, &json!("PGRST303")));
    assert!(
        late.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("JWT expired")
    );
}

#[tokio::test]
async fn an_insert_of_several_is_all_or_nothing_and_of_like_keys() {
    let api = Api::with(0, Switches::default()).await;
    let row = |id: &str| json!({"crm_package_id": id});

    let twins = api
        .post("crm_packages", "", json!([row("A"), row("B"), row("A")]))
        .await;
    let unlike = api
        .post(
            "crm_packages",
            "",
            json!([row("A"), {"crm_package_id": "B", "customer_name": "x"}]),
        )
        .await;
    let bare = api
        .post("crm_packages", "", json!([row("A"), row("B")]))
        .await;
    let full = api
        .post(
            "crm_packages?select=crm_package_id",
            "return=representation",
            json!(row("C")),
        )
        .await;

    assert_eq!((twins.status, &twins.body["code"]), (409, &json!("23505")));
    let details = twins.body["details"].as_str().unwrap();
    assert_eq!(
        details,
        "Key (crm_package_id, website_id)=(A, booking.len.golf) already exists."
    );
    assert_eq!(
        (unlike.status, &unlike.body["code"]),
        (400, &json!("PGRST102"))
    );
    assert_eq!((bare.status, bare.text.as_str()), (201, ""));
    assert_eq!(full.body, json!([{"crm_package_id": "C"}]));
    assert_eq!(full.headers["preference-applied"], "return=representation");
    assert_eq!(api.simulator.rows("crm_packages").len(), 3);
}

#[tokio::test]
async fn numbers_keep_their_digits_from_the_insert_to_the_answer() {
    let api = Api::with(0, Switches::default()).await;
    let body = r#"[{"crm_package_id":"A","remaining_hours":12345678901234567.8900}]"#;
    let request = api
        .request("POST", "crm_packages")
        .header("content-type", "application/json");
    request.body(body).send().await.unwrap();

    let text = api
        .get("crm_packages?select=remaining_hours", &[])
        .await
        .text;

    assert_eq!(text, r#"[{"remaining_hours":12345678901234567.8900}]"#);
}

#[tokio::test]
async fn a_whole_table_is_changed_only_where_nothing_guards_it() {
    for (safe_update, status, left) in [(true, 400, 3), (false, 204, 0)] {
        let api = Api::with(
            3,
            Switches {
                safe_update,
                ..Switches::default()
            },
        )
        .await;

        let answer = api.request("DELETE", "customers").send().await.unwrap();

        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(api.simulator.rows("customers").len(), left);
    }
}

#[tokio::test]
async fn what_the_schema_cache_has_not_learnt_is_not_there() {
    let api = Api::with(3, Switches::default()).await;
    let mut switches = api.simulator.switches();
    switches
        .not_in_schema_cache
        .extend(["customers".to_owned(), "get_available_packages".to_owned()]);
    api.simulator.set_switches(switches);

    let table = api.get("customers", &[]).await;
    let function = api.post("rpc/get_available_packages", "", json!({})).await;

    assert_eq!(
        (table.status, &table.body["code"]),
        (404, &json!("PGRST205"))
    );
    assert_eq!(
        (function.status, &function.body["code"]),
        (404, &json!("PGRST202"))
    );
}
