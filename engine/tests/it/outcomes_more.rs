//! Attempts that crash, the history of attempts, and ends that commit with their effects.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Error, Failure, Outcome, State};

use crate::support::*;

#[tokio::test]
async fn the_third_crash_makes_a_job_poison() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, _| {
            let door = door.clone();
            async move {
                door.pass().await;
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let id = db
        .client()
        .enqueue(act("oom").max_attempts(1_000))
        .await
        .unwrap()
        .id;

    for crash in 1..=3 {
        until("running", || async {
            job(db.client(), id).await.attempt == crash
        })
        .await;
        meddle(&db, "update engine.running set lease_until = now() - interval '1 second', nonce = nonce + 1").await;
    }

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.code.as_deref(), job.crashes),
        (State::Dead, Some("poison"), 3)
    );
    assert_eq!(
        outcomes(db.client(), id).await,
        ["crashed", "crashed", "crashed"]
    );
    gate.open(3);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_gets_on_between_its_crashes_is_no_poison() {
    const CRASHES: i32 = 5;
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            let door = door.clone();
            async move {
                let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
                cx.checkpoint(&mut tx).await?;
                sqlx::query("insert into public.progress default values")
                    .execute(&mut *tx)
                    .await
                    .map_err(Error::from)?;
                tx.commit().await.map_err(Error::from)?;
                door.pass().await;
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    meddle(&db, "create table public.progress (id serial)").await;
    let job = act("long").max_attempts(3);
    let id = db.client().enqueue(job).await.unwrap().id;

    for crash in 1..=CRASHES {
        until("it has got on", || async {
            number(&db, "select count(*) from public.progress").await == i64::from(crash)
        })
        .await;
        meddle(&db, "update engine.running set lease_until = now() - interval '1 second', nonce = nonce + 1").await;
    }
    until("it runs again", || async {
        number(&db, "select count(*) from public.progress").await == i64::from(CRASHES) + 1
    })
    .await;
    gate.open(usize::MAX >> 4);

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.crashes, job.failed),
        (State::Completed, 0, 0),
        "{job:?}"
    );
    assert_eq!(
        outcomes(db.client(), id).await,
        [
            "crashed", "crashed", "crashed", "crashed", "crashed", "done"
        ]
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_person_forgives_the_crashes() {
    let db = Database::new().await;
    let id = db.client().enqueue(act("forgiven")).await.unwrap().id;
    db.client()
        .cancel(id, &somebody(), "to be retried")
        .await
        .unwrap();
    meddle(
        &db,
        "update engine.ended set crashes = 3, failed = 8, state = 'dead'",
    )
    .await;

    db.client().retry(id, &somebody()).await.unwrap();

    let job = job(db.client(), id).await;
    assert_eq!(
        (job.state, job.crashes, job.failed, job.max_attempts),
        (State::Available, 0, 8, 9)
    );
}

#[tokio::test]
async fn the_history_tells_each_attempt_from_its_start_to_its_end() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            match cx.fence().attempt {
                1 => {
                    let cause = std::io::Error::other("connection refused");
                    Err(Failure::from_error(
                        "down",
                        &Error::Database(sqlx_io(cause)),
                    ))
                }
                2 => Ok(Outcome::Snooze(Duration::from_millis(1))),
                3 => panic!("kaboom"),
                _ => Ok(Outcome::done()),
            }
        }),
        quick(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let job = ended(db.client(), id).await;

    let attempts = db.client().attempts(id).await.unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.attempt, a.outcome.as_str(), a.code.as_deref()))
        .collect();
    let expected = [
        (1, "retry", Some("down")),
        (2, "snooze", None),
        (3, "retry", Some("panic")),
        (4, "done", None),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        attempts[0].error.as_deref(),
        Some(
            "the database failed: error communicating with database: connection refused: connection refused"
        )
    );
    for pair in attempts.windows(2) {
        assert!(
            pair[0].ended_at.unwrap() <= pair[1].started_at,
            "attempts overlap: {pair:?}"
        );
        assert!(
            pair[0].next_run_at.unwrap() <= pair[1].started_at,
            "too early: {pair:?}"
        );
    }
    for attempt in &attempts {
        assert!(attempt.started_at <= attempt.ended_at.unwrap());
        assert_eq!(
            (attempt.worker_id, attempt.worker.as_deref()),
            (Some(worker.id()), Some("tester"))
        );
    }
    assert_eq!(
        (job.started_at, job.ended_at),
        (Some(attempts[3].started_at), attempts[3].ended_at)
    );
    worker.stop().await;
}

fn sqlx_io(cause: std::io::Error) -> sqlx::Error {
    sqlx::Error::Io(cause)
}

#[tokio::test]
async fn a_running_attempt_is_in_the_history() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, _| {
            let door = door.clone();
            async move {
                door.pass().await;
                Ok(Outcome::done())
            }
        }),
        quick(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;
    reaches(db.client(), id, State::Running).await;

    let attempts = db.client().attempts(id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].ended_at), (1, None));
    assert_eq!(
        (attempts[0].outcome.as_str(), attempts[0].worker_id),
        ("running", Some(worker.id()))
    );
    gate.open(1);
    worker.stop().await;
}

