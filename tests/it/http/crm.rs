//! Creatio both ways over HTTP: the kept paths, conflicts by role, and what meetings teach.

use std::collections::BTreeMap;

use ::jobs::Env;
use ::jobs::connection::{Connections, Declared, Given};
use connectors::reach::{Reach, Service};
use engine::testing::{WorkerGuard, run_worker};
use engine::{Registry, WorkerOptions};
use lockstep::http::FrontOptions;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use sim::creatio::{Change, Config, Guid, Simulator};
use uuid::Uuid;

use super::{Front, read, send};

const CREATIO: &str = "creatio/acme";
/// Seals the simulator's tokens, which open nothing else.
const KEY: &str = "one:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn connections(vendor: &Simulator, client: &engine::Client) -> Connections {
    let given = |secret: &str| Given {
        origin: "variable CREATIO".into(),
        secret: Some(SecretString::from(secret)),
    };
    let config = vendor.config();
    let declared = Declared {
        name: CREATIO.into(),
        service: Service::Creatio,
        base_url: vendor.url(),
        identity_url: Some(vendor.identity_url()),
        centre: None,
        page_size: None,
        refill: None,
        given: BTreeMap::from([
            ("client_id", given(&config.client_id)),
            ("client_secret", given(&config.client_secret)),
        ]),
    };
    let reach = Reach {
        loopback: true,
        ..Reach::default()
    };
    let keys = ::jobs::seal::Keyring::parse(KEY).expect("a key");
    Connections::new(client.clone(), vec![declared], reach, Some(keys))
}

/// A front, a Creatio with two leads, and a worker.
async fn front() -> (Front, Simulator, WorkerGuard) {
    let config = Config {
        leads: 2,
        contacts: 2,
        accounts: 1,
        activities: 0,
        ..Config::default()
    };
    let vendor = Simulator::start(config).await.expect("the vendor");
    let options = FrontOptions {
        requests_per_minute: 0,
        ..FrontOptions::default()
    };
    let front = Front::start_over(options, |client| connections(&vendor, client)).await;
    let env = Env {
        pool: front.database.pool().clone(),
        connections: connections(&vendor, front.client()),
    };
    let registry = ::jobs::register(Registry::new(), &env);
    let worker = run_worker(front.client(), registry, WorkerOptions::default());
    (front, vendor, worker)
}

async fn post(front: &Front, path: &str, body: Value) -> (u16, Value) {
    read(send(front.ask(Method::POST, path).json(&body)).await).await
}

async fn get(front: &Front, path: &str) -> (u16, Value) {
    read(send(front.ask(Method::GET, path)).await).await
}

async fn synced(front: &Front) -> Value {
    let (status, body) = post(front, "/crm/sync/sync_all/", json!({})).await;
    assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
    body
}

async fn first(front: &Front, sort: &str) -> (Uuid, Guid) {
    let (_, list) = get(front, &format!("/crm/records?sort={sort}&limit=1")).await;
    let id = |name: &str| list["data"][0][name].as_str().expect("an id").to_owned();
    let remote = Guid::parse(&id("remote_id")).expect("a guid");
    (id("local_id").parse().expect("a uuid"), remote)
}

async fn count(front: &Front, sql: &'static str) -> i64 {
    let count = sqlx::query_scalar(sql).fetch_one(front.database.pool());
    count.await.expect("counted")
}

