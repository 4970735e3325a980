//! Packages of profiles: the two paths of the replaced system, profiles, and what people decide on them.

use std::collections::BTreeMap;

use ::jobs::Env;
use ::jobs::connection::{Connections, Declared, Given};
use connectors::reach::{Reach, Service};
use connectors::supabase::stable_hash;
use engine::testing::{WorkerGuard, run_worker};
use engine::{Registry, WorkerOptions};
use lockstep::http::FrontOptions;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use sim::supabase::{Change, Config, Simulator};
use sim::wire::Fault;
use uuid::Uuid;

use super::{Front, header, read, send};

const SHOP: &str = "supabase/shop";

fn connections(crm: &Simulator, client: &engine::Client) -> Connections {
    let given = Given {
        origin: "variable SHOP".into(),
        secret: Some(SecretString::from(crm.config().secret_key.as_str())),
    };
    let declared = Declared {
        name: SHOP.into(),
        service: Service::Supabase,
        base_url: crm.url(),
        identity_url: None,
        centre: None,
        page_size: None,
        refill: Some(10_000.0),
        given: BTreeMap::from([("key", given)]),
    };
    let reach = Reach {
        loopback: true,
        ..Reach::default()
    };
    Connections::new(client.clone(), vec![declared], reach, None)
}

/// A front, a CRM with one customer whom nobody asks for, and a worker.
async fn front() -> (Front, Simulator, WorkerGuard) {
    let config = Config {
        customers: 0,
        ..Config::default()
    };
    let crm = Simulator::start(config).await.expect("the CRM");
    let options = FrontOptions {
        requests_per_minute: 0,
        ..FrontOptions::default()
    };
    let front = Front::start_over(options, |client| connections(&crm, client)).await;
    let env = Env {
        pool: front.database.pool().clone(),
        connections: connections(&crm, front.client()),
    };
    let mut registry = ::jobs::register(Registry::new(), &env);
    for kind in ["packages.sync_profile", "packages.sync_chunk"] {
        let policy = engine::Policy {
            max_attempts: 1,
            ..registry.policy(kind)
        };
        registry.set_policy(kind, policy);
    }
    let worker = run_worker(front.client(), registry, WorkerOptions::default());
    customer(&crm, "Zed Nobody", "0999999999");
    (front, crm, worker)
}

/// A customer with one package of seven and a half hours; the CRM's id.
fn customer(crm: &Simulator, name: &str, phone: &str) -> String {
    let (id, hash) = (Uuid::now_v7().to_string(), stable_hash(name, phone));
    let row = json!({
        "id": id, "stable_hash_id": hash, "customer_name": name, "contact_number": phone,
        "update_time": "2026-11-01T10:00:00+00:00",
    });
    add(crm, "customers", row);
    let nth = phone
        .trim_start_matches('0')
        .parse::<u64>()
        .expect("digits");
    let row = json!({
        "id": nth, "crm_package_id": format!("PK-{nth}"), "customer_name": name,
        "package_name_from_def": "Bay 10H", "package_display_name_from_def": "Bay, ten hours",
        "package_type_from_def": "Monthly", "package_total_hours_from_def": "10",
        "package_pax_from_def": 2, "package_validity_period_from_def": "6 months",
        "first_use_date": null, "expiration_date": "2027-01-31",
        "calculated_remaining_hours": "7.5", "calculated_used_hours": "2.5", "stable_hash_id": hash,
        "created_at_for_purchase_date": "2026-10-01T20:15:00+00:00",
    });
    add(crm, "package_rows", row);
    id
}

fn add(crm: &Simulator, table: &str, row: Value) {
    let table = table.to_owned();
    crm.change(Change::AddRow { table, row }).expect("added");
}

