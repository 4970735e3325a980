//! What an enqueue can say, and what it answers.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Answer, Backoff, Error, MAX_ARGS_BYTES, NewJob, Outcome, Policy, Registry, State, Twin,
    UniqueScope, When,
};
use serde_json::{Value, json};
use sqlx::postgres::PgListener;

use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn ten_thousand_jobs_go_in_one_call_and_answer_in_their_order() {
    let db = Database::new().await;
    let jobs: Vec<NewJob> = (0..10_000).map(|n| act(&n.to_string())).collect();

    let answers = db.client().enqueue_all(&jobs).await.unwrap();

    assert!(
        answers
            .iter()
            .zip(&jobs)
            .all(|(one, job)| one.id == job.id() && one.answer == Answer::Inserted)
    );
    assert_eq!(
        number(&db, "select count(*) from engine.pending where due").await,
        10_000
    );
}

#[tokio::test]
async fn a_job_exists_if_and_only_if_its_callers_transaction_commits() {
    let db = Database::new().await;
    let (kept, lost) = (act("kept"), act("lost").idempotency_key("k", DAY));

    let mut tx = db.pool().begin().await.unwrap();
    db.client()
        .enqueue_in(&mut tx, std::slice::from_ref(&lost))
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.pool().begin().await.unwrap();
    db.client()
        .enqueue_in(&mut tx, std::slice::from_ref(&kept))
        .await
        .unwrap();
    let before = db.client().job(kept.id()).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(before, None);
    assert_eq!(db.client().job(lost.id()).await.unwrap(), None);
    assert_eq!(job(db.client(), kept.id()).await.state, State::Available);
    assert_eq!(number(&db, "select count(*) from engine.key").await, 0);
}

/// The statement that writes them tells of them: a statement of its own would be one more round trip.
#[tokio::test]
async fn a_transaction_that_enqueues_tells_workers_of_new_jobs_and_of_no_twins() {
    let db = Database::new().await;
    let mut listener = PgListener::connect_with(db.pool()).await.unwrap();
    listener.listen("engine_wake").await.unwrap();
    let keyed = |key: &str| act("x").unique(key, UniqueScope::Period(DAY), Twin::Keep);
    let later = || When::After(DAY);

    for jobs in [
        vec![act("x").queue("plain"), act("x").when(later())],
        vec![keyed("a").queue("keyed")],
        vec![keyed("a").queue("a twin's")],
        vec![keyed("b").when(later())],
        vec![keyed("c")],
    ] {
        let mut tx = db.pool().begin().await.unwrap();
        db.client().enqueue_in(&mut tx, &jobs).await.unwrap();
        tx.commit().await.unwrap();
    }

    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "*") {
        heard.push(listener.recv().await.unwrap().payload().to_owned());
    }
    heard[..2].sort_unstable();
    assert_eq!(heard, ["!", "plain", "keyed", "!", "*"]);
}

#[tokio::test]
async fn the_same_id_twice_is_one_job() {
    let db = Database::new().await;
    let (plain, keyed) = (act("plain"), act("keyed").idempotency_key("k", DAY));

    for job in [&plain, &keyed] {
        let first = db.client().enqueue(job.clone()).await.unwrap();
        let again = db.client().enqueue(job.clone()).await.unwrap();

        assert_eq!(
            (first.answer, again.answer),
            (Answer::Inserted, Answer::Existing)
        );
        assert_eq!((first.id, again.id), (job.id(), job.id()));
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 2);
}

#[tokio::test]
async fn the_same_id_twice_in_one_call_is_one_job() {
    let db = Database::new().await;
    let twice = act("twice");

    let answers = db
        .client()
        .enqueue_all(&[twice.clone(), twice.clone()])
        .await
        .unwrap();

    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
    let answers: Vec<Answer> = answers.into_iter().map(|one| one.answer).collect();
    assert_eq!(answers, [Answer::Inserted, Answer::Existing]);
}

#[tokio::test]
async fn twenty_callers_with_one_id_make_one_job() {
    let db = Database::new().await;
    let job = act("contended");

    let calls = (0..20).map(|_| db.client().enqueue(job.clone()));
    let answers = futures::future::join_all(calls).await;

    let inserted = answers
        .into_iter()
        .filter(|one| one.as_ref().unwrap().answer == Answer::Inserted);
    assert_eq!(inserted.count(), 1);
}

#[tokio::test]
async fn a_job_is_not_claimed_before_its_time() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let soon = act("soon").when(When::After(Duration::from_millis(400)));
    let far = act("far").when(When::At("2999-01-01T00:00:00Z".parse().unwrap()));
    let past = act("past").when(When::At("2001-01-01T00:00:00Z".parse().unwrap()));
    db.client()
        .enqueue_all(&[soon.clone(), far.clone(), past])
        .await
        .unwrap();

    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            notes.add(name);
            async { Ok(Outcome::done()) }
        }),
        quick(),
    );
    let soon = ended(db.client(), soon.id()).await;

    assert_eq!(noted.all(), ["past", "soon"]);
    assert!(soon.started_at.unwrap() >= soon.run_at, "{soon:?}");
    let far = job(db.client(), far.id()).await;
    assert_eq!((far.state, far.label), (State::Available, "scheduled"));
    worker.stop().await;
}

