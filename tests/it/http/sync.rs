//! The two paths of the replaced system, whose bodies its callers know by heart.

use std::time::Duration;

use engine::testing::{WorkerGuard, run_worker};
use engine::{Cx, Failure, Job, Outcome, Registry, WorkerOptions};
use lockstep::http::FrontOptions;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Front, header, read, send, text};

/// Stands in for the handler of the kind: this file is about what callers are told.
#[derive(Serialize, Deserialize)]
struct FakeZones {
    company_id: i64,
}

impl Job for FakeZones {
    const KIND: &'static str = "soundtrack.sync_zones";
    type Env = ();
    type Error = Failure;

    async fn run(self, _: Cx<()>) -> Result<Outcome, Failure> {
        match self.company_id {
            666 => Ok(Outcome::Dead("the remote refused the account".into())),
            _ => Ok(Outcome::done_with(
                json!({"synced": 5, "errors": 0, "created": 5}),
            )?),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FakeAll {}

impl Job for FakeAll {
    const KIND: &'static str = "soundtrack.sync_all";
    type Env = ();
    type Error = Failure;

    async fn run(self, _: Cx<()>) -> Result<Outcome, Failure> {
        Ok(Outcome::done_with(
            json!({"synced": 42, "errors": 0, "companies": 9}),
        )?)
    }
}

/// A worker that knows both kinds.
pub(super) fn work(front: &Front) -> WorkerGuard {
    let registry = Registry::new().with::<FakeZones>(()).with::<FakeAll>(());
    run_worker(front.client(), registry, WorkerOptions::default())
}

/// A company with one zone; the zone's id.
async fn zone_of(front: &Front, name: &str, account: Option<&str>) -> i64 {
    sqlx::query_scalar(
        "with c as (insert into sync.company (name, soundtrack_account_id) values ($1, $2) returning id) \
         insert into sync.zone (company_id, soundtrack_zone_id, name) select id, $1, 'Lobby' from c returning id",
    )
    .bind(name)
    .bind(account)
    .fetch_one(front.database.pool())
    .await
    .expect("a zone")
}

#[tokio::test]
async fn a_sync_of_all_answers_the_body_that_todays_callers_know() {
    let front = Front::start().await;
    let worker = work(&front);

    for path in ["/zones/sync-all/", "/zones/sync-all"] {
        let (status, body) = read(send(front.ask(Method::POST, path)).await).await;

        assert_eq!(status, 200);
        assert_eq!(
            body,
            json!({"synced": 42, "errors": 0, "message": "Synced 42 zones with 0 errors"})
        );
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_sync_of_a_zone_syncs_its_company_and_names_it() {
    let front = Front::start().await;
    let zone = zone_of(&front, "Hilton Pattaya", Some("QWNj")).await;
    let worker = work(&front);

    for path in [
        format!("/zones/{zone}/sync/"),
        format!("/zones/{zone}/sync"),
    ] {
        let (status, body) = read(send(front.ask(Method::POST, &path)).await).await;

        assert_eq!(status, 200);
        let message = "Synced 5 zones for Hilton Pattaya with 0 errors";
        assert_eq!(body, json!({"synced": 5, "errors": 0, "message": message}));
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_company_without_an_account_is_the_error_that_todays_callers_know() {
    let front = Front::start().await;
    let zone = zone_of(&front, "Hilton Pattaya", None).await;

    let (status, body) =
        read(send(front.ask(Method::POST, &format!("/zones/{zone}/sync/"))).await).await;

    assert_eq!(status, 400);
    assert_eq!(
        body,
        json!({"error": "Company \"Hilton Pattaya\" has no Soundtrack account ID configured"})
    );
    let (_, jobs) = front.get("/jobs").await;
    assert_eq!(jobs["data"], json!([]));
}

#[tokio::test]
async fn an_unknown_zone_is_an_error_in_the_same_shape() {
    let front = Front::start().await;

    for zone in ["999", "abc", "99999999999999999999999"] {
        let (status, body) =
            read(send(front.ask(Method::POST, &format!("/zones/{zone}/sync/"))).await).await;

        assert_eq!(
            (status, body),
            (404, json!({"error": format!("Zone {zone} not found")}))
        );
    }
}

#[tokio::test]
async fn a_sync_that_died_is_never_an_empty_success() {
    let front = Front::start().await;
    let zone: i64 = sqlx::query_scalar(
        "with c as (insert into sync.company (id, name, soundtrack_account_id) overriding system value \
             values (666, 'Bad', 'x') returning id) \
         insert into sync.zone (company_id, soundtrack_zone_id, name) select id, 'z', 'Lobby' from c returning id",
    )
    .fetch_one(front.database.pool())
    .await
    .expect("a zone");
    let worker = work(&front);

    let (status, body) =
        read(send(front.ask(Method::POST, &format!("/zones/{zone}/sync/"))).await).await;

    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({"synced": 0, "errors": 1, "message": "Synced 0 zones for Bad with 1 errors"})
    );
    worker.stop().await;
}

#[tokio::test]
async fn whoever_prefers_not_to_wait_gets_the_address_at_once() {
    let front = Front::start().await;

    let response = send(
        front
            .ask(Method::POST, "/zones/sync-all/")
            .header("Prefer", "respond-async"),
    )
    .await;

    assert_eq!(response.status().as_u16(), 202);
    assert_eq!(
        header(&response, "preference-applied"),
        Some("respond-async")
    );
    let location = header(&response, "location")
        .expect("an address")
        .to_owned();
    let (_, body) = read(response).await;
    assert_eq!(location, format!("/api/v1/jobs/{}", text(&body["job"])));
    let (_, job) = front
        .get(location.strip_prefix("/api/v1").expect("ours"))
        .await;
    assert_eq!(
        (&job["kind"], &job["asked_by"]),
        (&json!("soundtrack.sync_all"), &json!("admin"))
    );
    let (_, audit) = front.get("/audit?target=soundtrack").await;
    assert_eq!(audit["data"][0]["action"], "sync.all");
}

#[tokio::test]
async fn a_wait_ends_at_the_bound_with_the_address() {
    let options = FrontOptions {
        sync_wait: Duration::from_millis(30),
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;

    let bounded = send(front.ask(Method::POST, "/zones/sync-all/")).await;
    let wished = send(
        front
            .ask(Method::POST, "/zones/sync-all/")
            .header("Prefer", "wait=0"),
    )
    .await;

    assert_eq!(bounded.status().as_u16(), 202);
    assert_eq!(
        (
            wished.status().as_u16(),
            header(&wished, "preference-applied")
        ),
        (202, Some("wait=0"))
    );
    assert_eq!(header(&bounded, "location"), header(&wished, "location"));
}

#[tokio::test]
async fn two_who_ask_for_the_same_sync_share_one_job() {
    let front = Front::start().await;
    let ask = || {
        send(
            front
                .ask(Method::POST, "/zones/sync-all/")
                .header("Prefer", "respond-async"),
        )
    };

    let (first, second) = (read(ask().await).await.1, read(ask().await).await.1);

    assert_eq!(first["job"], second["job"]);
}

/// A front over a simulated Soundtrack, with a company and one zone of its own.
async fn over_soundtrack() -> (Front, sim::soundtrack::Simulator, i64) {
    use connectors::budget::{BucketConfig, SharedBucket};
    use connectors::http::{Http, HttpConfig};
    use connectors::soundtrack::{Client, Config};

    let simulator = sim::soundtrack::Simulator::start(sim::soundtrack::Config::default())
        .await
        .expect("the simulator");
    let allowed_hosts = vec!["127.0.0.1".to_owned()];
    let http = Http::new(HttpConfig {
        allowed_hosts,
        ..HttpConfig::default()
    });
    let token = connectors::Token::basic(simulator.token()).expect("a token");
    let mut config = Config::new(token);
    config.base_url = simulator.url();
    let budget = SharedBucket::new(BucketConfig::default());
    let client = Client::new(config, http.expect("a transport"), budget).expect("a client");
    let front = Front::start_over(FrontOptions::default(), |_| {
        jobs::connection::Connections::of_soundtrack(client)
    })
    .await;
    let account = simulator.truth().accounts[0].id.clone();
    let zone = zone_of(&front, "Inn", Some(&account)).await;
    (front, simulator, zone)
}

#[tokio::test]
async fn a_dry_run_of_zones_tells_every_difference_and_writes_nothing() {
    let (front, simulator, zone) = over_soundtrack().await;
    let one = format!("/zones/{zone}/sync/?dry_run=true");

    for path in [one.as_str(), "/zones/sync-all/?dry_run=true"] {
        let (status, told) = read(send(front.ask(Method::POST, path)).await).await;

        assert_eq!(status, 200, "{told}");
        let plan = &told["data"][0];
        assert_eq!((&plan["created"], &plan["fetched"]), (&json!(5), &json!(5)));
        let name = &simulator.truth().accounts[0].zones[0].name;
        let changes = plan["changes"].as_array().cloned().unwrap_or_default();
        let has = |change: &serde_json::Value| change["changes"]["name"] == json!([null, name]);
        assert!(changes.iter().any(has), "{changes:?}");
    }
    let (_, jobs) = front.get("/jobs").await;
    let zones: i64 = sqlx::query_scalar("select count(*) from sync.zone")
        .fetch_one(front.database.pool())
        .await
        .expect("a count");
    assert_eq!((&jobs["data"], zones), (&json!([]), 1));

    let odd = front.ask(Method::POST, "/zones/sync-all/?dry_run=perhaps");
    assert_eq!(read(send(odd).await).await.0, 400);
}