/// A table that stands for what a handler writes.
async fn with_effects() -> Database {
    let db = Database::new().await;
    meddle(&db, "create table public.effect (job_id uuid not null)").await;
    db
}

const EFFECT: &str = "insert into public.effect values ($1)";

#[tokio::test]
async fn an_effect_and_its_jobs_end_commit_together() {
    let db = with_effects().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
            sqlx::query(EFFECT)
                .bind(cx.job_id())
                .execute(&mut *tx)
                .await
                .map_err(Error::from)?;
            let settled = cx
                .settle(&mut tx, Outcome::Done(Some("kept".into())))
                .await?;
            tx.commit().await.map_err(Error::from)?;
            Ok(settled)
        }),
        quick(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.attempt, job.result),
        (State::Completed, 1, Some("kept".into()))
    );
    assert_eq!(number(&db, "select count(*) from public.effect").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn neither_effect_nor_end_stands_when_the_transaction_rolls_back() {
    let db = with_effects().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
            sqlx::query(EFFECT)
                .bind(cx.job_id())
                .execute(&mut *tx)
                .await
                .map_err(Error::from)?;
            let settled = cx.settle(&mut tx, Outcome::done()).await?;
            if cx.fence().attempt == 1 {
                tx.rollback().await.map_err(Error::from)?;
                return Err(Failure::new("rolled_back", "changed my mind"));
            }
            tx.commit().await.map_err(Error::from)?;
            Ok(settled)
        }),
        quick(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.attempt, job.failed),
        (State::Completed, 2, 1)
    );
    assert_eq!(number(&db, "select count(*) from public.effect").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn who_lost_the_lease_can_neither_hold_nor_settle() {
    let db = with_effects().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            let (door, notes) = (door.clone(), notes.clone());
            async move {
                notes.add("begun");
                door.pass().await;
                let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
                let held = cx.hold(&mut tx).await;
                let settled = cx.settle(&mut tx, Outcome::done()).await;
                notes.add(match (held, settled) {
                    (Err(Error::LeaseLost { .. }), Err(Error::LeaseLost { .. })) => "both refused",
                    (Ok(()), Ok(_)) => "both accepted",
                    _ => "mixed",
                });
                tx.commit().await.map_err(Error::from)?;
                Ok(Outcome::Settled)
            }
        }),
        quick(),
    );
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;

    meddle(
        &db,
        "update engine.running set lease_until = now() - interval '1 second', nonce = nonce + 1",
    )
    .await;
    noted.reach("begun", 2).await;
    gate.open(2);

    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    noted.reach("both accepted", 1).await;
    until("both have spoken", || async { noted.all().len() >= 4 }).await;
    assert_eq!(
        (noted.count("both refused"), noted.count("both accepted")),
        (1, 1),
        "{:?}",
        noted.all()
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_held_job_is_not_rescued_before_the_transaction_ends() {
    let db = Database::new().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            let (door, notes) = (door.clone(), notes.clone());
            async move {
                let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
                cx.hold(&mut tx).await?;
                notes.add("holds");
                door.pass().await;
                let settled = cx.settle(&mut tx, Outcome::done()).await?;
                tx.commit().await.map_err(Error::from)?;
                Ok(settled)
            }
        }),
        quick(),
    );
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("holds", 1).await;

    // A second job that comes and goes shows that rescue rounds pass meanwhile.
    until_count(&db, "the lease has run out", "select count(*) from engine.running where lease_until < now() - interval '300 milliseconds'", 1).await;
    gate.open(1);

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 1), "{job:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_claim_that_fails_for_what_it_took_takes_less() {
    let db = Database::new().await;
    // As a server does that cannot send so many args at once.
    sqlx::raw_sql(
        "create function few() returns trigger language plpgsql as $$ begin \
             if (select count(*) from begun) > 3 then raise exception 'too much'; end if; return null; \
         end $$; \
         create trigger few after insert on engine.running referencing new table as begun \
             for each statement execute function few()",
    )
    .execute(db.pool())
    .await
    .unwrap();
    let jobs: Vec<_> = (0..20).map(|n| act(&n.to_string())).collect();
    let receipts = db.client().enqueue_all(&jobs).await.unwrap();

    let _worker = run_worker(db.client(), done(), quick());

    for receipt in receipts {
        let job = ended(db.client(), receipt.id).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 1));
    }
}

#[tokio::test]
async fn nulls_among_the_words_of_a_job_spoil_no_claim() {
    let db = Database::new().await;
    let jobs: Vec<_> = (0..3).map(|n| act(&n.to_string()).tag("kept")).collect();
    let receipts = db.client().enqueue_all(&jobs).await.unwrap();
    meddle(
        &db,
        "update engine.job set tags = array['kept', null], rate_keys = array[null]::text[], timeout_ms = 60000",
    )
    .await;
    let (heard, mut said) = tokio::sync::mpsc::unbounded_channel();

    let _worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            heard.send(cx.tags().to_vec()).unwrap();
            async { Ok(Outcome::done()) }
        }),
        quick(),
    );

    for receipt in receipts {
        let job = ended(db.client(), receipt.id).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 1));
        assert_eq!(said.recv().await.unwrap(), ["kept"]);
    }
}
