//! How an attempt ends, and what that means for its job.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Again, Failure, JobView, MAX_ERROR_BYTES, NewJob, Outcome, State};
use serde_json::json;
use uuid::Uuid;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

/// One answer of a handler, and what must become of a job of three attempts.
struct Case {
    name: &'static str,
    answer: fn() -> Answer,
    state: State,
    /// The outcome and code on the record of the attempt.
    record: (&'static str, Option<&'static str>),
    failed: i16,
    /// At least so long, and at most ten seconds more, until the next attempt.
    wait: Duration,
}

fn failure(again: Again) -> Answer {
    Err(Failure::new("boom", "it broke").again(again))
}

const CASES: &[Case] = &[
    Case {
        name: "done",
        answer: || Ok(Outcome::done()),
        state: State::Completed,
        record: ("done", None),
        failed: 0,
        wait: Duration::ZERO,
    },
    Case {
        name: "snooze",
        answer: || Ok(Outcome::Snooze(HOUR)),
        state: State::Available,
        record: ("snooze", None),
        failed: 0,
        wait: HOUR,
    },
    Case {
        name: "cancel",
        answer: || Ok(Outcome::Cancel("no".into())),
        state: State::Cancelled,
        record: ("cancel", Some("cancelled")),
        failed: 0,
        wait: Duration::ZERO,
    },
    Case {
        name: "dead",
        answer: || Ok(Outcome::Dead("no".into())),
        state: State::Dead,
        record: ("dead", Some("dead")),
        failed: 1,
        wait: Duration::ZERO,
    },
    Case {
        name: "after",
        answer: || failure(Again::After(HOUR)),
        state: State::Available,
        record: ("retry", Some("boom")),
        failed: 1,
        wait: HOUR,
    },
    Case {
        name: "never",
        answer: || failure(Again::Never),
        state: State::Dead,
        record: ("dead", Some("boom")),
        failed: 1,
        wait: Duration::ZERO,
    },
    Case {
        name: "uncounted",
        answer: || failure(Again::Uncounted(HOUR)),
        state: State::Available,
        record: ("snooze", Some("boom")),
        failed: 0,
        wait: HOUR,
    },
];

#[tokio::test]
async fn every_answer_has_its_state_its_record_and_its_wait() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|name, _| async move {
            (CASES.iter().find(|case| case.name == name).unwrap().answer)()
        }),
        quick(),
    );

    for case in CASES {
        let id = db
            .client()
            .enqueue(act(case.name).max_attempts(3))
            .await
            .unwrap()
            .id;
        until(case.name, || async { settled(&db, id).await }).await;

        let job = job(db.client(), id).await;
        let attempts = db.client().attempts(id).await.unwrap();
        assert_eq!(
            (job.state, job.failed, job.attempt),
            (case.state, case.failed, 1),
            "{}: {job:?}",
            case.name
        );
        assert_eq!(attempts.len(), 1, "{}: {attempts:?}", case.name);
        let record = &attempts[0];
        assert_eq!(
            (record.outcome.as_str(), record.code.as_deref()),
            case.record,
            "{}",
            case.name
        );
        assert_eq!(record.worker_id, Some(worker.id()), "{}", case.name);
        if case.state == State::Available {
            let wait =
                Duration::try_from(job.run_at.duration_since(record.ended_at.unwrap())).unwrap();
            assert!(
                wait >= case.wait && wait < case.wait + Duration::from_secs(10),
                "{}: {wait:?}",
                case.name
            );
        }
    }
    assert_each_job_is_in_one_place(&db).await;
    worker.stop().await;
}

/// True once some attempt has ended.
async fn settled(db: &Database, id: Uuid) -> bool {
    db.client()
        .attempts(id)
        .await
        .unwrap()
        .iter()
        .any(|attempt| attempt.ended_at.is_some())
}

#[tokio::test]
async fn a_result_comes_back_as_it_was_given() {
    let db = Database::new().await;
    let results = [
        json!({"zones": 12, "names": ["a", "ü", "😀"]}),
        json!(null),
        json!("C:\\u0000 is a path"),
        json!([1.5, -1, u64::MAX]),
    ];
    let answers = results.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            let result = answers[name.parse::<usize>().unwrap()].clone();
            async move { Ok(Outcome::Done(Some(result))) }
        }),
        quick(),
    );

    for (n, result) in results.iter().enumerate() {
        let id = db.client().enqueue(act(&n.to_string())).await.unwrap().id;

        let job = ended(db.client(), id).await;
        assert_eq!(job.result.unwrap_or_default(), *result);
    }
    worker.stop().await;
}

