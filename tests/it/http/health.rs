//! Health and metrics: what orchestrators, load balancers and scrapers ask.

use std::time::Duration;

use lockstep::http::{self, FrontOptions};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Front, eventually, header, read, send};

#[tokio::test]
async fn health_needs_no_token() {
    let front = Front::start().await;

    assert_eq!(
        read(send(front.bare(Method::GET, "/livez")).await).await,
        (200, json!("ok\n"))
    );
    assert_eq!(
        read(send(front.bare(Method::GET, "/healthz")).await).await,
        (200, json!({"status": "ready"}))
    );
    let verbose = read(send(front.bare(Method::GET, "/readyz?verbose")).await).await;
    assert_eq!(
        verbose,
        (
            200,
            json!({"status": "ready", "checks": {"serving": "ok", "database": "ok"}})
        )
    );
}

#[tokio::test]
async fn a_migration_that_is_pending_is_not_ready() {
    let front = Front::start().await;
    sqlx::query("delete from sync._migration where version = 1")
        .execute(front.database.pool())
        .await
        .expect("sql");

    let (status, body) = read(send(front.bare(Method::GET, "/readyz?verbose")).await).await;

    assert_eq!(
        (status, &body["checks"]["database"]),
        (503, &json!("migrations are pending"))
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_the_process_lives() {
    let front = Front::start().await;
    front.client().close().await;

    let api = send(front.ask(Method::GET, "/jobs")).await;
    let sync = send(front.ask(Method::POST, "/zones/sync-all/")).await;
    let ready = send(front.bare(Method::GET, "/readyz"))
        .await
        .status()
        .as_u16();
    let live = send(front.bare(Method::GET, "/livez"))
        .await
        .status()
        .as_u16();

    assert_eq!(header(&api, "retry-after"), Some("5"));
    let (status, problem) = read(api).await;
    assert_eq!(
        (status, &problem["code"], &problem["retryable"]),
        (503, &json!("unavailable"), &json!(true))
    );
    assert_eq!(
        (sync.status().as_u16(), header(&sync, "retry-after")),
        (503, Some("5"))
    );
    assert_eq!((ready, live), (503, 200));
}

#[tokio::test]
async fn a_server_that_drains_says_so_before_it_leaves() {
    let options = FrontOptions {
        drain: Duration::from_secs(60),
        ..FrontOptions::default()
    };
    let front = Front::start_with(options).await;

    front.stop.cancel();

    eventually("not ready", async || {
        send(front.bare(Method::GET, "/readyz"))
            .await
            .status()
            .as_u16()
            == 503
    })
    .await;
    let (_, body) = read(send(front.bare(Method::GET, "/readyz?verbose")).await).await;
    assert_eq!(body["checks"]["serving"], "draining");
    assert_eq!(
        front.get("/jobs").await.0,
        200,
        "callers that still come are served"
    );
    front.task.abort();
}

#[tokio::test]
async fn metrics_hold_what_the_process_counted_and_what_the_database_knows() {
    let front = Front::start().await;
    let handle = http::install_recorder().expect("the first recorder of the process");
    front
        .enqueue(json!({"kind": "demo.greet", "queue": "slow"}))
        .await;
    let held = "insert into sync.held_sweep (run_id, stream, connection, cause, known, candidates) \
         values (42, 'zoho.products', 'zoho/1', 'held_large', 55, array['a', 'b'])";
    sqlx::query(held)
        .execute(front.client().pool())
        .await
        .expect("a held sweep");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!(
        "http://{}/metrics",
        listener.local_addr().expect("its address")
    );
    let stop = CancellationToken::new();
    let task = tokio::spawn(http::serve_metrics(
        listener,
        handle,
        front.client().clone(),
        stop.clone(),
    ));

    let text = front
        .http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    stop.cancel();
    task.await.expect("metrics task").expect("metrics");

    for line in [
        "lockstep_queue_depth{queue=\"slow\",state=\"available\"} 1",
        "lockstep_workers_alive 0",
        "lockstep_database_up 1",
        "lockstep_alerts{alert=\"sweep_held\"} 1",
        "http_server_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/jobs\",status=\"201\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
