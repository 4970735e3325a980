//! Flows, batches, chains and partitions over HTTP.

use engine::State;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Front, header, read, send, text};
use crate::cli::flows::{blocked, comes_to, waiting, work};

async fn count(front: &Front, sql: &'static str) -> i64 {
    let counted = sqlx::query_scalar(sql).fetch_one(front.database.pool());
    counted.await.expect("a number")
}

#[tokio::test]
async fn a_flow_tells_how_far_it_is_and_goes_on_when_it_is_told() {
    let front = Front::start().await;
    let worker = work(front.client());
    let id = waiting(front.client(), 0).await;
    let path = format!("/jobs/{id}/signals/approved");
    let body = json!({"payload": {"by": "ann"}});

    let (_, flow) = front.get(&format!("/jobs/{id}/flow")).await;
    let (_, steps) = front.get(&format!("/jobs/{id}/steps?limit=1")).await;
    let (_, whole) = front.get(&format!("/jobs/{id}/steps?results=true")).await;
    let strange = front
        .get(&format!("/jobs/{}/steps", uuid::Uuid::nil()))
        .await;
    let dry = front
        .post(&format!("{path}?dry_run=true"), body.clone())
        .await;
    let sent = front.post(&path, body).await;
    comes_to(front.client(), id, State::Completed).await;
    worker.stop().await;
    let late = read(send(front.ask(Method::POST, &path)).await).await;

    let waits = text(&flow["waits_for"]);
    assert!(
        waits.starts_with("a signal named approved until 20"),
        "{waits}"
    );
    assert_eq!(
        (
            &flow["progress"]["message"],
            &flow["steps"][0]["name"],
            &flow["batches"]
        ),
        (&json!("reading page 4"), &json!("plan"), &json!([]))
    );
    assert_eq!(steps["data"][0]["name"], "plan");
    assert!(steps["data"][0].get("result").is_none(), "{steps}");
    assert!(whole["data"][0].get("result").is_some(), "{whole}");
    assert_eq!(strange.0, 404);
    let told = json!({"id": id, "name": "approved", "answer": "sent"});
    let mut would = told.clone();
    would["dry_run"] = json!(true);
    assert_eq!((dry, sent), ((200, would), (200, told)));
    assert_eq!((late.0, &late.1["code"]), (409, &json!("wrong_state")));
    let (_, job) = front.get(&format!("/jobs/{id}")).await;
    assert_eq!(job["result"], json!({"by": "ann"}));
    let (_, audit) = front.get(&format!("/audit?target={id}")).await;
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1), "{audit}");
    assert_eq!(audit["data"][0]["detail"]["signal"], "approved");
}

#[tokio::test]
async fn a_signal_that_cannot_be_kept_is_refused() {
    let front = Front::start().await;
    let id = front.enqueue(json!({"kind": "demo.nobody"})).await;
    let large = json!({"payload": "x".repeat(300_000)});

    let first = front
        .post(&format!("/jobs/{id}/signals/a"), json!({}))
        .await;
    let second = front
        .post(&format!("/jobs/{id}/signals/a"), json!({}))
        .await;
    let long = front
        .post(
            &format!("/jobs/{id}/signals/{}", "n".repeat(101)),
            json!({}),
        )
        .await;
    let large = front.post(&format!("/jobs/{id}/signals/b"), large).await;
    let nobody = front
        .post(&format!("/jobs/{}/signals/a", Uuid::now_v7()), json!({}))
        .await;
    let flow = front.get(&format!("/jobs/{}/flow", Uuid::now_v7())).await;

    assert_eq!((first.0, &second.1["answer"]), (200, &json!("already")));
    assert_eq!((long.0, large.0, nobody.0, flow.0), (422, 422, 404, 404));
}

#[tokio::test]
async fn a_batch_is_there_once_and_its_finaliser_waits_for_all_of_it() {
    let front = Front::start().await;
    let last = Uuid::now_v7();
    let part = json!({"kind": "demo.part", "args": {"n": 1}});
    let order = json!({"jobs": [part, part], "finaliser": {"kind": "demo.sum", "id": last}});

    let dry = front.post("/batches?dry_run=true", order.clone()).await;
    let nothing = count(&front, "select count(*) from engine.job").await;
    let response = send(front.ask(Method::POST, "/batches").json(&order)).await;
    let location = header(&response, "location").map(str::to_owned);
    let (status, made) = read(response).await;
    let again = front.post("/batches", order).await;

    assert_eq!((dry.0, &dry.1["total"], nothing), (200, &json!(2), 0));
    assert_eq!((status, &made["pending"]), (201, &json!(2)), "{made}");
    assert_eq!(location, Some(format!("/api/v1/jobs/{last}")));
    assert_eq!(again, (200, made));
    assert_eq!(count(&front, "select count(*) from engine.job").await, 3);
    let (_, flow) = front.get(&format!("/jobs/{last}/flow")).await;
    assert_eq!(flow["waits_for"], "2 of 2 jobs of its batch");
    let (_, parts) = front.get(&format!("/jobs?parent_id={last}")).await;
    assert_eq!(parts["data"].as_array().map(Vec::len), Some(2));
    let (_, audit) = front.get(&format!("/audit?target={last}")).await;
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1), "{audit}");
    assert_eq!(audit["data"][0]["action"], "batch.enqueue");
}

