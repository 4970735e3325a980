//! Queues, kinds, schedules, workers, alerts and tokens over HTTP.

use engine::{Actor, CatchUp, Overlap, Schedule};
use reqwest::Method;
use serde_json::json;

use super::{Front, read, send, text};

#[tokio::test]
async fn a_queue_and_a_kind_are_paused_with_a_reason_and_resumed() {
    let front = Front::start().await;
    front.enqueue(json!({"kind": "demo.greet"})).await;

    let pause = front
        .post(
            "/queues/default/pause",
            json!({"reason": "the remote is down"}),
        )
        .await;
    let twice = front.post("/queues/default/pause", json!({})).await;
    let (_, queues) = front.get("/queues").await;
    let resume = front.post("/queues/default/resume", json!({})).await;
    front
        .post("/kinds/demo.greet/pause", json!({"reason": "bad deploy"}))
        .await;
    let (_, kinds) = front.get("/kinds?paused=true").await;
    let kind = read(send(front.ask(Method::POST, "/kinds/demo.greet/resume")).await).await;

    assert_eq!(
        (pause, twice),
        (
            (200, json!({"changed": true})),
            (200, json!({"changed": false}))
        )
    );
    let queue = &queues["data"][0];
    assert_eq!(
        (&queue["name"], &queue["available"]),
        (&json!("default"), &json!(1))
    );
    assert_eq!(
        (&queue["pause_reason"], &queue["paused_by"]),
        (&json!("the remote is down"), &json!("admin"))
    );
    assert_eq!(resume, (200, json!({"changed": true})));
    assert_eq!(
        (&kinds["data"][0]["name"], &kinds["data"][0]["pause_reason"]),
        (&json!("demo.greet"), &json!("bad deploy"))
    );
    assert_eq!(kind, (200, json!({"changed": true})));
}

#[tokio::test]
async fn every_registered_kind_is_listed_with_its_policy_and_its_pause() {
    let front = Front::start().await;
    let forget = sqlx::query("delete from engine.kind").execute(front.database.pool());
    forget.await.expect("no kinds");
    let worker = super::sync::work(&front);
    let names = |kinds: &serde_json::Value| -> Vec<String> {
        let rows = kinds["data"].as_array().expect("rows").iter();
        rows.map(|kind| text(&kind["name"])).collect()
    };

    super::eventually("the worker has registered its kinds", async || {
        names(&front.get("/kinds").await.1).len() == 2
    })
    .await;
    worker.stop().await;
    let body = json!({"reason": "bad deploy"});
    front.post("/kinds/soundtrack.sync_zones/pause", body).await;
    front.post("/kinds/zoho.later/pause", json!({})).await;
    let (_, kinds) = front.get("/kinds").await;
    let (_, paused) = front.get("/kinds?paused=true").await;
    let (_, running) = front.get("/kinds?paused=false").await;

    let [all, zones, later] = [0, 1, 2].map(|n| &kinds["data"][n]);
    assert_eq!(
        names(&kinds),
        ["soundtrack.sync_all", "soundtrack.sync_zones", "zoho.later"]
    );
    let policy = json!({
        "queue": "default", "priority": 0, "max_attempts": 8, "timeout_ms": 300_000,
        "backoff": {"base_ms": 10_000, "factor": 2.0, "max_ms": 3_600_000},
        "limits": {"running": null, "partition": {"running": null, "order": null}, "connection": {"running": null}},
        "retention": {"completed": null, "cancelled": null, "dead": null},
    });
    assert_eq!((&all["policy"], &all["paused_at"]), (&policy, &json!(null)));
    assert_eq!(
        (
            &zones["policy"],
            &zones["paused_by"],
            &zones["pause_reason"]
        ),
        (&policy, &json!("admin"), &json!("bad deploy"))
    );
    assert!(zones["paused_at"].is_string(), "{zones}");
    assert_eq!(later["policy"], json!(null), "no worker knows it yet");
    assert_eq!(names(&paused), ["soundtrack.sync_zones", "zoho.later"]);
    assert_eq!(names(&running), ["soundtrack.sync_all"]);
}

