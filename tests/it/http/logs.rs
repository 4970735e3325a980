//! What handlers said, over HTTP.

use serde_json::json;

use super::{Front, text};

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
