//! The overview and rollups over HTTP.

use reqwest::Method;
use serde_json::json;

use super::{Front, read, send, text};

#[tokio::test]
async fn the_overview_counts_what_there_is() {
    let front = Front::start().await;
    front.enqueue(json!({"kind": "demo.a"})).await;
    let gone = front
        .enqueue(json!({"kind": "demo.a", "queue": "low"}))
        .await;
    let cancel = format!("/jobs/{gone}/cancel");
    front.post(&cancel, json!({"reason": "no"})).await;
    front
        .post("/kinds/demo.a/pause", json!({"reason": "a bug"}))
        .await;

    let (status, overview) = front.get("/overview").await;

    assert_eq!(status, 200, "{overview}");
    assert_eq!(overview["depths"][0]["available"], 1);
    assert_eq!(overview["hour"]["cancelled"], 1);
    assert_eq!(
        overview["totals"],
        json!([{"queue": "low", "kind": "demo.a", "state": "cancelled", "jobs": 1}])
    );
    assert_eq!(overview["minutes"].as_array().map(Vec::len), Some(60));
    assert_eq!(overview["workers_alive"], 0);
}

#[tokio::test]
async fn rollups_are_told_apart_as_asked_and_refused_with_advice() {
    let front = Front::start().await;
    let gone = front
        .enqueue(json!({"kind": "demo.a", "queue": "low"}))
        .await;
    front.post(&format!("/jobs/{gone}/cancel"), json!({})).await;

    let (status, found) = front.get("/rollups?step=1d&by=queue,state").await;

    assert_eq!(status, 200, "{found}");
    let row = &found["data"][0];
    assert_eq!(
        (&row["queue"], &row["state"], &row["cancelled"]),
        (&json!("low"), &json!("cancelled"), &json!(1))
    );
    assert!(row["kind"].is_null());
    for (path, status, why) in [
        (
            "/rollups?by=colour",
            400,
            "by: expected queue, kind, state or connection",
        ),
        ("/rollups?step=fast", 400, "step: expected a span"),
        ("/rollups?step=90s", 422, "step: expected whole minutes"),
        (
            "/rollups?from=2001-01-01T00:00:00Z&step=1h",
            422,
            "points are too many",
        ),
        (
            "/rollups?step=1m&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z",
            422,
            "kept for 7 days",
        ),
        ("/rollups?from=yesterday", 400, "from"),
    ] {
        let (got, problem) = front.get(path).await;
        assert_eq!(got, status, "{path}: {problem}");
        assert!(text(&problem["detail"]).contains(why), "{path}: {problem}");
    }
}

#[tokio::test]
async fn who_may_not_read_jobs_sees_no_overview() {
    let front = Front::start().await;
    let token = front.token(&["companies:read"]).await;

    for path in ["/api/v1/overview", "/api/v1/rollups"] {
        let (status, _) = read(send(front.bare(Method::GET, path).bearer_auth(&token)).await).await;
        assert_eq!(status, 403, "{path}");
    }
}
