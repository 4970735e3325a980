//! The front door for SQL users: `select * from engine.enqueue(…)`.

use engine::testing::{Database, run_worker};
use engine::{Failure, Outcome, State};

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
        (
            "select engine.enqueue('a.b', partition_key => '')",
            "partition_key: expected 1 to 200 bytes",
        ),
        (
            "select engine.enqueue('a.b', rate_keys => array['a', ''])",
            "rate_keys: expected 1 to 200 bytes",
        ),
        (
            "select engine.enqueue('a.b', rate_keys => array[e'a\\nb'])",
            "without control characters",
        ),
        (
            "select engine.enqueue('a.b', rate_keys => array['a', null])",
            "one of them is null",
        ),
        (
            "select engine.enqueue('a.b', timeout => '0')",
            "timeout: expected more than nothing",
        ),
        (
            "select engine.enqueue('a.b', timeout => '8 days')",
            "at most 7 days",
        ),
        (
            "select engine.enqueue('a.b', trace_context => 'mine')",
            "expected a W3C traceparent",
        ),
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

/// What a worker could not read would fail its claim, and with it those it is claimed with.
#[tokio::test]
async fn a_backoff_that_no_worker_could_read_is_refused() {
    let db = Database::new().await;
    for backoff in [
        "null",
        "[]",
        "7",
        "{}",
        r#"{"base_ms": 10, "factor": 2}"#,
        r#"{"base_ms": 10, "factor": 2, "max_ms": null}"#,
        r#"{"base_ms": 10, "factor": 0.5, "max_ms": 100}"#,
        r#"{"base_ms": 10, "factor": 1e9, "max_ms": 100}"#,
        r#"{"base_ms": 10.0, "factor": 2, "max_ms": 100}"#,
        r#"{"base_ms": -10, "factor": 2, "max_ms": 100}"#,
        r#"{"base_ms": "10", "factor": 2, "max_ms": 100}"#,
        r#"{"base_ms": 10, "factor": "2", "max_ms": 100}"#,
        r#"{"base_ms": 10, "factor": 2, "max_ms": 99999999999}"#,
        r#"{"base_ms": 10, "factor": 2, "max_ms": 100, "jitter": true}"#,
    ] {
        let refused = sqlx::query("select engine.enqueue('a.b', backoff => $1::jsonb)")
            .bind(backoff)
            .execute(db.pool())
            .await
            .expect_err(backoff);

        let text = refused.to_string();
        assert!(text.contains("backoff: expected {"), "{backoff}: {text}");
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 0);
}

#[tokio::test]
async fn what_sql_users_say_of_a_job_holds_for_its_attempts() {
    let db = Database::new().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let registry = playing(move |_, cx| async move {
        assert_eq!(cx.trace_context(), Some(traceparent));
        if cx.failed() == 0 {
            // At its timeout, which is the kind's five minutes unless said.
            cx.stopped().await;
            return Err(Failure::new("x", "out of time"));
        }
        Ok(Outcome::done())
    });
    let worker = run_worker(db.client(), registry, quick());

    let id: uuid::Uuid = sqlx::query_scalar(
        "select id from engine.enqueue('test.act', '{\"name\": \"sql\"}', timeout => '100 ms', trace_context => $1, \
             backoff => '{\"base_ms\": 1, \"factor\": 1.5, \"max_ms\": 1}')",
    )
    .bind(traceparent)
    .fetch_one(db.pool())
    .await
    .unwrap();

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.failed), (State::Completed, 1), "{job:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_sql_enqueued_is_held_by_the_breaker_of_its_connection() {
    let db = Database::new().await;
    let client = db.client();
    let worker = run_worker(client, done(), quick());
    client
        .open_breaker("zoho/1", None, Some("maintenance"), &somebody())
        .await
        .unwrap();

    let enqueue = |keys: &'static str| {
        let sql = format!(
            "select id from engine.enqueue('test.act', '{{\"name\": \"sql\"}}', rate_keys => '{keys}')"
        );
        let pool = db.pool().clone();
        async move {
            sqlx::query_scalar::<_, uuid::Uuid>(sqlx::AssertSqlSafe(sql))
                .fetch_one(&pool)
                .await
                .unwrap()
        }
    };
    let held = enqueue("{zoho/1,calls}").await;
    let free = enqueue("{zoho/2}").await;

    assert_eq!(ended(client, free).await.state, State::Completed);
    until_count(
        &db,
        "it is put off",
        "select count(*) from engine.put_off",
        1,
    )
    .await;
    assert_eq!(job(client, held).await.state, State::Available);
    client
        .close_breaker("zoho/1", Some("done"), &somebody())
        .await
        .unwrap();
    assert_eq!(ended(client, held).await.state, State::Completed);
    worker.stop().await;
}
