//! What handlers said, over HTTP.

use engine::LogOptions;
use serde_json::{Value, json};

use super::{Front, eventually, text};
use crate::talk::{Talker, said, talk};

#[tokio::test]
async fn what_each_attempt_said_is_listed_with_what_was_left_out() {
    let front = Front::start().await;
    let id = front.enqueue(json!({"kind": "demo.a"})).await;
    let sql = "insert into engine.attempt_log (shard, job_id, attempt, lines, left_out) \
         select 0, id, attempt, jsonb_build_array( \
             jsonb_build_object('n', 1, 'ms', 0, 'level', 'INFO', 'target', 'jobs', 'text', 'begun'), \
             jsonb_build_object('n', 9, 'ms', 1500, 'level', 'WARN', 'target', 'jobs', 'text', 'slow')), 7 \
         from engine.job, generate_series(1, 7) attempt";
    sqlx::raw_sql(sql)
        .execute(front.database.pool())
        .await
        .expect("logs");

    let (status, logs) = front.get(&format!("/jobs/{id}/logs")).await;
    let (_, one) = front.get(&format!("/jobs/{id}/logs?attempt=2")).await;
    let (missing, _) = front
        .get("/jobs/01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88/logs")
        .await;

    assert_eq!(status, 200, "{logs}");
    let attempts: Vec<_> = logs["data"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|log| log["attempt"].clone())
        .collect();
    assert_eq!(attempts, [3, 4, 5, 6, 7].map(|n| json!(n)), "the last five");
    let log = &one["data"][0];
    assert_eq!((&log["attempt"], &log["left_out"]), (&json!(2), &json!(7)));
    assert_eq!(text(&log["lines"][1]["text"]), "slow");
    let at = |n: usize| {
        text(&log["lines"][n]["at"])
            .parse::<jiff::Timestamp>()
            .expect("an instant")
    };
    assert_eq!(at(1).duration_since(at(0)).as_millis(), 1_500);
    assert_eq!(missing, 404);
}

#[tokio::test]
async fn what_a_handler_says_comes_without_secrets_and_capped_attempt_by_attempt() {
    let front = Front::start().await;
    let options = LogOptions {
        max_lines: 2,
        ..LogOptions::default()
    };
    let talker = Talker::start(&front.database, options).await;
    let secret = "asking with Bearer canary-4eC39HqLyjWDarjtT1zdp7dc for canary@example.com";
    let id = said(&front.database, talker, talk(&[secret, "2", "3"], 1)).await;

    let (_, all) = front.get(&format!("/jobs/{id}/logs")).await;
    let (_, second) = front.get(&format!("/jobs/{id}/logs?attempt=2")).await;
    let (none, nothing) = front.get(&format!("/jobs/{id}/logs?attempt=9")).await;

    assert!(!all.to_string().contains("canary"), "{all}");
    let told = |log: &Value| {
        let lines = log["lines"].as_array().expect("lines");
        let texts: Vec<_> = lines.iter().map(|line| line["text"].clone()).collect();
        json!([log["attempt"], log["left_out"], texts[1]])
    };
    let logs: Vec<Value> = all["data"]
        .as_array()
        .expect("logs")
        .iter()
        .map(told)
        .collect();
    assert_eq!(json!(logs), json!([[1, 1, "try 1: 3"], [2, 1, "try 2: 3"]]));
    assert_eq!(second["data"], json!([all["data"][1]]));
    assert_eq!((none, &nothing["data"]), (200, &json!([])));
}

#[tokio::test]
async fn a_running_attempt_is_heard_while_it_runs() {
    let front = Front::start().await;
    let talker = Talker::start(&front.database, LogOptions::default()).await;
    let job = talk(&["begun...", "half way...", "done"], 0);
    let path = format!("/jobs/{}/logs", job.id());
    front.client().enqueue(job).await.expect("a job");

    for line in ["try 1: begun...", "try 1: half way..."] {
        eventually(line, async || {
            let (_, logs) = front.get(&path).await;
            let lines = logs["data"][0]["lines"].as_array();
            lines
                .and_then(|lines| Some(lines.last()?["text"] == line))
                .unwrap_or(false)
        })
        .await;
        talker.go_on();
    }
    talker.stop().await;
}

#[tokio::test]
async fn an_attempt_that_cannot_be_is_refused_with_advice() {
    let front = Front::start().await;
    let id = front.enqueue(json!({"kind": "demo.a"})).await;

    for attempt in ["0", "-1", "two", "99999999999"] {
        let (status, problem) = front
            .get(&format!("/jobs/{id}/logs?attempt={attempt}"))
            .await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_parameter")),
            "{problem}"
        );
        assert!(text(&problem["detail"]).contains("attempt"), "{problem}");
    }
    let token = front.token(&["companies:read"]).await;
    let request = front.bare(reqwest::Method::GET, &format!("/api/v1/jobs/{id}/logs"));
    let (status, _) = super::read(super::send(request.bearer_auth(token)).await).await;
    assert_eq!(status, 403);
}