#[tokio::test]
async fn lower_priorities_run_first_and_equals_in_the_order_of_enqueue() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let jobs = [("c", 0), ("e", 9), ("d", 0), ("b", -1), ("a", -9)]
        .map(|(name, priority)| act(name).priority(priority));
    db.client().enqueue_all(&jobs).await.unwrap();

    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            notes.add(name);
            async { Ok(Outcome::done()) }
        }),
        slots(1),
    );
    noted.reach("e", 1).await;

    assert_eq!(noted.all(), ["a", "b", "c", "d", "e"]);
    worker.stop().await;
}

#[tokio::test]
async fn bad_input_is_an_answer_and_never_a_database_error() {
    let db = Database::new().await;
    let mut deep = json!(1);
    for _ in 0..65 {
        deep = json!([deep]);
    }
    let cases = [
        (
            "too large",
            NewJob::new("a.b", &json!("x".repeat(MAX_ARGS_BYTES))),
        ),
        ("too deep", NewJob::new("a.b", &deep)),
        ("NUL in args", NewJob::new("a.b", &json!({"a": "\0"}))),
        ("no kind", NewJob::new("", &json!({}))),
        ("long kind", NewJob::new("k".repeat(101), &json!({}))),
        ("NUL in kind", NewJob::new("a.\0", &json!({}))),
        ("long queue", act("x").queue("q".repeat(101))),
        ("no queue", act("x").queue("")),
        ("no attempts", act("x").max_attempts(0)),
        ("1001 attempts", act("x").max_attempts(1_001)),
        ("long key", act("x").idempotency_key("k".repeat(201), DAY)),
        ("NUL in tag", act("x").tag("a\0b")),
        ("NUL in partition key", act("x").partition_key("a\0b")),
        ("NUL in rate key", act("x").rate_key("a\0b")),
        ("NUL in asked_by", act("x").asked_by("a\0b")),
        ("NUL in trace context", act("x").trace_context("a\0b")),
    ];

    for (case, job) in cases {
        let refused = db.client().enqueue(job).await;

        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{case}: {refused:?}"
        );
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 0);
}

#[tokio::test]
async fn args_within_the_bounds_are_taken_whatever_their_shape() {
    let db = Database::new().await;
    let most = MAX_ARGS_BYTES;
    let cases = [
        ("one long string", json!("x".repeat(most - 2))),
        ("many small numbers", json!(vec![1; most / 2 - 1])),
        ("many empty objects", json!(vec![json!({}); most / 3 - 1])),
        ("escapes", json!("\n\"\\".repeat(most / 6 - 1))),
        ("a literal \\u0000", json!({"path": "C:\\u0000"})),
        (
            "extreme numbers",
            json!([1e300, f64::MIN_POSITIVE, i64::MIN, u64::MAX]),
        ),
        ("nothing", Value::Null),
    ];

    for (case, args) in cases {
        let taken = db.client().enqueue(NewJob::new("a.b", &args)).await;

        let taken = taken.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_eq!(job(db.client(), taken.id).await.args, args, "{case}");
    }
}

#[tokio::test]
async fn what_an_enqueue_does_not_say_comes_from_its_kind() {
    let db = Database::new().await;
    let mut registry: Registry = done();
    let policy = Policy {
        queue: "slow".into(),
        priority: 7,
        max_attempts: 3,
        timeout: Duration::from_secs(5),
        backoff: Backoff {
            base_ms: 1,
            factor: 1.0,
            max_ms: 1,
        },
        limits: engine::Limits::default(),
        retention: engine::KindRetention::default(),
    };
    assert!(registry.set_policy("test.act", policy));
    run_worker(db.client(), registry, slots(1)).stop().await;

    let silent = db.client().enqueue(act("silent")).await.unwrap().id;
    let keyed = db
        .client()
        .enqueue(act("keyed").idempotency_key("k", DAY))
        .await
        .unwrap()
        .id;
    let loud = act("loud").queue("fast").priority(1).max_attempts(9);
    let loud = db.client().enqueue(loud).await.unwrap().id;
    let sql = number_of_policy(
        &db,
        "select id from engine.enqueue('test.act', '{\"name\": \"sql\"}')",
    )
    .await;

    for id in [silent, keyed, sql] {
        let job = job(db.client(), id).await;
        assert_eq!(
            (job.queue.as_str(), job.priority, job.max_attempts),
            ("slow", 7, 3),
            "{:?}",
            job.args
        );
    }
    let loud = job(db.client(), loud).await;
    assert_eq!(
        (loud.queue.as_str(), loud.priority, loud.max_attempts),
        ("fast", 1, 9)
    );
}

async fn number_of_policy(db: &Database, sql: &'static str) -> uuid::Uuid {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
}

