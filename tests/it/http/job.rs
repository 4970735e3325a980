//! Jobs and dead letters over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Front, header, read, send, text};

#[tokio::test]
async fn an_enqueued_job_can_be_found_and_says_who_asked() {
    let front = Front::start().await;

    let order = json!({"kind": "demo.greet", "args": {"name": "Ann"}, "queue": "slow", "priority": 3, "tags": ["vip"],
        "delay_ms": 60_000, "max_attempts": 2, "timeout_ms": 1000, "partition_key": "p",
        "backoff": {"base_ms": 10, "factor": 2.0, "max_ms": 100}});
    let response = send(front.ask(Method::POST, "/jobs").json(&order)).await;
    let location = header(&response, "location").map(str::to_owned);
    let (status, made) = read(response).await;

    let id = text(&made["id"]);
    assert_eq!((status, &made["answer"]), (201, &json!("inserted")));
    assert_eq!(location, Some(format!("/api/v1/jobs/{id}")));
    let (_, job) = front.get(&format!("/jobs/{id}")).await;
    for (field, value) in [
        ("kind", json!("demo.greet")),
        ("args", json!({"name": "Ann"})),
        ("queue", json!("slow")),
        ("priority", json!(3)),
        ("tags", json!(["vip"])),
        ("label", json!("scheduled")),
        ("max_attempts", json!(2)),
        ("partition_key", json!("p")),
        ("asked_by", json!("admin")),
        ("attempts", json!([])),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
    let (_, audit) = front.get(&format!("/audit?target={id}")).await;
    assert_eq!(audit["data"][0]["action"], "job.enqueue");
    assert_eq!(
        (&audit["data"][0]["actor"], &audit["data"][0]["via"]),
        (&json!("admin"), &json!("http"))
    );
}

#[tokio::test]
async fn a_list_is_paged_to_its_end_and_each_job_comes_once() {
    let front = Front::start().await;
    for n in 0..5 {
        front
            .enqueue(json!({"kind": "demo.greet", "args": {"n": n}, "tags": ["five"]}))
            .await;
        front.enqueue(json!({"kind": "demo.other"})).await;
    }

    let (mut path, mut seen) = (
        "/jobs?kind=demo.greet&tag=five&limit=2".to_owned(),
        Vec::new(),
    );
    loop {
        let response = send(front.ask(Method::GET, &path)).await;
        let link = header(&response, "link").map(str::to_owned);
        let (_, page) = read(response).await;
        seen.extend(
            page["data"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|job| job["args"]["n"].clone()),
        );
        assert_eq!(page["page"]["has_more"], json!(link.is_some()));
        let Some(link) = link else { break };
        let next = link
            .strip_prefix("</api/v1")
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        path = next.expect("a link").to_owned();
    }

    assert_eq!(seen, [4, 3, 2, 1, 0].map(|n| json!(n)));
}

#[tokio::test]
async fn a_cursor_serves_its_own_list_only() {
    let front = Front::start().await;
    for _ in 0..2 {
        front.enqueue(json!({"kind": "demo.greet"})).await;
    }
    let (_, page) = front.get("/jobs?kind=demo.greet&limit=1").await;
    let cursor = text(&page["page"]["next"]);

    let (status, problem) = front
        .get(&format!("/jobs?kind=demo.other&cursor={cursor}"))
        .await;

    assert_eq!((status, &problem["code"]), (400, &json!("cursor_mismatch")));
}

#[tokio::test]
async fn a_job_is_cancelled_retried_run_again_and_deleted() {
    let front = Front::start().await;
    let id = front
        .enqueue(json!({"kind": "demo.greet", "args": {"name": "Ann"}}))
        .await;

    let cancelled = front
        .post(&format!("/jobs/{id}/cancel"), json!({"reason": "not now"}))
        .await;
    let retried = read(send(front.ask(Method::POST, &format!("/jobs/{id}/retry"))).await).await;
    let (again, copy) = front
        .post(
            &format!("/jobs/{id}/run-again"),
            json!({"args": {"name": "Bo"}}),
        )
        .await;
    let live = read(send(front.ask(Method::DELETE, &format!("/jobs/{id}"))).await).await;
    front.post(&format!("/jobs/{id}/cancel"), json!({})).await;
    let deleted = read(send(front.ask(Method::DELETE, &format!("/jobs/{id}"))).await).await;

    assert_eq!(cancelled, (200, json!({"id": id, "state": "cancelled"})));
    assert_eq!(retried, (200, json!({"id": id, "state": "available"})));
    assert_eq!(again, 201);
    let (_, copy) = front.get(&format!("/jobs/{}", text(&copy["id"]))).await;
    assert_eq!(
        (&copy["args"]["name"], &copy["replayed_from"]),
        (&json!("Bo"), &json!(id))
    );
    assert_eq!((live.0, &live.1["code"]), (409, &json!("wrong_state")));
    assert_eq!(deleted, (204, Value::Null));
    assert_eq!(front.get(&format!("/jobs/{id}")).await.0, 404);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let front = Front::start().await;
    let id = front.enqueue(json!({"kind": "demo.greet"})).await;
    let (_, audit) = front.get("/audit").await;
    let before = audit["data"].as_array().map(Vec::len);

    let enqueue = front
        .post("/jobs?dry_run=true", json!({"kind": "demo.greet"}))
        .await;
    let batch = front
        .post(
            "/jobs:batch?dry_run=true",
            json!({"jobs": [{"kind": "demo.greet"}, {"kind": ""}]}),
        )
        .await;
    let cancel = front
        .post(&format!("/jobs/{id}/cancel?dry_run=true"), json!({}))
        .await;
    let again = front
        .post(&format!("/jobs/{id}/run-again?dry_run=true"), json!({}))
        .await;
    let delete =
        read(send(front.ask(Method::DELETE, &format!("/jobs/{id}?dry_run=true"))).await).await;
    let pause = front
        .post("/queues/default/pause?dry_run=true", json!({}))
        .await;

    assert_eq!(
        (enqueue.0, &enqueue.1["answer"], &enqueue.1["dry_run"]),
        (200, &json!("inserted"), &json!(true))
    );
    assert_eq!(
        (batch.0, &batch.1["inserted"], &batch.1["refused"]),
        (200, &json!(1), &json!(1))
    );
    assert_eq!(
        cancel,
        (
            200,
            json!({"id": id, "state": "cancelled", "dry_run": true})
        )
    );
    assert_eq!(again.0, 200);
    assert_eq!(delete.0, 409);
    assert_eq!(pause, (200, json!({"changed": true, "dry_run": true})));
    let (_, jobs) = front.get("/jobs").await;
    assert_eq!(jobs["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(jobs["data"][0]["state"], "available");
    let (_, audit) = front.get("/audit").await;
    assert_eq!(audit["data"].as_array().map(Vec::len), before);
}

#[tokio::test]
async fn an_idempotency_key_gives_one_job_and_refuses_another_request() {
    let front = Front::start().await;
    let ask = |key: &'static str, n: i32| {
        let order = json!({"kind": "demo.greet", "args": {"n": n}});
        send(
            front
                .ask(Method::POST, "/jobs")
                .header("Idempotency-Key", key)
                .json(&order),
        )
    };

    let first = ask("\"k-1\"", 1).await;
    let second = ask("k-1", 1).await;
    let other = ask("k-1", 2).await;

    assert_eq!(
        (
            first.status().as_u16(),
            header(&first, "idempotency-replayed")
        ),
        (201, None)
    );
    assert_eq!(
        (
            second.status().as_u16(),
            header(&second, "idempotency-replayed")
        ),
        (200, Some("true"))
    );
    let (first, second, other) = (read(first).await.1, read(second).await.1, read(other).await);
    assert_eq!(first["id"], second["id"]);
    assert_eq!(
        (other.0, &other.1["code"]),
        (422, &json!("idempotency_mismatch"))
    );
    assert_eq!(
        other.1["related"],
        json!(format!("/api/v1/jobs/{}", text(&first["id"])))
    );
}

#[tokio::test]
async fn a_client_made_id_sent_twice_gives_one_job() {
    let front = Front::start().await;
    let order = json!({"kind": "demo.greet", "id": Uuid::now_v7()});

    let first = front.post("/jobs", order.clone()).await;
    let second = front.post("/jobs", order).await;

    assert_eq!((first.0, &first.1["answer"]), (201, &json!("inserted")));
    assert_eq!((second.0, &second.1["answer"]), (200, &json!("existing")));
    assert_eq!(first.1["id"], second.1["id"]);
}

#[tokio::test]
async fn a_twin_of_a_unique_key_stands_for_both() {
    let front = Front::start().await;
    let order = json!({"kind": "demo.greet", "unique": {"key": "one"}});

    let first = front.post("/jobs", order.clone()).await;
    let second = front.post("/jobs", order).await;

    assert_eq!((second.0, &second.1["answer"]), (200, &json!("kept")));
    assert_eq!(first.1["id"], second.1["id"]);
}

#[tokio::test]
async fn a_batch_answers_for_each_job_and_enqueues_the_good_ones() {
    let front = Front::start().await;
    let used = json!({"kind": "demo.greet", "args": {"n": 0}, "idempotency_key": "used"});
    front.enqueue(used).await;

    let jobs = json!([
        {"kind": "demo.greet", "args": {"n": 1}},
        {"kind": "", "tags": [""]},
        {"kind": "demo.greet", "args": {"n": 2}, "idempotency_key": "used"},
        {"kind": "demo.greet", "args": {"n": 3}, "unique": {"key": "u"}},
        {"kind": "demo.greet", "args": {"n": 4}, "unique": {"key": "u"}},
    ]);
    let (status, answer) = front.post("/jobs:batch", json!({"jobs": jobs})).await;

    assert_eq!(status, 200, "{answer}");
    let data = answer["data"].as_array().expect("items");
    let said: Vec<_> = data
        .iter()
        .map(|item| item["job"]["answer"].as_str().unwrap_or("refused"))
        .collect();
    assert_eq!(said, ["inserted", "refused", "refused", "inserted", "kept"]);
    assert_eq!(
        (&answer["inserted"], &answer["refused"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(data[1]["errors"][0]["pointer"], "/kind");
    assert_eq!(data[2]["errors"][0]["code"], "idempotency_mismatch");
    assert_eq!(data[3]["job"]["id"], data[4]["job"]["id"]);
}

#[tokio::test]
async fn a_batch_holds_a_thousand_jobs_and_not_one_more() {
    let front = Front::start().await;
    let jobs = |count: usize| json!({"jobs": vec![json!({"kind": "demo.greet"}); count]});

    let (most, answer) = front.post("/jobs:batch", jobs(1000)).await;
    let (more, _) = front.post("/jobs:batch", jobs(1001)).await;
    let (none, _) = front.post("/jobs:batch", jobs(0)).await;

    assert_eq!((most, &answer["inserted"]), (200, &json!(1000)));
    assert_eq!((more, none), (422, 422));
}

#[tokio::test]
async fn a_batch_sent_twice_with_one_key_gives_each_job_once() {
    let front = Front::start().await;
    let body = json!({"jobs": [{"kind": "demo.greet"}, {"kind": "demo.greet"}]});
    let ask = || {
        send(
            front
                .ask(Method::POST, "/jobs:batch")
                .header("Idempotency-Key", "night")
                .json(&body),
        )
    };

    let (_, first) = read(ask().await).await;
    let (_, second) = read(ask().await).await;

    assert_eq!(
        (&first["inserted"], &second["inserted"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        first["data"][1]["job"]["id"],
        second["data"][1]["job"]["id"]
    );
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_with_its_reason_and_replayed() {
    let front = Front::start().await;
    let alive = front.enqueue(json!({"kind": "demo.other"})).await;
    let id = front
        .enqueue(json!({"kind": "soundtrack.sync_zones", "args": {"company_id": 666}}))
        .await;
    let worker = super::sync::work(&front);
    front
        .client()
        .wait(id.parse().expect("an id"), super::PATIENCE)
        .await
        .expect("its end");
    worker.stop().await;

    let (_, list) = front.get("/dead-letters").await;
    let (_, dead) = front.get(&format!("/dead-letters/{id}")).await;
    let others = front.get("/dead-letters?state=completed").await;
    let no_letter = front.get(&format!("/dead-letters/{alive}")).await;
    let replayed = front
        .post(&format!("/dead-letters/{id}/replay"), json!({}))
        .await;

    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["data"][0]["id"], json!(id));
    assert_eq!(dead["attempts"].as_array().map(Vec::len), Some(1));
    assert!(text(&dead["error"]).contains("refused"), "{dead}");
    assert_eq!((others.0, no_letter.0), (400, 404));
    assert_eq!(replayed, (200, json!({"id": id, "state": "available"})));
}

#[tokio::test]
async fn a_kind_that_nobody_runs_is_refused_with_what_was_meant_unless_it_is_wanted() {
    let front = Front::start().await;
    let slip = json!({"kind": "soundtrack.sync_zone", "args": {"company_id": 1}});
    let wanted = json!({"kind": "soundtrack.sync_zone", "unknown_kind": true});
    // One that another program's worker has registered.
    let other = json!({"kind": "demo.greet"});

    let (one, problem) = front.post("/jobs", slip.clone()).await;
    let (dry, _) = front.post("/jobs?dry_run=true", slip.clone()).await;
    let list = json!({"jobs": [other, slip, wanted]});
    let (some, answer) = front.post("/jobs:batch", list.clone()).await;
    let (chain, of_chain) = front.post("/chains", list).await;
    let (taken, _) = front.post("/jobs", wanted).await;

    let flaw = &problem["errors"][0];
    assert_eq!((one, dry), (422, 422), "{problem}");
    assert_eq!(
        (&flaw["pointer"], &flaw["code"]),
        (&json!("/kind"), &json!("unknown_kind"))
    );
    let said = text(&problem["detail"]);
    assert!(
        said.contains("did you mean `soundtrack.sync_zones`?"),
        "{said}"
    );
    assert_eq!(
        (some, &answer["inserted"], &answer["refused"]),
        (200, &json!(2), &json!(1)),
        "{answer}"
    );
    assert_eq!(answer["data"][1]["errors"][0]["code"], "unknown_kind");
    assert_eq!(chain, 422);
    assert_eq!(of_chain["errors"][0]["pointer"], "/jobs/1/kind");
    assert_eq!(taken, 201);
}
