//! Acts on many jobs over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Front, header, read, send, text};

/// Cancelled jobs that can be retried.
async fn cancelled(front: &Front, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let id = front
            .enqueue(json!({"kind": "demo.greet", "args": {"n": n}}))
            .await;
        let (status, _) = front.post(&format!("/jobs/{id}/cancel"), json!({})).await;
        assert_eq!(status, 200);
        ids.push(id);
    }
    ids
}

fn retry() -> Value {
    json!({"act": "retry", "filter": "kind:demo.greet", "reason": "mended"})
}

async fn drain(front: &Front, id: &str) {
    let id: Uuid = id.parse().expect("an id");
    while front.client().advance_bulk(id).await.expect("a chunk") {}
}

#[tokio::test]
async fn an_act_is_previewed_made_done_and_shown() {
    let front = Front::start().await;
    cancelled(&front, 3).await;

    let (previewed, preview) = front.post("/bulk?dry_run=true", retry()).await;
    assert_eq!(front.get("/bulk").await.1["data"], json!([]));
    let answer = send(front.ask(Method::POST, "/bulk").json(&retry())).await;
    let location = header(&answer, "location").map(str::to_owned);
    let (status, made) = read(answer).await;
    let id = text(&made["id"]);
    drain(&front, &id).await;
    let (_, shown) = front.get(&format!("/bulk/{id}")).await;
    let (_, list) = front.get("/bulk?limit=1").await;
    let (_, audit) = front.get(&format!("/audit?target={id}")).await;

    assert_eq!(
        (previewed, &preview["matched"], &preview["dry_run"]),
        (200, &json!(3), &json!(true))
    );
    assert_eq!(
        preview["kinds"][0],
        json!({"kind": "demo.greet", "state": "cancelled", "jobs": 3})
    );
    assert_eq!(
        (status, location),
        (202, Some(format!("/api/v1/bulk/{id}")))
    );
    assert_eq!(
        (&made["state"], &made["matched"]),
        (&json!("planned"), &json!(3))
    );
    assert_eq!(
        (
            &shown["state"],
            &shown["done"],
            &shown["percent"],
            &shown["refusals"]
        ),
        (&json!("done"), &json!(3), &json!(100.0), &json!([]))
    );
    assert_eq!(list["data"][0]["id"], json!(id));
    let actions: Vec<_> = audit["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["action"])
        .collect();
    assert_eq!(actions, [&json!("bulk.done"), &json!("bulk.start")]);
    assert_eq!(audit["data"][1]["actor"], "admin");
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_act() {
    let front = Front::start().await;
    cancelled(&front, 1).await;
    let ask = async |body: Value| {
        let asked = front
            .ask(Method::POST, "/bulk")
            .header("Idempotency-Key", "once");
        let answer = send(asked.json(&body)).await;
        let replayed = header(&answer, "idempotency-replayed").map(str::to_owned);
        let (status, body) = read(answer).await;
        (status, replayed, body)
    };

    let first = ask(retry()).await;
    let second = ask(retry()).await;
    let other = ask(json!({"act": "cancel", "filter": "kind:demo.greet"})).await;

    assert_eq!((first.0, first.1, second.0), (202, None, 202));
    assert_eq!(
        (second.1.as_deref(), &second.2["id"]),
        (Some("true"), &first.2["id"])
    );
    assert_eq!(
        (other.0, &other.2["code"]),
        (422, &json!("idempotency_mismatch"))
    );
    assert_eq!(
        front.get("/bulk").await.1["data"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn an_act_is_aborted_and_resumed_where_that_is_legal() {
    let front = Front::start().await;
    cancelled(&front, 3).await;
    let order = json!({"act": "retry", "all": true, "chunk": 1, "canary": {"jobs": 2}});
    let (_, made) = front.post("/bulk", order).await;
    let path = format!("/bulk/{}", text(&made["id"]));
    let turn = async |verb: &str, query: &str| {
        let path = format!("{path}/{verb}{query}");
        front.post(&path, json!({"reason": "a look"})).await
    };

    assert_eq!(turn("resume", "").await.0, 409);
    assert_eq!(turn("resume", "?dry_run=true").await.0, 409);
    let dry = turn("abort", "?dry_run=true").await;
    assert_eq!((dry.0, &dry.1["state"]), (200, &json!("planned")));
    let aborted = turn("abort", "").await;
    assert_eq!((aborted.0, &aborted.1["state"]), (200, &json!("aborted")));
    assert_eq!(aborted.1["error"], "aborted by admin: a look");
    assert_eq!(turn("abort", "").await.1["code"], "wrong_state");
    let resumed = turn("resume", "").await;
    assert_eq!((resumed.0, &resumed.1["state"]), (200, &json!("planned")));
    assert_eq!(
        front
            .get("/bulk/01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")
            .await
            .0,
        404
    );

    drain(&front, &text(&made["id"])).await;
    let (_, shown) = front.get(&path).await;
    assert_eq!(
        (
            &shown["state"],
            &shown["done"],
            &shown["canary_jobs"],
            &shown["canary_wait_ms"]
        ),
        (&json!("waiting"), &json!(2), &json!(2), &json!(300_000))
    );
}

#[tokio::test]
async fn an_act_that_cannot_be_is_refused_with_its_place_and_nothing_is_made() {
    let front = Front::start().await;
    let table = [
        (json!({"act": "retry"}), 422, "/filter"),
        (
            json!({"act": "retry", "filter": "kind:a.b", "all": true}),
            422,
            "/filter",
        ),
        (
            json!({"act": "requeue", "all": true}),
            422,
            "expected one of retry",
        ),
        (
            json!({"act": "retry", "filter": "stat:dead"}),
            400,
            "did you mean `state`?",
        ),
        (
            json!({"act": "retry", "filter": "state:completed"}),
            422,
            "means none of these",
        ),
        (
            json!({"act": "retry", "all": true, "chunk": 0}),
            422,
            "chunk",
        ),
        (
            json!({"act": "retry", "all": true, "rate_per_s": 0}),
            422,
            "rate",
        ),
        (
            json!({"act": "cancel", "all": true, "canary": {}}),
            422,
            "canary",
        ),
        (
            json!({"act": "retry", "all": true, "canary": {"jobs": 2, "tolerate": 2}}),
            422,
            "tolerate",
        ),
        (
            json!({"act": "run_again", "all": true, "patch": {"a": "x\u{0}"}}),
            422,
            "NUL",
        ),
        (
            json!({"act": "retry", "all": true, "chunks": 5}),
            422,
            "chunks",
        ),
    ];
    for (body, expected, said) in table {
        for query in ["", "?dry_run=true"] {
            let (status, answer) = front.post(&format!("/bulk{query}"), body.clone()).await;

            assert_eq!(status, expected, "{body} {answer}");
            assert!(answer["detail"].to_string().contains(said), "{answer}");
        }
    }
    assert_eq!(front.get("/bulk").await.1["data"], json!([]));
}

#[tokio::test]
async fn whoever_may_only_read_begins_nothing() {
    let front = Front::start().await;
    let reader = front.token(&["jobs:read"]).await;
    let ask = async |method, path: &str| {
        let request = front.bare(method, path).bearer_auth(&reader);
        send(request.json(&json!({"act": "retry", "all": true})))
            .await
            .status()
            .as_u16()
    };

    let id = "01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";
    assert_eq!(ask(Method::GET, "/api/v1/bulk").await, 200);
    assert_eq!(ask(Method::POST, "/api/v1/bulk").await, 403);
    assert_eq!(
        ask(Method::POST, &format!("/api/v1/bulk/{id}/abort")).await,
        403
    );
    assert_eq!(
        ask(Method::POST, &format!("/api/v1/bulk/{id}/resume")).await,
        403
    );
}
