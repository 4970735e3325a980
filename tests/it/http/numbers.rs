//! Numbers: what is sent is what the handler gets, or it is refused with its place.

use engine::testing::run_worker;
use engine::{Cx, Failure, Job, Outcome, Registry, WorkerOptions};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Front, read, send, text};

/// Answers with the numbers it was given.
#[derive(Serialize, Deserialize)]
struct Echo {
    doubles: Vec<f64>,
    largest: u64,
    smallest: i64,
}

impl Job for Echo {
    const KIND: &'static str = "demo.echo";
    type Env = ();
    type Error = Failure;

    async fn run(self, _: Cx<()>) -> Result<Outcome, Failure> {
        Ok(Outcome::done_with(&self)?)
    }
}

#[tokio::test]
async fn the_outermost_numbers_reach_the_handler_as_they_were_sent() {
    let front = Front::start().await;
    let worker = run_worker(
        front.client(),
        Registry::new().with::<Echo>(()),
        WorkerOptions::default(),
    );
    let args = json!({
        "doubles": [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1, 1e22, 1e300, 9_007_199_254_740_993.0, -1.5],
        "largest": u64::MAX,
        "smallest": i64::MIN,
    });

    let id = front
        .enqueue(json!({"kind": Echo::KIND, "args": args, "unknown_kind": true}))
        .await;
    let state = front
        .client()
        .wait(id.parse().expect("an id"), super::PATIENCE)
        .await;
    worker.stop().await;

    let (_, job) = front.get(&format!("/jobs/{id}")).await;
    assert_eq!(state.expect("its end"), engine::State::Completed, "{job}");
    let sent: Echo = serde_json::from_value(args).expect("the args");
    for (what, got) in [("args", &job["args"]), ("result", &job["result"])] {
        let got: Echo = serde_json::from_value(got.clone()).expect(what);
        assert_eq!(got.doubles, sent.doubles, "{what}");
        assert_eq!((got.largest, got.smallest), (u64::MAX, i64::MIN), "{what}");
    }
}

#[tokio::test]
async fn a_whole_number_beyond_64_bits_is_refused_with_its_place_and_what_to_do() {
    let front = Front::start().await;
    let id = front.enqueue(json!({"kind": "demo.greet"})).await;
    let table = [
        (
            "/jobs".to_owned(),
            r#"{"kind": "a.b", "args": {"ids": [1, 18446744073709551616]}}"#,
            "/args/ids/1",
        ),
        (
            "/jobs".to_owned(),
            r#"{"kind": "a.b", "args": {"n": -9223372036854775809}}"#,
            "/args/n",
        ),
        (
            "/jobs:batch".to_owned(),
            r#"{"jobs": [{"kind": "a.b"}, {"kind": "a.b", "args": 99999999999999999999}]}"#,
            "/jobs/1/args",
        ),
        (
            format!("/jobs/{id}/run-again"),
            r#"{"args": {"a/b": 99999999999999999999}}"#,
            "/args/a~1b",
        ),
    ];

    for (path, body, pointer) in table {
        let request = front
            .ask(Method::POST, &path)
            .header("Content-Type", "application/json");
        let (status, problem) = read(send(request.body(body)).await).await;

        assert_eq!(status, 422, "{body}: {problem}");
        let flaw = &problem["errors"][0];
        assert_eq!(flaw["pointer"], pointer, "{body}");
        assert!(
            text(&flaw["message"]).contains("send it as a string"),
            "{flaw}"
        );
    }
    let (_, jobs) = front.get("/jobs").await;
    assert_eq!(
        jobs["data"].as_array().map(Vec::len),
        Some(1),
        "nothing was enqueued"
    );
}

#[tokio::test]
async fn a_number_beyond_a_double_is_refused() {
    let front = Front::start().await;
    let request = front
        .ask(Method::POST, "/jobs")
        .header("Content-Type", "application/json");

    let body = r#"{"kind": "a.b", "args": {"x": 1.8e308}}"#;
    let (status, problem) = read(send(request.body(body)).await).await;

    assert_eq!((status, &problem["code"]), (400, &Value::from("bad_json")));
}
