//! Connections and credentials over HTTP.

use std::collections::BTreeMap;

use ::jobs::connection::{Connections, Declared};
use ::jobs::seal::Keyring;
use connectors::reach::{Reach, Service};
use lockstep::http::FrontOptions;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Front, read, send};

const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SHOP: &str = "/connections/supabase%2Fshop";

async fn front(vendor: &sim::supabase::Simulator, key: Option<&str>) -> Front {
    let declared = Declared {
        name: "supabase/shop".into(),
        service: Service::Supabase,
        base_url: vendor.url(),
        identity_url: None,
        centre: None,
        page_size: None,
        refill: None,
        given: BTreeMap::new(),
    };
    let reach = Reach {
        loopback: true,
        ..Reach::default()
    };
    let keys = key.map(|line| Keyring::parse(line).expect("a key"));
    let options = FrontOptions {
        requests_per_minute: 0,
        ..FrontOptions::default()
    };
    Front::start_over(options, |client| {
        Connections::new(client.clone(), vec![declared], reach, keys)
    })
    .await
}

async fn ask(front: &Front, method: Method, path: &str, body: Value) -> (u16, Value) {
    read(send(front.ask(method, path).json(&body)).await).await
}

#[tokio::test]
async fn a_secret_is_given_tried_and_never_given_back() {
    let vendor = sim::supabase::Simulator::start(sim::supabase::Config::default()).await;
    let vendor = vendor.expect("the vendor");
    let front = front(&vendor, Some(KEY)).await;
    let secret = json!({"value": vendor.config().secret_key});
    let set = format!("{SHOP}/credentials/key");

    let (dry, would) = ask(
        &front,
        Method::PUT,
        &format!("{set}?dry_run=true"),
        secret.clone(),
    )
    .await;
    let (_, before) = front.get(SHOP).await;
    let (status, made) = ask(&front, Method::PUT, &set, secret).await;
    let (_, after) = front.get(SHOP).await;
    let (tested, answers) = ask(&front, Method::POST, &format!("{SHOP}/test"), json!({})).await;
    let (_, told) = front.get("/credentials").await;

    assert_eq!(
        (dry, &would["dry_run"], &before["credential"]),
        (200, &json!(true), &json!("missing"))
    );
    assert_eq!(
        (status, &made["version"], &after["credential"]),
        (200, &json!(1), &json!("valid"))
    );
    assert_eq!((tested, &answers["ok"]), (200, &json!(true)), "{answers}");
    assert_eq!(answers["data"].as_array().map(Vec::len), Some(5));
    assert_eq!(told["rotation"]["current"], "one");
    let (_, trail) = front.get("/audit").await;
    for part in [&made, &after, &answers, &told, &trail] {
        assert!(!part.to_string().contains("sb_secret_simulated"), "{part}");
    }
}

#[tokio::test]
async fn pausing_resuming_and_reauthorising_are_told_tried_and_refused_with_what_to_do() {
    let vendor = sim::supabase::Simulator::start(sim::supabase::Config::default()).await;
    let vendor = vendor.expect("the vendor");
    let front = front(&vendor, None).await;
    let post = async |verb: &str, body: Value| {
        ask(&front, Method::POST, &format!("{SHOP}/{verb}"), body).await
    };

    let would = post("pause?dry_run=true", json!({})).await;
    let paused = post("pause", json!({"reason": "stock-taking"})).await;
    let twice = post("pause", json!({})).await;
    let (_, shown) = front.get(SHOP).await;
    let resumed = post("resume", json!({})).await;
    let keyless = post("reauthorise", json!({"secret": "sb_secret_canary"})).await;
    let again = post("reauthorise", json!({})).await;
    let (unknown, _) = front.get("/connections/zoho%2F1").await;

    assert_eq!(would, (200, json!({"changed": true, "dry_run": true})));
    assert_eq!(paused, (200, json!({"changed": true})));
    assert_eq!(twice, (200, json!({"changed": false})));
    assert_eq!(
        (&shown["state"], &shown["reason"]),
        (&json!("paused"), &json!("stock-taking"))
    );
    assert_eq!(resumed, (200, json!({"changed": true})));
    assert_eq!(keyless.0, 409, "{}", keyless.1);
    assert!(!keyless.1.to_string().contains("canary"));
    assert_eq!((again.0, unknown), (200, 404));
}