#[tokio::test]
async fn a_chain_is_there_once_and_each_job_waits_for_the_one_before() {
    let front = Front::start().await;
    let ids = [(); 3].map(|()| Uuid::now_v7());
    let jobs = ids.map(|id| json!({"kind": "demo.link", "id": id}));
    let order = json!({"jobs": jobs});

    let dry = front.post("/chains?dry_run=true", order.clone()).await;
    let nothing = count(&front, "select count(*) from engine.job").await;
    let made = front.post("/chains", order.clone()).await;
    let again = front.post("/chains", order).await;

    assert_eq!((dry.0, nothing), (200, 0));
    assert_eq!((made.0, again.0), (201, 200));
    let answered = |answer: &Value| -> Vec<String> {
        let data = answer["data"].as_array().expect("rows").iter();
        data.map(|one| text(&one["id"])).collect()
    };
    assert_eq!(answered(&made.1), ids.map(|id| id.to_string()));
    assert_eq!(answered(&again.1), answered(&made.1));
    let (_, flow) = front.get(&format!("/jobs/{}/flow", ids[1])).await;
    assert_eq!(flow["waits_for"], "the job before it in its chain");
    let (_, audit) = front.get(&format!("/audit?target={}", ids[0])).await;
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1), "{audit}");
}

#[tokio::test]
async fn what_is_wrong_with_a_batch_or_chain_is_told_with_its_place_and_nothing_is_enqueued() {
    let front = Front::start().await;
    let good = json!({"kind": "demo.part"});
    let taken = json!({"kind": "demo.part", "unique": {"key": "one"}});
    front.enqueue(taken.clone()).await;
    let bad = json!({"kind": "", "idempotency_key": "k"});
    let timed = json!({"kind": "demo.sum", "delay_ms": 1000, "max_attempts": 0});
    let table = [
        (
            "/batches",
            json!({"jobs": [good, bad], "finaliser": timed}),
            vec![
                "/jobs/1/idempotency_key",
                "/jobs/1/kind",
                "/finaliser/run_at",
                "/finaliser/max_attempts",
            ],
        ),
        (
            "/batches",
            json!({"jobs": [], "finaliser": good}),
            vec!["/jobs"],
        ),
        (
            "/chains",
            json!({"jobs": [good, timed]}),
            vec!["/jobs/1/run_at", "/jobs/1/max_attempts"],
        ),
        (
            "/chains",
            json!({"jobs": vec![good.clone(); 101]}),
            vec!["/jobs"],
        ),
        ("/chains", json!({"jobs": [good, taken]}), vec![]),
        (
            "/batches",
            json!({"jobs": [good], "finaliser": taken}),
            vec![],
        ),
        (
            "/chains",
            json!({"jobs": [{"kind": "a.b", "args": {"n": 1}, "extra": 1}]}),
            vec!["/jobs/0/extra"],
        ),
    ];

    for (path, order, places) in table {
        let (status, problem) = front.post(path, order.clone()).await;

        assert_eq!(status, 422, "{path} {order}: {problem}");
        let told = problem["errors"].as_array().cloned().unwrap_or_default();
        let told: Vec<String> = told.iter().map(|flaw| text(&flaw["pointer"])).collect();
        assert_eq!(told, places, "{path} {order}");
    }
    let large = front
        .ask(Method::POST, "/batches")
        .header("Content-Type", "application/json");
    let large = large.body(r#"{"jobs": [{"kind": "a.b", "args": {"n": 18446744073709551616}}], "finaliser": {"kind": "a.b"}}"#);
    let (status, problem) = read(send(large).await).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/jobs/0/args/n"))
    );
    let keyed = front
        .ask(Method::POST, "/chains")
        .header("Idempotency-Key", "k");
    let keyed = send(keyed.json(&json!({"jobs": [good]}))).await;
    assert_eq!(keyed.status().as_u16(), 400);
    assert_eq!(count(&front, "select count(*) from engine.job").await, 1);
    assert_eq!(count(&front, "select count(*) from engine.batch").await, 0);
}

#[tokio::test]
async fn a_partition_that_is_held_up_is_listed_and_skipped_with_a_reason() {
    let front = Front::start().await;
    let worker = work(front.client());
    let [dead, next] = blocked(front.client(), "a/b 42").await;
    let path = "/partitions/a%2Fb%2042/skip";
    let why = json!({"reason": "the contact is gone"});

    let (_, held) = front.get("/partitions/blocked").await;
    let without = front.post(path, json!({})).await;
    let dry = front
        .post(&format!("{path}?dry_run=true"), why.clone())
        .await;
    let still = front.get("/partitions/blocked").await.1;
    let skipped = front.post(path, why.clone()).await;
    comes_to(front.client(), next, State::Completed).await;
    worker.stop().await;
    let gone = front.post(path, why).await;

    let row = &held["data"][0];
    assert_eq!(
        (
            &row["partition_key"],
            &row["job_id"],
            &row["kind"],
            &row["waiting"]
        ),
        (
            &json!("a/b 42"),
            &json!(dead),
            &json!("demo.doomed"),
            &json!(1)
        )
    );
    assert_eq!(
        (without.0, &without.1["errors"][0]["pointer"]),
        (422, &json!("/reason"))
    );
    let answer = json!({"partition_key": "a/b 42", "job_id": dead});
    let mut would = answer.clone();
    would["dry_run"] = json!(true);
    assert_eq!((dry, still, skipped), ((200, would), held, (200, answer)));
    assert_eq!(gone.0, 404);
    let (_, audit) = front.get("/audit?target=a/b%2042").await;
    assert_eq!(audit["data"][0]["detail"]["reason"], "the contact is gone");
}
