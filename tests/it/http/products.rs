//! Products and what their syncs leave to people, over HTTP.

use std::collections::BTreeMap;

use ::jobs::Env;
use ::jobs::connection::{Connections, Declared, credential};
use ::jobs::seal::Keyring;
use connectors::reach::{Reach, Service};
use connectors::zoho::DataCentre;
use engine::testing::{WorkerGuard, run_worker};
use engine::{Registry, WorkerOptions};
use lockstep::http::FrontOptions;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use sim::zoho::{Change, Config, ItemPatch, Simulator};

use super::{Front, header, read, send};

const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ZOHO: &str = "zoho/10234695";

fn connections(vendor: &Simulator, client: &engine::Client) -> Connections {
    let declared = Declared {
        name: ZOHO.into(),
        service: Service::Zoho,
        base_url: vendor.api_domain(),
        identity_url: None,
        centre: Some(DataCentre::Us),
        page_size: Some(20),
        refill: None,
        given: BTreeMap::new(),
    };
    let reach = Reach {
        loopback: true,
        ..Reach::default()
    };
    let keys = Keyring::parse(KEY).expect("a key");
    Connections::new(client.clone(), vec![declared], reach, Some(keys))
}

/// A front whose organisation is authorised, with a worker.
async fn front(items: u32) -> (Front, Simulator, WorkerGuard) {
    let config = Config {
        items,
        ..Config::default()
    };
    let vendor = Simulator::start(config).await.expect("the vendor");
    let options = FrontOptions {
        requests_per_minute: 0,
        ..FrontOptions::default()
    };
    let front = Front::start_over(options, |client| connections(&vendor, client)).await;
    let all = connections(&vendor, front.client());
    all.declare().await.expect("declared");
    let mut tx = front.database.pool().begin().await.expect("begun");
    let config = vendor.config();
    for (field, value) in [
        ("client_id", &config.client_id),
        ("client_secret", &config.client_secret),
        ("refresh_token", &config.refresh_token),
    ] {
        let secret = SecretString::from(value.as_str());
        credential::set(&all, &mut tx, (ZOHO, field), &secret, "nok")
            .await
            .expect("set");
    }
    tx.commit().await.expect("committed");
    let env = Env {
        pool: front.database.pool().clone(),
        connections: all,
    };
    let registry = ::jobs::register(Registry::new(), &env);
    let worker = run_worker(front.client(), registry, WorkerOptions::default());
    (front, vendor, worker)
}

async fn ask(front: &Front, method: Method, path: &str, body: Value) -> (u16, Value) {
    read(send(front.ask(method, path).json(&body)).await).await
}