#[tokio::test]
async fn a_schedule_is_listed_run_paused_and_resumed() {
    let front = Front::start().await;
    let schedule = Schedule {
        name: "nightly".into(),
        cron: "0 2 * * *".into(),
        time_zone: "Asia/Bangkok".into(),
        kind: "demo.greet".into(),
        args: json!({}),
        queue: None,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Skip,
    };
    front
        .client()
        .sync_schedules(&[schedule], &Actor::new("test", "test"))
        .await
        .expect("declared");

    let (ran, job) = front.post("/schedules/nightly/run", json!({})).await;
    let (_, ticks) = front.get("/schedules/nightly/ticks").await;
    let paused = front
        .post("/schedules/nightly/pause", json!({"reason": "holiday"}))
        .await;
    let (_, list) = front.get("/schedules").await;
    let resumed = front.post("/schedules/nightly/resume", json!({})).await;

    assert_eq!(ran, 201);
    assert_eq!(
        (&ticks["data"][0]["job_id"], &ticks["data"][0]["manual"]),
        (&job["id"], &json!(true))
    );
    assert_eq!(paused, (200, json!({"changed": true})));
    let row = &list["data"][0];
    assert_eq!(
        (&row["cron"], &row["catch_up"]),
        (&json!("0 2 * * *"), &json!("latest"))
    );
    assert!(
        text(&row["next_at"]).ends_with("T19:00:00Z"),
        "02:00 in Bangkok: {row}"
    );
    assert_eq!(row["pause"]["reason"], "holiday");
    assert_eq!(resumed, (200, json!({"changed": true})));
    for path in [
        "/schedules/none/pause",
        "/schedules/none/resume",
        "/schedules/none/run",
    ] {
        assert_eq!(front.post(path, json!({})).await.0, 404, "{path}");
    }
    assert_eq!(front.get("/schedules/none/ticks").await.0, 404);
}

#[tokio::test]
async fn a_breaker_is_opened_and_closed_with_a_reason() {
    let front = Front::start().await;
    let path = |verb: &str| format!("/breakers/soundtrack%2Fdefault/{verb}");

    let unknown = front.post(&path("close"), json!({})).await.0;
    let bad = front.post(&path("open"), json!({"for_s": 0})).await.0;
    let dry = front
        .post(&(path("open") + "?dry_run=true"), json!({"force": true}))
        .await;
    let (_, none) = front.get("/breakers").await;
    let typed = front.post(&path("open"), json!({})).await;
    let opening = json!({"reason": "maintenance", "for_s": 600, "force": true});
    let opened = front.post(&path("open"), opening).await;
    let (_, open) = front.get("/breakers").await;
    let closed = front.post(&path("close"), json!({"reason": "done"})).await;
    let (_, after) = front.get("/breakers").await;

    assert_eq!((unknown, bad, typed.0), (404, 422, 404));
    assert_eq!(dry, (200, json!({"changed": true, "dry_run": true})));
    assert_eq!(none["data"], json!([]));
    assert_eq!(none["rules"]["suspend_after_s"], json!(604_800.0));
    assert_eq!(
        (opened, closed.clone()),
        (closed, (200, json!({"changed": true})))
    );
    let row = &open["data"][0];
    assert_eq!(
        (&row["connection"], &row["state"], &row["reason"]),
        (
            &json!("soundtrack/default"),
            &json!("open"),
            &json!("maintenance")
        )
    );
    assert_eq!(row["forced_by"], "admin");
    assert_eq!(after["data"][0]["state"], "closed");
}

#[tokio::test]
async fn a_budget_is_listed_shown_and_changed_for_good() {
    let front = Front::start().await;
    let rule = engine::BudgetRule {
        key: "soundtrack/default".into(),
        capacity: 3_600.0,
        refill_per_s: 5.0,
        refill_ceiling_per_s: 50.0,
        start: engine::Start::Full,
    };
    front
        .client()
        .declare_budget(&rule)
        .await
        .expect("declared");
    let path = "/budgets/soundtrack%2Fdefault";
    let patch = async |body| {
        let ask = front.ask(Method::PATCH, path).json(&body);
        read(send(ask).await).await
    };

    let (_, before) = front.get("/budgets").await;
    let bad = patch(json!({"refill_per_s": 0})).await.0;
    let set = patch(json!({"refill_per_s": 20, "reason": "a new plan"})).await;
    let (_, after) = front.get(path).await;
    let unknown = front.get("/budgets/none").await.0;

    assert_eq!(before["data"][0]["tokens"], json!(3_600.0));
    assert_eq!((bad, unknown), (422, 404));
    assert_eq!(set, (200, json!({"changed": true})));
    assert_eq!(
        (&after["refill_per_s"], &after["source"]),
        (&json!(20.0), &json!("person"))
    );
}

#[tokio::test]
async fn workers_and_alerts_are_listed() {
    let front = Front::start().await;
    let worker = super::sync::work(&front);
    let id = worker.id().to_string();

    super::eventually("the worker is on record", async || {
        front.get("/workers").await.1["data"][0]["id"] == json!(id)
    })
    .await;
    let (_, workers) = front.get("/workers").await;
    let (status, alerts) = front.get("/alerts").await;
    worker.stop().await;

    assert_eq!(workers["data"][0]["alive"], true);
    assert_eq!((status, &alerts["data"]), (200, &json!([])));
}