#[tokio::test]
async fn a_sync_tells_its_counts_and_a_dry_run_writes_nothing() {
    let (front, vendor, worker) = front().await;

    let (status, plan) = post(&front, "/crm/sync/sync_all/?dry_run=true", json!({})).await;
    let rows = count(&front, "select count(*) from sync.lead").await;
    let body = synced(&front).await;
    let (lead, remote) = first(&front, "lead").await;
    let (of_lead, one) = post(&front, "/crm/sync/sync-lead/", json!({"lead_id": lead})).await;
    let (_, stands) = get(&front, "/crm/sync/status").await;
    let (missing, _) = post(
        &front,
        "/crm/sync/sync-lead/",
        json!({"lead_id": Uuid::nil()}),
    )
    .await;
    let (odd, why) = post(&front, "/crm/sync/sync_all/", json!({"connexion": "x"})).await;

    assert_eq!((status, rows), (200, 0), "{plan}");
    assert_eq!(vendor.saves().len(), 0);
    assert_eq!(
        plan["connections"][0]["created_here"],
        body["result"]["created_here"]
    );
    assert_eq!((of_lead, &one["status"]), (200, &json!("success")), "{one}");
    assert_eq!(one["remote_id"], remote.to_string());
    assert_eq!(stands["open_conflicts"], 0);
    assert_eq!((missing, odd), (404, 422), "{why}");
    worker.stop().await;
}