/// The booking site tells of somebody.
async fn profile(front: &Front, name: &str, phone: &str) -> Uuid {
    let id = Uuid::now_v7();
    let said = json!({"name": name, "phone": phone});
    let asked = front
        .ask(Method::PUT, &format!("/profiles/{id}"))
        .json(&said);
    let (status, body) = read(send(asked).await).await;
    assert_eq!(status, 200, "{body}");
    id
}

/// A kept path, by somebody with these scopes.
async fn kept(front: &Front, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut asked = front.bare(method, path).bearer_auth(&front.admin);
    if let Some(body) = body {
        asked = asked.json(&body);
    }
    read(send(asked).await).await
}

#[tokio::test]
async fn the_bulk_path_answers_the_body_of_the_brief_by_post_and_get() {
    let (front, crm, worker) = front().await;
    customer(&crm, "Ada Fairway", "0812345678");
    profile(&front, "Ada Fairway", "0812345678").await;
    let stranger = profile(&front, "Who Isthis", "0700000000").await;

    let path = "/api/crm/sync-packages";
    let body = json!({"onlyNewProfiles": true, "batchSize": 5, "maxProfiles": 10});
    let (status, new) = kept(&front, Method::POST, path, Some(body)).await;
    let (by_get, all) = kept(&front, Method::GET, &format!("{path}?batchSize=5"), None).await;
    let wait = front
        .bare(Method::POST, path)
        .bearer_auth(&front.admin)
        .header("Prefer", "respond-async")
        .json(&json!({"maxProfiles": 7}));
    let (_, unsaid) = read(send(wait).await).await;
    let job = unsaid["job"].as_str().expect("a job");
    let (_, usual) = front.get(&format!("/jobs/{job}")).await;
    assert_eq!(
        usual["args"],
        json!({"connection": null, "only_new": false, "max_profiles": 7, "batch_size": 20, "pause_ms": 500})
    );
    let slash = format!("{path}/");
    let (with_slash, _) = kept(&front, Method::POST, &slash, None).await;

    assert_eq!((status, by_get, with_slash), (200, 200, 200), "{new} {all}");
    let seconds = |told: &Value| {
        let text = told["result"]["duration"].as_str().map(str::to_owned);
        let text = text.unwrap_or_default();
        text.strip_suffix('s')
            .is_some_and(|n| n.parse::<u32>().is_ok())
    };
    assert!(seconds(&new) && seconds(&all), "{new} {all}");
    assert!(new["timestamp"].is_string(), "{new}");
    let duration = new["result"]["duration"].clone();
    assert_eq!(new["success"], true);
    assert_eq!(
        new,
        json!({"success": true, "timestamp": new["timestamp"], "result": {
            "totalProfiles": 2, "successfulProfiles": 1, "failedProfiles": 1, "totalPackages": 1,
            "errors": [format!("Profile {stranger}: unmatched")], "duration": duration}})
    );
    assert_eq!(
        all,
        json!({"success": true, "timestamp": all["timestamp"], "result": {
            "totalProfiles": 1, "successfulProfiles": 1, "failedProfiles": 0, "totalPackages": 1,
            "errors": [], "duration": all["result"]["duration"]}})
    );
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_profiles_packages_are_synced_and_listed_under_their_known_names() {
    let (front, crm, worker) = front().await;
    customer(&crm, "Ada Fairway", "0812345678");
    let id = profile(&front, "Ada Fairway", "+66 81 234 5678").await;
    let path = "/api/vip/packages";
    let query = format!("{path}?profileId={id}");
    let body = Some(json!({"profileId": id}));

    let (_, before) = kept(&front, Method::GET, &query, None).await;
    let (status, synced) = kept(&front, Method::POST, path, body.clone()).await;
    let (_, listed) = kept(&front, Method::GET, &query, None).await;
    let (_, story) = front
        .get("/records/supabase.packages/812345678/history")
        .await;
    let unknown = json!({"profileId": Uuid::nil()});
    let (nobody, problem) = kept(&front, Method::POST, path, Some(unknown)).await;

    let packages = json!([{"crm_package_id": "PK-812345678", "package_name": "Bay 10H",
        "package_display_name": "Bay, ten hours", "package_category": "Monthly",
        "total_hours": 10, "used_hours": 2.5, "remaining_hours": 7.5, "pax": 2,
        "first_use_date": null, "expiration_date": "2027-01-31", "purchase_date": "2026-10-02"}]);
    let at = listed["syncedAt"].clone();
    assert!(at.is_string(), "{listed}");
    assert_eq!(
        before,
        json!({"success": true, "profileId": id, "packages": [], "syncedAt": null})
    );
    assert_eq!(status, 200);
    assert_eq!(
        synced,
        json!({"success": true, "profileId": id, "status": "synced", "packages": packages, "syncedAt": at})
    );
    assert_eq!(
        listed,
        json!({"success": true, "profileId": id, "packages": packages, "syncedAt": at})
    );
    assert_eq!(
        story["data"][0]["changes"]["remaining_hours"],
        json!([null, "7.5"])
    );
    assert_eq!(story["data"][0]["partition"], format!("profile:{id}"));
    assert_eq!((nobody, &problem["code"]), (404, &json!("not_found")));
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_crm_that_fails_is_an_error_and_never_an_empty_success() {
    let (front, crm, worker) = front().await;
    customer(&crm, "Ada Fairway", "0812345678");
    let id = profile(&front, "Ada Fairway", "0812345678").await;
    crm.inject(Fault::status(400).on_path("rpc"));

    let body = Some(json!({"profileId": id}));
    let (status, told) = kept(&front, Method::POST, "/api/vip/packages", body).await;

    assert_eq!(status, 500);
    assert_eq!(
        told,
        json!({"error": "Package sync failed", "details": "misconfigured"})
    );
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_login_gets_its_answer_while_the_crm_is_silent() {
    let (front, crm, worker) = front().await;
    customer(&crm, "Ada Fairway", "0812345678");
    crm.inject(Fault::new(sim::wire::Kind::Silence));
    let id = Uuid::now_v7();
    let path = format!("/profiles/{id}/sync");
    let said = json!({"name": "Ada Fairway", "phone": "0812345678"});

    let first = send(front.ask(Method::POST, &path).json(&said)).await;
    let location = header(&first, "location").map(str::to_owned);
    let (status, first) = read(first).await;
    let (_, second) = front.post(&path, json!({})).await;
    let wait = front
        .bare(Method::POST, "/api/vip/packages")
        .bearer_auth(&front.admin)
        .header("Prefer", "respond-async")
        .json(&json!({"profileId": id}));
    let (not_waited, third) = read(send(wait).await).await;
    let (unsaid, _) = front
        .post(&format!("/profiles/{}/sync", Uuid::nil()), json!({}))
        .await;

    assert_eq!((status, not_waited, unsaid), (202, 202, 404));
    assert_eq!(
        location,
        first["job"]
            .as_str()
            .map(|job| format!("/api/v1/jobs/{job}"))
    );
    assert_eq!(first["job"], second["job"], "one minute is one sync");
    assert_eq!(first["job"], third["job"]);
    drop(worker);
    front.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_what_is_wrong() {
    let (front, _crm, worker) = front().await;
    let path = "/api/crm/sync-packages";

    let (bare, problem) = read(send(front.bare(Method::POST, path)).await).await;
    let reader = front.token(&["companies:read"]).await;
    let asked = front.bare(Method::POST, path).bearer_auth(reader);
    let (reading, _) = read(send(asked).await).await;
    let (zero, flaw) = kept(&front, Method::POST, path, Some(json!({"batchSize": 0}))).await;
    let (typed, _) = kept(&front, Method::POST, path, Some(json!({"batchsize": 5}))).await;
    let (query, _) = kept(&front, Method::GET, "/api/vip/packages?profileId=7", None).await;
    let long = json!({"name": "x".repeat(301)});
    let put = front
        .ask(Method::PUT, &format!("/profiles/{}", Uuid::now_v7()))
        .json(&long);
    let (too_long, _) = read(send(put).await).await;

    assert_eq!((bare, reading), (401, 403), "{problem}");
    assert_eq!((zero, typed, query, too_long), (422, 422, 400, 422));
    assert_eq!(flaw["errors"][0]["pointer"], "/batchSize");
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_person_says_who_a_profile_is_and_its_packages_come() {
    let (front, crm, worker) = front().await;
    let bo = customer(&crm, "Bo Bunker", "0812345678");
    let id = profile(&front, "Ada Fairway", "0812345678").await;
    let body = Some(json!({"profileId": id}));
    let (_, told) = kept(&front, Method::POST, "/api/vip/packages", body).await;
    assert_eq!(
        (&told["success"], &told["status"]),
        (&json!(false), &json!("in_review"))
    );

    let (_, open) = front.get(&format!("/reviews?profile_id={id}")).await;
    let review = open["data"][0]["id"].to_string();
    let accept = format!("/reviews/{review}/accept");
    let (stranger, _) = front.post(&accept, json!({"customer_id": "77"})).await;
    let dry = format!("{accept}?dry_run=true");
    let (_, would) = front.post(&dry, json!({})).await;
    let (_, still) = front.get(&format!("/reviews/{review}")).await;
    let (_, done) = front
        .post(&accept, json!({"reason": "asked at the desk"}))
        .await;
    let (again, _) = front.post(&accept, json!({})).await;
    let (unknown, _) = front.post("/reviews/999999/reject", json!({})).await;

    assert_eq!((stranger, again, unknown), (422, 409, 404));
    assert_eq!(
        (&would["status"], &still["status"]),
        (&json!("accepted"), &json!("open"))
    );
    assert_eq!(done["customer_id"], bo.as_str());
    assert_eq!(done["note"], "asked at the desk");
    super::eventually("its packages are there", async || {
        let (_, shown) = front.get(&format!("/profiles/{id}")).await;
        shown["packages"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
            && shown["link"]["method"] == "manual"
    })
    .await;
    let (_, trail) = front.get("/audit?limit=100").await;
    let trail = trail.to_string();
    for action in ["profile.set", "sync.packages", "review.accept"] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
    assert!(!trail.contains("Ada Fairway"), "names are on no trail");
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_profile_is_made_changed_listed_and_deleted_and_a_dry_run_does_nothing() {
    let (front, _crm, worker) = front().await;
    let id = profile(&front, "Ada", "0812345678").await;
    let path = format!("/profiles/{id}");

    let said = json!({"name": "Bo", "connection": SHOP});
    let dry = front.ask(Method::PUT, &format!("{path}?dry_run=true"));
    let (_, would) = read(send(dry.json(&said)).await).await;
    let (_, still) = front.get(&path).await;
    let (_, listed) = front.get("/profiles?linked=false").await;
    let (_, linked) = front.get("/profiles?linked=true").await;
    let elsewhere = front
        .ask(Method::PUT, &path)
        .json(&json!({"connection": "supabase/none"}));
    let (unknown, _) = read(send(elsewhere).await).await;
    let gone = read(send(front.ask(Method::DELETE, &path)).await).await;
    let (missing, _) = front.get(&path).await;

    assert_eq!(
        (&would["name"], &still["name"]),
        (&json!("Bo"), &json!("Ada"))
    );
    assert_eq!(listed["data"][0]["id"], id.to_string());
    assert_eq!(linked["data"], json!([]));
    assert_eq!((unknown, gone.0, missing), (404, 204, 404));
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn a_package_that_cannot_be_read_is_listed_shown_ignored_and_read_again() {
    let (front, crm, worker) = front().await;
    customer(&crm, "Ada Fairway", "0812345678");
    let pax = |pax: i64| {
        let (table, id) = ("package_rows".to_owned(), "812345678".to_owned());
        let set = serde_json::Map::from_iter([("package_pax_from_def".to_owned(), json!(pax))]);
        crm.change(Change::ChangeRow { table, id, set })
            .expect("changed");
    };
    pax(-1);
    let id = profile(&front, "Ada Fairway", "0812345678").await;
    let body = Some(json!({"profileId": id}));
    kept(&front, Method::POST, "/api/vip/packages", body).await;

    let (_, listed) = front.get("/quarantine?stream=supabase.packages").await;
    let path = format!("/quarantine/{}", listed["data"][0]["id"]);
    let (_, shown) = front.get(&path).await;
    let said = json!({"reason": "a test of theirs"});
    let (_, ignored) = front.post(&format!("{path}/ignore"), said).await;
    pax(2);
    let (_, retried) = front.post(&format!("{path}/retry"), json!({})).await;

    assert_eq!(shown["profile_id"], id.to_string());
    assert_eq!(shown["raw"]["package_pax_from_def"], -1);
    assert_eq!(ignored["status"], "ignored");
    assert!(retried["job"].is_string(), "{retried}");
    super::eventually("it is read and cleared", async || {
        front.get(&path).await.1["status"] == "resolved"
    })
    .await;
    let (unknown, _) = front.post(&format!("{path}/retry"), json!({})).await;
    assert_eq!(unknown, 409, "there is nothing to try again");
    worker.stop().await;
    front.stop().await;
}

#[tokio::test]
async fn every_error_of_the_kept_paths_has_the_body_that_their_callers_know() {
    let (front, _crm, worker) = front().await;
    let bulk = "/api/crm/sync-packages";
    let one = "/api/vip/packages?profileId=0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88";
    let unauthorized = json!({"error": "Unauthorized"});
    for (method, path) in [
        (Method::POST, bulk),
        (Method::GET, bulk),
        (Method::POST, "/api/crm/sync-packages/"),
        (Method::GET, one),
        (Method::POST, "/api/vip/packages"),
    ] {
        let bare = send(front.bare(method.clone(), path)).await;
        assert_eq!(header(&bare, "content-type"), Some("application/json"));
        let challenge = header(&bare, "www-authenticate");
        assert!(
            challenge.is_some_and(|it| it.starts_with("Bearer")),
            "{challenge:?}"
        );
        let bare = read(bare).await;
        let wrong = front.bare(method.clone(), path).bearer_auth("guessed");
        let wrong = read(send(wrong).await).await;

        assert_eq!(bare, (401, unauthorized.clone()), "{method} {path}");
        assert_eq!(wrong, (401, unauthorized.clone()), "{method} {path}");
    }
    let elsewhere = send(front.bare(Method::GET, "/api/v1/profiles")).await;
    assert_eq!(
        header(&elsewhere, "content-type"),
        Some("application/problem+json")
    );

    // The tables are away: a fault of ours.
    sqlx::raw_sql(
        "alter table sync.profile rename to gone; alter table engine.job rename to gone_too",
    )
    .execute(front.database.pool())
    .await
    .expect("renamed");
    let (status, told) = kept(&front, Method::POST, bulk, None).await;
    let (listing, nothing) = kept(&front, Method::GET, one, None).await;
    assert_eq!((status, listing), (500, 500), "{told} {nothing}");
    assert_eq!(
        told,
        json!({"error": "Bulk sync failed", "details": "internal"})
    );
    assert_eq!(
        nothing,
        json!({"error": "Package sync failed", "details": "internal"})
    );
    sqlx::raw_sql(
        "alter table sync.gone rename to profile; alter table engine.gone_too rename to job",
    )
    .execute(front.database.pool())
    .await
    .expect("renamed back");
    worker.stop().await;
    front.stop().await;
}