#[tokio::test]
async fn what_syncs_leave_to_people_stands_among_the_alerts() {
    let front = Front::start().await;
    let sql = "insert into sync.held_sweep (run_id, stream, connection, cause, known, candidates) \
         values (42, 'zoho.products', 'zoho/1', 'held_large', 55, array['a', 'b'])";
    sqlx::query(sql)
        .execute(front.client().pool())
        .await
        .expect("a held sweep");

    let (status, alerts) = front.get("/alerts").await;

    let one = &alerts["data"][0];
    assert_eq!((status, &one["alert"]), (200, &json!("sweep_held")));
    assert_eq!(one["subject"], "zoho.products zoho/1");
    let message = one["message"].as_str().unwrap_or_default();
    assert!(message.contains("lockstep sweep show 42"), "{message}");
}

#[tokio::test]
async fn a_token_is_shown_once_listed_without_its_secret_and_revoked_at_once() {
    let front = Front::start().await;

    let (status, made) = front
        .post("/tokens", json!({"name": "ci", "scopes": ["jobs:read"]}))
        .await;
    let token = text(&made["token"]);
    let as_ci = || front.bare(Method::GET, "/api/v1/jobs").bearer_auth(&token);
    let before = send(as_ci()).await.status().as_u16();
    let (_, list) = front.get("/tokens").await;
    let revoked = send(front.ask(Method::DELETE, &format!("/tokens/{}", text(&made["id"]))))
        .await
        .status()
        .as_u16();
    let after = send(as_ci()).await.status().as_u16();
    let twice = send(front.ask(Method::DELETE, &format!("/tokens/{}", text(&made["id"]))))
        .await
        .status()
        .as_u16();

    assert_eq!(
        (status, before, revoked, after, twice),
        (201, 200, 204, 401, 404)
    );
    let secret = token.split('_').nth(2).expect("a secret");
    assert!(!list.to_string().contains(secret));
    let row = &list["data"][0];
    assert_eq!(
        (&row["name"], &row["scopes"], &row["created_by"]),
        (&json!("ci"), &json!(["jobs:read"]), &json!("admin"))
    );
    assert!(row["expires_at"].is_string(), "90 days unless said");
    assert!(row["last_used_at"].is_string());
    let stored: String = sqlx::query_scalar("select string_agg(t::text, '') from engine.token t")
        .fetch_one(front.database.pool())
        .await
        .expect("rows");
    assert!(!stored.contains(secret));
    let (_, audit) = front.get("/audit").await;
    assert!(!audit.to_string().contains(secret));
}

#[tokio::test]
async fn a_token_cannot_make_one_that_may_do_more() {
    let front = Front::start().await;
    let clerk = front.token(&["tokens:admin", "jobs:read"]).await;
    let ask = |scopes: &[&str]| {
        let body = json!({"name": "x", "scopes": scopes});
        send(
            front
                .bare(Method::POST, "/api/v1/tokens")
                .bearer_auth(&clerk)
                .json(&body),
        )
    };

    assert_eq!(ask(&["jobs:read"]).await.status().as_u16(), 201);
    for scopes in [&["admin"][..], &["jobs:read", "jobs:write"], &["nonsense"]] {
        assert_eq!(ask(scopes).await.status().as_u16(), 403, "{scopes:?}");
    }
    let bad = front
        .post("/tokens", json!({"name": "x", "scopes": ["nonsense"]}))
        .await;
    assert_eq!(bad.0, 422);
    assert_eq!(
        front
            .post("/tokens", json!({"name": "", "scopes": ["jobs:read"]}))
            .await
            .0,
        422
    );
    assert_eq!(
        front
            .post("/tokens", json!({"name": "x", "scopes": []}))
            .await
            .0,
        422
    );
    let long = json!({"name": "x", "scopes": ["jobs:read"], "expires_in_days": 4_000_000_000_u32});
    assert_eq!(front.post("/tokens", long).await.0, 422);
}

#[tokio::test]
async fn an_expired_token_opens_nothing() {
    let front = Front::start().await;
    let token = front.token(&["jobs:read"]).await;
    sqlx::query(
        "update engine.token set expires_at = now() - interval '1 second' where name = 'some'",
    )
    .execute(front.database.pool())
    .await
    .expect("expired");

    let response = send(front.bare(Method::GET, "/api/v1/jobs").bearer_auth(&token)).await;

    assert_eq!(response.status().as_u16(), 401);
}