#[tokio::test]
async fn who_may_write_proposes_and_somebody_else_approves() {
    let (front, vendor, worker) = front().await;
    synced(&front).await;
    let (lead, remote) = first(&front, "lead").await;
    let learnt = json!({"lead_id": lead, "estimated_budget": "111.00"});
    sqlx::query("update sync.lead set budget = 111 where id = $1")
        .bind(lead)
        .execute(front.database.pool())
        .await
        .expect("edited");
    let change = Change::set("Lead", remote, json!({"Budget": "222.00"}));
    vendor.change(change).expect("changed");
    synced(&front).await;
    let writer = front.token(&["crm:read", "crm:write"]).await;
    let asked = async |path: String, body: Value| {
        let ask = front.bare(Method::POST, &format!("/api/v1{path}"));
        read(send(ask.bearer_auth(&writer).json(&body)).await).await
    };

    let (_, list) = get(&front, "/crm/conflicts/").await;
    let id = list["data"][0]["id"].as_i64().expect("a conflict");
    let settle = json!({"conflict_id": id, "take": "creatio"});
    let (refused, _) = asked("/crm/sync/resolve-conflict/".into(), settle.clone()).await;
    let of = |verb: &str| format!("/crm/conflicts/{id}/{verb}");
    let (neither, _) = asked(of("propose"), json!({})).await;
    let seen = json!({"take": "creatio", "seen": "2001-01-01T00:00:00Z"});
    let (stale, _) = asked(of("propose"), seen).await;
    let (proposed, told) = asked(of("propose"), json!({"take": "creatio", "note": "later"})).await;
    let (no, _) = asked(of("approve"), json!({})).await;
    let (approved, done) = post(&front, &of("approve"), json!({})).await;
    synced(&front).await;
    let (_, after) = get(&front, &format!("/crm/conflicts/{id}")).await;
    let (over, _) = post(&front, "/crm/sync/resolve-conflict/", settle).await;
    let (same, unchanged) = post(
        &front,
        "/crm/sync/update-lead-from-meeting/",
        json!({"lead_id": lead, "estimated_budget": 222}),
    )
    .await;

    assert_eq!((refused, neither, stale, no), (403, 422, 409, 403));
    assert_eq!(
        (proposed, &told["status"]),
        (200, &json!("proposed")),
        "{told}"
    );
    assert_eq!(
        (approved, &done["status"]),
        (200, &json!("resolved")),
        "{done}"
    );
    assert_eq!(
        (&after["status"], &after["outcome"]),
        (&json!("applied"), &json!("applied"))
    );
    assert_eq!(over, 409);
    assert_eq!((same, &unchanged["changes"]), (200, &json!({})), "{learnt}");
    let trail = "select count(*) from engine.audit where action in ('conflict.propose', 'conflict.approve')";
    assert_eq!(count(&front, trail).await, 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_meeting_told_of_twice_is_one_activity_with_its_tasks() {
    let (front, vendor, worker) = front().await;
    synced(&front).await;
    let ((lead, _), (contact, _)) = (first(&front, "lead").await, first(&front, "contact").await);
    let mut meeting = json!({
        "meeting_id": Uuid::from_u128(7), "title": "Demo with ACME", "lead_id": lead,
        "starts_at": "2026-10-01T07:00:00Z", "ends_at": "2026-10-01T07:30:00Z",
        "participants": [{"contact_id": contact}], "action_items": [{"title": "Send the quote"}],
    });
    let path = "/crm/sync/create-activity/";
    let keyed = async |body: &Value| {
        let ask = front
            .ask(Method::POST, path)
            .header("Idempotency-Key", "k1");
        read(send(ask.json(body)).await).await
    };

    let (dry, _) = post(&front, &format!("{path}?dry_run=true"), meeting.clone()).await;
    let none = count(&front, "select count(*) from sync.activity").await;
    let (made, answer) = keyed(&meeting).await;
    let (again, same) = keyed(&meeting).await;
    meeting["title"] = json!("Demo, moved");
    let (other, _) = keyed(&meeting).await;
    let (changed, after) = post(&front, path, meeting.clone()).await;
    meeting["ends_at"] = json!("2026-09-01T07:30:00Z");
    let (backwards, why) = post(&front, path, meeting).await;
    synced(&front).await;

    assert_eq!((dry, none), (200, 0));
    assert_eq!(
        (made, answer["created"].as_i64()),
        (201, Some(3)),
        "{answer}"
    );
    assert_eq!((again, &same), (201, &answer));
    assert_eq!((other, changed), (422, 200), "{after}");
    assert_eq!(
        (after["created"].as_i64(), after["changed"].as_i64()),
        (Some(0), Some(1))
    );
    assert_eq!(
        (backwards, &why["errors"][0]["pointer"]),
        (422, &json!("/ends_at"))
    );
    let there = vendor.records("Activity");
    let titles: Vec<&Value> = there.iter().map(|one| &one["Title"]).collect();
    assert_eq!(there.len(), 2, "{titles:?}");
    assert!(
        titles.contains(&&json!("Demo, moved")) && titles.contains(&&json!("Send the quote")),
        "{titles:?}"
    );
    let trail = "select count(*) from engine.audit where action = 'meeting.activity'";
    assert_eq!(count(&front, trail).await, 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_lead_learns_from_a_meeting_and_creatio_with_it() {
    let (front, vendor, worker) = front().await;
    synced(&front).await;
    let (lead, remote) = first(&front, "lead").await;
    let path = "/crm/sync/update-lead-from-meeting/";

    let learnt = json!({
        "lead_id": lead, "budget_discussed": true, "decision_maker": true, "estimated_budget": "250000.50",
        "meeting_type": "demo",
    });
    let (status, told) = post(&front, path, learnt.clone()).await;
    let (_, again) = post(&front, path, learnt).await;
    synced(&front).await;
    let (nothing, _) = post(&front, path, json!({"lead_id": lead})).await;
    let (odd, why) = post(
        &front,
        path,
        json!({"lead_id": lead, "estimated_budget": "much"}),
    )
    .await;
    let (missing, _) = post(
        &front,
        path,
        json!({"lead_id": Uuid::nil(), "met_at": "2026-10-01T07:00:00Z"}),
    )
    .await;

    assert_eq!(status, 200, "{told}");
    assert_eq!(told["changes"]["budget"][1], "250000.50");
    assert_eq!(told["changes"]["custom.meeting_type"][1], "demo");
    assert_eq!(
        again["changes"],
        json!({}),
        "what is so already is no change"
    );
    let there = vendor.record("Lead", remote).expect("the lead");
    assert!(there["Budget"].to_string().contains("250000.5"), "{there}");
    assert_eq!((nothing, odd, missing), (422, 422, 404), "{why}");
    assert_eq!(why["errors"][0]["pointer"], "/estimated_budget");
    worker.stop().await;
}