async fn get(front: &Front, path: &str) -> Value {
    let (status, body) = read(send(front.ask(Method::GET, path)).await).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[tokio::test]
async fn a_full_and_a_selective_sync_answer_the_body_of_the_brief() {
    let (front, vendor, worker) = front(45).await;
    let id = vendor.items()[2].id.to_string();

    let none = get(&front, "/products/sync").await;
    let (status, all) = ask(&front, Method::POST, "/products/sync", json!({})).await;
    let chosen = json!({"connection": ZOHO, "items": [id, "1"]});
    let (_, some) = ask(&front, Method::POST, "/products/sync", chosen).await;
    let token = get(&front, "/products/sync").await;

    assert_eq!(status, 200);
    assert_eq!(
        all,
        json!({"total": 45, "created": 45, "updated": 0, "failed": 0, "errors": []})
    );
    assert_eq!(
        some,
        json!({"total": 2, "created": 0, "updated": 0, "failed": 1,
            "errors": ["Item 1: id is not one that the remote knows"]})
    );
    assert_eq!(none["data"][0]["token"], "none");
    assert_eq!(token["data"][0]["token"], "valid");
    assert_eq!(token["data"][0]["last_run"]["mode"], "chosen");
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn whoever_does_not_wait_gets_the_jobs_address() {
    let (front, _vendor, worker) = front(25).await;

    let asked = front
        .ask(Method::POST, "/products/sync")
        .header("Prefer", "respond-async");
    let response = send(asked).await;

    assert_eq!(response.status(), 202);
    let location = header(&response, "location").unwrap_or_default();
    assert!(location.starts_with("/api/v1/jobs/"), "{location}");
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_dry_run_tells_the_differences_and_writes_nothing() {
    let (front, vendor, worker) = front(25).await;

    let path = "/products/sync?dry_run=true";
    let (status, told) = ask(&front, Method::POST, path, json!({})).await;
    let products = get(&front, "/products").await;

    assert_eq!(status, 200, "{told}");
    assert_eq!(told["data"][0]["created"], 25);
    assert_eq!(
        told["data"][0]["changes"].as_array().map(Vec::len),
        Some(25)
    );
    assert_eq!(products["data"], json!([]));
    assert!(
        vendor
            .log()
            .iter()
            .all(|call| call.method == "GET" || call.path.ends_with("/token"))
    );
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn bad_records_and_held_sweeps_are_decided_on_and_leave_their_trail() {
    let (front, vendor, worker) = front(30).await;
    let items = vendor.items();
    let patch = ItemPatch {
        rate: Some("\"odd\"".into()),
        ..ItemPatch::default()
    };
    ask(&front, Method::POST, "/products/sync", json!({})).await;
    let change = Change::ChangeItem {
        id: items[20].id,
        patch,
    };
    vendor.change(change).expect("changed");
    for item in &items[..12] {
        vendor
            .change(Change::DeleteItem { id: item.id })
            .expect("deleted");
    }
    ask(&front, Method::POST, "/products/sync", json!({})).await;

    let bad = get(&front, "/quarantine?status=open").await["data"][0]["id"].to_string();
    let ignore = format!("/quarantine/{bad}/ignore");
    let (unsaid, _) = ask(&front, Method::POST, &ignore, json!({})).await;
    let (_, ignored) = ask(&front, Method::POST, &ignore, json!({"reason": "theirs"})).await;
    let (again, _) = ask(&front, Method::POST, &ignore, json!({"reason": "theirs"})).await;
    let (_, retried) = ask(
        &front,
        Method::POST,
        &format!("/quarantine/{bad}/retry"),
        json!({}),
    )
    .await;
    let run = get(&front, "/sweeps").await["data"][0]["run_id"].to_string();
    let approve = format!("/sweeps/{run}/approve");
    let dry = format!("{approve}?dry_run=true");
    let (_, would) = ask(&front, Method::POST, &dry, json!({})).await;
    let still = get(&front, "/products?gone=true").await;
    let (_, done) = ask(&front, Method::POST, &approve, json!({"reason": "closed"})).await;
    let history = get(
        &front,
        &format!("/records/zoho.products/{}/history", items[0].id),
    )
    .await;
    let (unknown, _) = ask(&front, Method::POST, "/sweeps/999/reject", json!({})).await;

    assert_eq!((unsaid, again, unknown), (422, 409, 404));
    assert_eq!(ignored["status"], "ignored");
    assert!(retried["job"].is_string(), "{retried}");
    assert_eq!((&would["marked"], &still["data"]), (&json!(12), &json!([])));
    assert_eq!(done["marked"], 12, "{done}");
    assert_eq!(history["data"][0]["event"], "gone");
    assert_eq!(history["data"][0]["reason"], "closed");
    let trail = get(&front, "/audit?limit=100").await.to_string();
    for action in [
        "sync.zoho",
        "quarantine.ignore",
        "quarantine.retry",
        "sweep.approve",
    ] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_sync_over_a_paused_connection_is_answered_at_once_and_says_what_it_waits_for() {
    let (front, _vendor, _worker) = front(5).await;
    let pause = "/connections/zoho%2F10234695/pause";
    let why = json!({"reason": "their audit"});
    let (code, paused) = ask(&front, Method::POST, pause, why).await;
    assert_eq!(code, 200, "{paused}");

    let (code, body) = ask(&front, Method::POST, "/products/sync", json!({})).await;

    assert_eq!(code, 202, "{body}");
    let message = body["message"].as_str().expect("words");
    assert!(message.starts_with("Sync waits as job "), "{message}");
    assert!(message.ends_with("zoho/10234695 is paused"), "{message}");
}

#[tokio::test]
async fn every_run_is_listed_and_shown_with_what_became_of_its_records() {
    let (front, vendor, _worker) = front(25).await;
    ask(&front, Method::POST, "/products/sync", json!({})).await;
    let patch = ItemPatch {
        rate: Some("77.10".into()),
        ..ItemPatch::default()
    };
    let id = vendor.items()[3].id;
    vendor
        .change(Change::ChangeItem { id, patch })
        .expect("changed");
    ask(&front, Method::POST, "/products/sync", json!({})).await;

    let first = get(&front, "/runs?stream=zoho.products&limit=1").await;
    let next = first["page"]["next"].as_str().expect("a second page");
    let path = format!("/runs?stream=zoho.products&limit=1&cursor={next}");
    let second = get(&front, &path).await;
    let shown = get(&front, &format!("/runs/{}", first["data"][0]["id"])).await;
    let none = get(&front, "/runs?status=failed&connection=zoho%2F10234695").await;
    let bad = ["/runs?status=odd", "/runs?company_id=1&connection=x"];

    assert_eq!(
        (&first["data"][0]["updated"], &second["data"][0]["created"]),
        (&json!(1), &json!(25))
    );
    assert_eq!(shown, first["data"][0]);
    assert_eq!(shown["status"], "succeeded");
    assert_eq!(none["data"], json!([]));
    for path in bad {
        let (status, _) = ask(&front, Method::GET, path, Value::Null).await;
        assert_eq!(status, 400, "{path}");
    }
    let (status, _) = ask(&front, Method::GET, "/runs/999", Value::Null).await;
    assert_eq!(status, 404);
}
