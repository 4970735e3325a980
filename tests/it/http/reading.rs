//! Filters, groups of dead letters and why, over HTTP.

use serde_json::json;

use super::{Front, eventually, text};

#[tokio::test]
async fn a_filter_says_which_jobs_and_short_parameters_are_terms_of_it() {
    let front = Front::start().await;
    let args = json!({"company": {"id": 991}});
    let wanted = front
        .enqueue(json!({"kind": "demo.a", "args": args, "tags": ["vip"]}))
        .await;
    front
        .enqueue(json!({"kind": "demo.a", "tags": ["vip"]}))
        .await;
    front
        .enqueue(json!({"kind": "other.b", "args": args, "tags": ["vip"]}))
        .await;

    let (_, one) = front
        .get("/jobs?filter=kind:demo.*%20args.company.id:991%20tag:vip")
        .await;
    let (_, same) = front
        .get("/jobs?filter=args.company.id:991&kind=demo.*&tag=vip&state=available")
        .await;
    let (_, none) = front.get("/jobs?filter=-tag:vip").await;

    for list in [one, same] {
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(list["data"][0]["id"], json!(wanted));
    }
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_page_goes_on_under_its_own_filter_only() {
    let front = Front::start().await;
    for _ in 0..3 {
        front.enqueue(json!({"kind": "demo.a"})).await;
    }

    let (_, first) = front.get("/jobs?filter=kind:demo.a&limit=2").await;
    let cursor = text(&first["page"]["next"]);
    let (_, second) = front
        .get(&format!("/jobs?kind=demo.a&limit=2&cursor={cursor}"))
        .await;
    let (status, other) = front
        .get(&format!("/jobs?filter=kind:demo.b&cursor={cursor}"))
        .await;

    assert_eq!(second["data"].as_array().map(Vec::len), Some(1), "{second}");
    assert_eq!(second["page"]["has_more"], json!(false));
    assert_eq!(
        (status, text(&other["code"]).as_str()),
        (400, "cursor_mismatch")
    );
}

#[tokio::test]
async fn every_fault_of_a_filter_is_told_with_its_place() {
    let front = Front::start().await;

    let (status, problem) = front.get("/jobs?filter=stat:dead%20age:2h").await;

    assert_eq!(
        (status, text(&problem["code"]).as_str()),
        (400, "bad_filter")
    );
    let errors = problem["errors"].as_array().expect("errors");
    let places: Vec<_> = errors.iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(places, ["filter:0-4", "filter:13-14"]);
    assert!(text(&errors[0]["message"]).contains("did you mean `state`?"));
}

#[tokio::test]
async fn a_dead_letter_has_a_group_and_a_reason() {
    let front = Front::start().await;
    let id = front
        .enqueue(json!({"kind": "soundtrack.sync_zones", "args": {"company_id": 666}}))
        .await;
    let (_, before) = front.get(&format!("/jobs/{id}/why")).await;
    let worker = super::sync::work(&front);
    let client = front.client();
    client
        .wait(id.parse().expect("an id"), super::PATIENCE)
        .await
        .expect("its end");
    eventually("it is in a group", async || {
        front.get("/dead-letters/groups").await.1["data"] != json!([])
    })
    .await;
    worker.stop().await;

    let (status, groups) = front.get("/dead-letters/groups").await;
    let group = &groups["data"][0];
    let fingerprint = text(&group["fingerprint"]);
    let (_, letters) = front
        .get(&format!("/dead-letters?filter=fingerprint:{fingerprint}"))
        .await;
    let (_, why) = front.get(&format!("/jobs/{id}/why")).await;
    let (nobody, _) = front
        .get("/jobs/01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88/why")
        .await;

    assert_eq!(
        before["causes"][0]["cause"],
        json!("no_worker_for_queue"),
        "{before}"
    );
    assert_eq!(
        (status, &group["dead"], &group["sample_job_id"]),
        (200, &json!(1), &json!(id))
    );
    assert_eq!(letters["data"][0]["id"], json!(id));
    let cause = &why["causes"][0];
    assert_eq!(
        (text(&cause["cause"]).as_str(), text(&why["label"]).as_str()),
        ("dead", "dead")
    );
    assert_eq!(cause["facts"]["fingerprint"], json!(fingerprint));
    assert!(text(&cause["next"]).contains("job retry"), "{cause}");
    assert_eq!(nobody, 404);
}
