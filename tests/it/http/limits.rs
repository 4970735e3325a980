//! Limits: size, time and number; and that work once begun is never cut in two.

use std::time::Duration;

use lockstep::http::FrontOptions;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Front, eventually, header, read, send};

#[tokio::test]
async fn a_body_too_large_is_refused_and_a_batch_may_be_larger() {
    let options = FrontOptions {
        body_limit: 1000,
        bulk_body_limit: 10_000,
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;
    let order = json!({"kind": "demo.greet", "args": {"text": "x".repeat(2000)}});

    let (one, problem) = front.post("/jobs", order.clone()).await;
    let (batch, _) = front.post("/jobs:batch", json!({"jobs": [order]})).await;
    let (huge, _) = front
        .post(
            "/jobs:batch",
            json!({"jobs": [{"kind": "a.b", "args": "x".repeat(20_000)}]}),
        )
        .await;

    assert_eq!((one, &problem["code"]), (413, &json!("too_large")));
    assert_eq!((batch, huge), (200, 413));
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let options = FrontOptions {
        body_time: Duration::from_millis(50),
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;

    let answer = raw(
        &front,
        &format!("{}Content-Length: 100\r\n\r\n{{\"kind\"", head(&front)),
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_head_that_trickles_is_given_up() {
    let options = FrontOptions {
        header_time: Duration::from_millis(50),
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;

    let answer = raw(&front, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;

    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert_eq!(
        send(front.bare(Method::GET, "/livez"))
            .await
            .status()
            .as_u16(),
        200
    );
}

#[tokio::test]
async fn a_head_with_too_many_headers_is_refused() {
    let front = Front::start().await;
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();

    let answer = raw(
        &front,
        &format!("GET /livez HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_request_too_many_is_turned_away_and_health_still_answers() {
    let options = FrontOptions {
        concurrency: 1,
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;
    // A sync that nobody runs: it waits, and holds the only place.
    let waiting = tokio::spawn(front.ask(Method::POST, "/zones/sync-all/").send());

    eventually("turned away", async || front.get("/jobs").await.0 == 503).await;
    let response = send(front.ask(Method::GET, "/jobs")).await;
    let live = send(front.bare(Method::GET, "/readyz"))
        .await
        .status()
        .as_u16();

    assert_eq!(header(&response, "retry-after"), Some("1"));
    assert_eq!(read(response).await.1["code"], "overloaded");
    assert_eq!(live, 200);
    waiting.abort();
}

#[tokio::test]
async fn an_answer_that_takes_too_long_lets_the_caller_go_and_the_work_on() {
    let options = FrontOptions {
        request_time: Duration::from_millis(50),
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;
    let mut lock = front.database.pool().begin().await.expect("a transaction");
    sqlx::query("lock table engine.job in access exclusive mode")
        .execute(&mut *lock)
        .await
        .expect("a lock");

    let (status, problem) = front.post("/jobs", json!({"kind": "demo.greet"})).await;
    lock.rollback().await.expect("unlocked");

    assert_eq!((status, &problem["code"]), (504, &json!("timed_out")));
    eventually("the job is there", async || jobs(&front).await == 1).await;
}

async fn insert_waits(front: &Front) -> bool {
    sqlx::query_scalar(
        "select exists ( \
             select from pg_locks where not granted and relation = 'engine.job'::regclass \
             and database = (select oid from pg_database where datname = current_database()) \
         )",
    )
    .fetch_one(front.database.pool())
    .await
    .expect("locks")
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_cut_a_change_in_two() {
    let front = Front::start().await;
    let mut lock = front.database.pool().begin().await.expect("a transaction");
    sqlx::query("lock table engine.job in access exclusive mode")
        .execute(&mut *lock)
        .await
        .expect("a lock");

    let body = "{\"kind\": \"demo.greet\"}";
    let mut stream = TcpStream::connect(front.address)
        .await
        .expect("a connection");
    let request = format!(
        "{}Content-Length: {}\r\n\r\n{body}",
        head(&front),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    eventually("the insert waits for the lock", async || {
        insert_waits(&front).await
    })
    .await;
    drop(stream);
    lock.rollback().await.expect("unlocked");

    eventually("the job is there", async || jobs(&front).await == 1).await;
    eventually("and noted", async || {
        let noted: i64 =
            sqlx::query_scalar("select count(*) from engine.audit where action = 'job.enqueue'")
                .fetch_one(front.database.pool())
                .await
                .expect("rows");
        noted == 1
    })
    .await;
}

#[tokio::test]
async fn a_stop_waits_for_the_request_in_work() {
    let front = Front::start().await;
    let mut lock = front.database.pool().begin().await.expect("a transaction");
    sqlx::query("lock table engine.job in access exclusive mode")
        .execute(&mut *lock)
        .await
        .expect("a lock");
    let asked = tokio::spawn(
        front
            .ask(Method::POST, "/jobs")
            .json(&json!({"kind": "demo.greet"}))
            .send(),
    );
    eventually("the insert waits for the lock", async || {
        insert_waits(&front).await
    })
    .await;

    front.stop.cancel();
    lock.rollback().await.expect("unlocked");

    let answer = asked.await.expect("asked").expect("an answer");
    assert_eq!(answer.status().as_u16(), 201);
    front.stop().await;
}

async fn jobs(front: &Front) -> i64 {
    sqlx::query_scalar("select count(*) from engine.job")
        .fetch_one(front.database.pool())
        .await
        .expect("a count")
}

/// The head of an enqueue, without the end of the headers.
fn head(front: &Front) -> String {
    format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        front.admin
    )
}

/// Sends bytes as they are and reads until the server hangs up or has answered.
async fn raw(front: &Front, bytes: &str) -> String {
    let mut stream = TcpStream::connect(front.address)
        .await
        .expect("a connection");
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(super::PATIENCE, stream.read(&mut answer))
        .await
        .expect("in time");
    String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned()
}

#[tokio::test]
async fn an_order_without_its_connection_is_told_what_its_kind_wants() {
    let front = Front::start().await;
    limit_per_connection(&front.database).await;
    let order = |more: serde_json::Value| {
        let mut order = json!({"kind": "demo.greet"});
        let fields = order.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        order
    };
    let own = json!({"rate_keys": ["zoho/1"], "partition_key": "p"});

    let (none, why_none) = front.post("/jobs", order(json!({}))).await;
    let (dry, _) = front.post("/jobs?dry_run=true", order(json!({}))).await;
    let (two, why_two) = front.post("/jobs", order(own)).await;
    let (good, job) = front
        .post("/jobs", order(json!({"rate_keys": ["zoho/1"]})))
        .await;

    assert_eq!((none, dry, two, good), (422, 422, 422, 201), "{why_none}");
    for (problem, words) in [
        (why_none, "give the job a rate key"),
        (why_two, "leave it out"),
    ] {
        let said = problem["detail"].as_str().expect("a detail");
        assert!(
            said.contains(words) && said.contains("demo.greet"),
            "{problem}"
        );
    }
    let (_, job) = front
        .get(&format!("/jobs/{}", job["id"].as_str().expect("an id")))
        .await;
    assert_eq!(job["partition_key"], "zoho/1");
    let kinds = front.get("/kinds").await.1;
    let mut rows = kinds["data"].as_array().expect("rows").iter();
    let kind = rows.find(|kind| kind["name"] == "demo.greet");
    let limits = &kind.expect("the kind")["policy"]["limits"];
    assert_eq!(limits["connection"], json!({"running": 2}), "{kinds}");
    assert_eq!(limits["partition"]["running"], json!(null));
}

/// As a worker would have registered it.
async fn limit_per_connection(database: &engine::testing::Database) {
    sqlx::query(
        "update engine.kind set partition_running = 2, by_connection = true where name = 'demo.greet'",
    )
    .execute(database.pool())
    .await
    .expect("a kind");
}