#[tokio::test]
async fn what_an_enqueue_says_is_kept() {
    let db = Database::new().await;
    let parent = uuid::Uuid::now_v7();
    let rich = |job: NewJob| {
        job.tag("vip")
            .tag("north")
            .partition_key("company:7")
            .rate_key("remote")
            .parent(parent)
            .trace_context("00-1-2-01")
            .asked_by("ada")
            .timeout(Duration::from_millis(1_234))
    };

    for job in [
        rich(act("plain")),
        rich(act("keyed").idempotency_key("k", DAY)),
    ] {
        let id = db.client().enqueue(job).await.unwrap().id;

        let job = crate::support::job(db.client(), id).await;
        assert_eq!(job.tags, ["vip", "north"]);
        assert_eq!(job.partition_key.as_deref(), Some("company:7"));
        assert_eq!(job.parent_id, Some(parent));
        assert_eq!(job.asked_by.as_deref(), Some("ada"));
        let (trace, timeout, rates): (Option<String>, Option<i64>, Option<Vec<String>>) =
            sqlx::query_as(
                "select trace_context, timeout_ms, rate_keys from engine.job where id = $1",
            )
            .bind(id)
            .fetch_one(db.pool())
            .await
            .unwrap();
        assert_eq!(
            (trace.as_deref(), timeout),
            (Some("00-1-2-01"), Some(1_234))
        );
        assert_eq!(rates.unwrap(), ["remote"]);
    }
}

#[tokio::test]
async fn an_idempotency_key_outlives_its_job() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());
    let first = db
        .client()
        .enqueue(act("pay").idempotency_key("invoice 7", DAY))
        .await
        .unwrap();
    ended(db.client(), first.id).await;

    let again = db
        .client()
        .enqueue(act("pay").idempotency_key("invoice 7", DAY))
        .await
        .unwrap();
    let other = db
        .client()
        .enqueue(act("pay more").idempotency_key("invoice 7", DAY))
        .await;

    assert_eq!((again.id, again.answer), (first.id, Answer::Existing));
    assert!(
        matches!(other, Err(Error::IdempotencyMismatch { twin, .. }) if twin == first.id),
        "{other:?}"
    );
    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn an_expired_idempotency_key_is_as_good_as_none() {
    let db = Database::new().await;
    let first = db
        .client()
        .enqueue(act("one").idempotency_key("k", DAY))
        .await
        .unwrap();
    assert_eq!(
        meddle(
            &db,
            "update engine.key set expires_at = now() - interval '1 second'"
        )
        .await,
        1
    );

    let second = db
        .client()
        .enqueue(act("another").idempotency_key("k", DAY))
        .await
        .unwrap();
    let third = db
        .client()
        .enqueue(act("another").idempotency_key("k", DAY))
        .await
        .unwrap();

    assert_ne!(first.id, second.id);
    assert_eq!(
        (second.answer, third.answer),
        (Answer::Inserted, Answer::Existing)
    );
    assert_eq!(third.id, second.id);
}

#[tokio::test]
async fn a_mismatch_in_a_bulk_leaves_nothing_behind() {
    let db = Database::new().await;
    db.client()
        .enqueue(act("one").idempotency_key("k", DAY))
        .await
        .unwrap();
    let bulk = [
        act("plain"),
        act("fine").idempotency_key("l", DAY),
        act("other").idempotency_key("k", DAY),
    ];

    let refused = db.client().enqueue_all(&bulk).await;

    assert!(
        matches!(refused, Err(Error::IdempotencyMismatch { .. })),
        "{refused:?}"
    );
    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
    assert_eq!(number(&db, "select count(*) from engine.key").await, 1);
}

#[tokio::test]
async fn a_number_that_only_postgres_can_hold_hides_no_job() {
    let db = Database::new().await;
    sqlx::query("select engine.enqueue('a.b', '{\"n\": 1e400}')")
        .execute(db.pool())
        .await
        .unwrap();
    let other = db.client().enqueue(act("other")).await.unwrap().id;

    let page = db.client().jobs(engine::JobQuery::default()).await.unwrap();

    assert_eq!(page.data.len(), 2);
    assert_eq!(page.data[0].id, other);
    assert!(page.data[1].args.to_string().contains("1000000"), "as text");
}

#[tokio::test]
async fn a_time_that_no_reader_could_hold_is_refused_before_it_is_sent() {
    let db = Database::new().await;
    let at = |text: &str| {
        act("x")
            .when(When::At(text.parse().unwrap()))
            .priority(i16::MAX)
    };

    for bad in [
        "9999-01-01T00:00:00Z",
        "9999-12-30T22:00:00Z",
        "1969-12-31T23:59:59Z",
    ] {
        let refused = db.client().enqueue(at(bad)).await.unwrap_err().to_string();
        assert!(
            refused.contains("run_at") && refused.contains("before 9999-01-01"),
            "{refused}"
        );
    }
    let last = db
        .client()
        .enqueue(at("9998-12-31T23:59:59Z"))
        .await
        .unwrap();
    let longest = act("x").when(When::After(Duration::MAX));
    let longest = db.client().enqueue(longest).await.unwrap();

    for one in [last, longest] {
        assert_eq!(job(db.client(), one.id).await.label, "scheduled");
    }
}