#[tokio::test]
async fn no_text_of_a_handler_keeps_its_end_from_being_written() {
    let db = Database::new().await;
    let texts = ["a\0b".to_owned(), "é".repeat(100_000), String::new()];
    let given = texts.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            let (how, n) = name.split_once(' ').unwrap();
            let (how, text) = (how.to_owned(), given[n.parse::<usize>().unwrap()].clone());
            async move {
                match how.as_str() {
                    "dead" => Ok(Outcome::Dead(text)),
                    "cancel" => Ok(Outcome::Cancel(text)),
                    "result" => Ok(Outcome::Done(Some(json!({ "text": text })))),
                    "message" => Err(Failure {
                        code: "x".into(),
                        message: text,
                        again: Again::Never,
                    }),
                    "code" => Err(Failure {
                        code: text,
                        message: "x".into(),
                        again: Again::Never,
                    }),
                    _ => panic!("{text}"),
                }
            }
        }),
        quick(),
    );

    for how in ["dead", "cancel", "result", "message", "code", "panic"] {
        for n in 0..texts.len() {
            let id = db
                .client()
                .enqueue(act(&format!("{how} {n}")).max_attempts(1))
                .await
                .unwrap()
                .id;

            let job = ended(db.client(), id).await;

            assert_eq!(
                (job.attempt, job.crashes),
                (1, 0),
                "{how} {n}: {:?}",
                job.code
            );
            assert!(
                job.error.unwrap_or_default().len() <= MAX_ERROR_BYTES + 100,
                "{how} {n}"
            );
            assert!(
                job.code.unwrap_or_default().len() <= MAX_ERROR_BYTES,
                "{how} {n}"
            );
        }
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_failure_is_retried_until_its_attempts_are_used_up() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { failure(Again::Backoff) }),
        quick(),
    );

    let id = db
        .client()
        .enqueue(act("hopeless").max_attempts(3))
        .await
        .unwrap()
        .id;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.failed, job.attempt, job.crashes),
        (State::Dead, 3, 3, 0)
    );
    assert_eq!(outcomes(db.client(), id).await, ["retry", "retry", "dead"]);
    worker.stop().await;
}

#[tokio::test]
async fn the_wait_before_the_next_attempt_is_within_the_backoffs_ceiling() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { failure(Again::Backoff) }),
        quick(),
    );
    let backoff = engine::Backoff {
        base_ms: 3_600_000,
        factor: 2.0,
        max_ms: 3_600_000,
    };
    let jobs: Vec<NewJob> = (0..30).map(|_| act("x").backoff(backoff)).collect();
    let ids: Vec<Uuid> = jobs.iter().map(NewJob::id).collect();

    db.client().enqueue_all(&jobs).await.unwrap();
    until("all failed", || async { worker.counts().retried() >= 30 }).await;

    let mut waits = Vec::new();
    for id in ids {
        let record = db.client().attempts(id).await.unwrap().remove(0);
        let next = job(db.client(), id).await.run_at;
        assert_eq!(record.next_run_at, Some(next));
        waits.push(next.duration_since(record.ended_at.unwrap()).as_secs());
    }
    assert!(
        waits.iter().all(|wait| (0..=3_600).contains(wait)),
        "{waits:?}"
    );
    waits.dedup();
    assert!(waits.len() > 10, "full jitter spreads them: {waits:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_snooze_costs_no_attempt_however_often() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            if cx.fence().attempt <= 5 {
                Ok(Outcome::Snooze(Duration::ZERO))
            } else {
                Ok(Outcome::done())
            }
        }),
        quick(),
    );

    let id = db
        .client()
        .enqueue(act("patient").max_attempts(1))
        .await
        .unwrap()
        .id;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.failed, job.attempt),
        (State::Completed, 0, 6)
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            if cx.fence().attempt == 1 {
                panic!("kaboom")
            }
            Ok(Outcome::done())
        }),
        quick(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    let first = db.client().attempts(id).await.unwrap().remove(0);
    assert_eq!(
        (job.state, job.failed, job.crashes),
        (State::Completed, 1, 0)
    );
    assert_eq!(
        (first.outcome.as_str(), first.code.as_deref()),
        ("retry", Some("panic"))
    );
    assert!(first.error.unwrap().contains("kaboom"));
    worker.stop().await;
}

#[tokio::test]
async fn undecodable_args_are_dead_at_once_and_kept() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());

    let id = db.client().enqueue(garbled()).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.attempt, job.code.as_deref()),
        (State::Dead, 1, Some("bad_args"))
    );
    assert_eq!(job.args, json!({"nonsense": true}));
    assert!(job.error.unwrap().contains("name"), "says what is missing");
    worker.stop().await;
}

#[tokio::test]
async fn an_unknown_kind_is_never_claimed_and_becomes_an_alert() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());
    let unknown = db
        .client()
        .enqueue(NewJob::new("test.unknown", &json!({})))
        .await
        .unwrap()
        .id;
    let known = db.client().enqueue(act("x")).await.unwrap().id;
    ended(db.client(), known).await;
    let early = db.client().alerts().await.unwrap();

    meddle(
        &db,
        "update engine.pending set run_at = now() - interval '6 minutes'",
    )
    .await;
    let alerts = db.client().alerts().await.unwrap();

    assert_eq!(early, []);
    let job: JobView = job(db.client(), unknown).await;
    assert_eq!((job.state, job.attempt), (State::Available, 0));
    let alerts: Vec<_> = alerts
        .iter()
        .map(|one| (one.alert.as_str(), one.subject.as_str()))
        .collect();
    assert_eq!(alerts, [("unknown_kind", "test.unknown")]);
    worker.stop().await;
}
