//! What handlers said, at the command line.

use engine::NewJob;
use engine::testing::Database;
use serde_json::json;
use uuid::Uuid;

use super::{database, ended, lockstep, redacted};

/// A completed job whose handler said four lines, of which two were not kept.
async fn talkative(database: &Database) -> Uuid {
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 42}));
    let id = job.id();
    database.client().enqueue(job).await.expect("a job");
    let sql = "with gone as (delete from engine.pending returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, started_at, outcome) \
         select shard, id, kind, queue, 'completed', priority, 1, 0, 0, max_attempts, now(), 'done' from gone; \
         insert into engine.attempt_log (shard, job_id, attempt, lines, left_out) \
         select 0, id, 1, jsonb_build_array( \
             jsonb_build_object('n', 1, 'ms', 0, 'level', 'INFO', 'target', 'jobs::flow', 'text', 'read a page'), \
             jsonb_build_object('n', 4, 'ms', 1, 'level', 'WARN', 'target', 'jobs::flow', 'text', 'the next is slow')), 2 \
         from engine.ended";
    sqlx::raw_sql(sql)
        .execute(database.pool())
        .await
        .expect("a log");
    id
}

#[tokio::test]
async fn logs_are_lines_for_people_and_documents_for_programs() {
    let _redacted = redacted();
    let database = database().await;
    let id = talkative(&database).await.to_string();

    let (code, lines, _) = ended(lockstep(&database, &["job", "logs", &id])).await;
    let (_, json, _) = ended(lockstep(&database, &["job", "logs", &id, "-o", "jsonl"])).await;
    let (_, show, next) = ended(lockstep(&database, &["job", "show", &id])).await;
    let (gone, _, _) = ended(lockstep(
        &database,
        &["job", "logs", &Uuid::now_v7().to_string()],
    ))
    .await;

    assert_eq!((code, gone), (0, 3));
    insta::assert_snapshot!("job_logs", format!("{lines}---\n{json}"));
    assert!(show.contains("WARN the next is slow"), "{show}");
    assert!(next.contains("All it said: lockstep job logs"), "{next}");
}

#[tokio::test]
async fn following_an_ended_job_shows_all_and_ends() {
    let database = database().await;
    let id = talkative(&database).await.to_string();

    let follow = ["job", "logs", &id, "--follow"];
    let (code, out, err) = ended(lockstep(&database, &follow)).await;

    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.matches("read a page").count(), 1, "{out}");
    assert_eq!(out.matches("2 lines left out").count(), 1, "{out}");
}
