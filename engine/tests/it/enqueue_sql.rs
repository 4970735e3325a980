//! The front door for SQL users: `select * from engine.enqueue(…)`.

use engine::State;
use engine::testing::{Database, run_worker};

use crate::support::*;

#[tokio::test]
async fn sql_users_enqueue_with_one_select() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());

    let (id, answer): (uuid::Uuid, String) = sqlx::query_as(
        "select * from engine.enqueue('test.act', '{\"name\": \"sql\"}', priority => 3, tags => '{a,b}', max_attempts => 4)",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();

    assert_eq!(answer, "inserted");
    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.priority, job.max_attempts),
        (State::Completed, 3, 4)
    );
    assert_eq!(job.tags, ["a", "b"]);
    assert!(job.asked_by.unwrap().starts_with("sql:"));
    worker.stop().await;
}

#[tokio::test]
async fn sql_users_are_told_what_is_wrong() {
    let db = Database::new().await;
    sqlx::query("select engine.enqueue('a.b', '{}', idempotency_key => 'k')")
        .execute(db.pool())
        .await
        .unwrap();
    let cases = [
        (
            "select engine.enqueue('a.b', (repeat('[', 65) || repeat(']', 65))::jsonb)",
            "deeper than 64",
        ),
        (
            "select engine.enqueue('a.b', to_jsonb(repeat('x', 262144)))",
            "262144 bytes",
        ),
        (
            "select engine.enqueue('a.b', run_at => '9999-01-01Z')",
            "before 9999-01-01",
        ),
        (
            "select engine.enqueue('a.b', run_at => 'infinity')",
            "before 9999-01-01",
        ),
        (
            "select engine.enqueue('a.b', delay => '200000 years')",
            "at most 1000 years",
        ),
        (
            "select engine.enqueue('a.b', unique_key => 'k', unique_scope => 'ever')",
            "expected queued",
        ),
        (
            "select engine.enqueue('a.b', unique_key => 'k', twin => 'fight')",
            "expected keep",
        ),
        (
            "select engine.enqueue('a.b', unique_key => 'k', unique_scope => 'period')",
            "unique_period",
        ),
        (
            "select engine.enqueue('a.b', unique_key => 'k', idempotency_key => 'l')",
            "not both",
        ),
        (
            "select engine.enqueue('a.b', '{\"other\": 1}', idempotency_key => 'k')",
            "with another request",
        ),
        (
            "select engine.enqueue('a.b', max_attempts => 0)",
            "max_attempts_positive",
        ),
        ("select engine.enqueue('')", "kind_bounded"),
    ];

    for (sql, words) in cases {
        let refused = sqlx::query(sql).execute(db.pool()).await.expect_err(sql);

        assert!(refused.to_string().contains(words), "{sql}: {refused}");
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
}

#[tokio::test]
async fn args_of_64_levels_are_taken_in_sql_too() {
    let db = Database::new().await;

    let taken =
        sqlx::query("select engine.enqueue('a.b', (repeat('[', 64) || repeat(']', 64))::jsonb)")
            .execute(db.pool())
            .await;

    assert!(taken.is_ok(), "{taken:?}");
}
