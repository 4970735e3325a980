//! The defects of apalis-postgres 1.0 from number 9 on, each as a promise of ours.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Again, Failure, NewJob, Outcome, Retention, State, WorkerOptions};
use tokio::time::Instant;

use crate::eras::{made_by_hand, old_id, ten_days_old};
use crate::plans;
use crate::support::*;

/// No. 9: a graceful stop burnt an attempt of every job that had not even begun.
#[tokio::test]
async fn a_graceful_stop_costs_no_attempt() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            notes.add("begun");
            if name == "polite" {
                cx.stopped().await;
                return Err(Failure::new("stopped", "half-way"));
            }
            std::future::pending().await
        }
    });
    let hasty = WorkerOptions {
        shutdown: Duration::from_millis(100),
        ..slots(2)
    };
    let worker = elsewhere(&db, registry, hasty).await;
    let jobs: Vec<NewJob> = ["polite", "deaf", "not begun", "nor this"]
        .iter()
        .map(|name| act(name).max_attempts(1))
        .collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    noted.reach("begun", 2).await;

    worker.stop().await;

    for (job, history) in jobs
        .iter()
        .zip([&["give_back"][..], &["give_back"], &[], &[]])
    {
        let stands = crate::support::job(db.client(), job.id()).await;
        assert_eq!(
            (stands.state, stands.failed, stands.crashes),
            (State::Available, 0, 0),
            "{stands:?}"
        );
        assert_eq!(outcomes(db.client(), job.id()).await, history);
    }
    let heir = elsewhere(&db, done(), quick()).await;
    for job in &jobs {
        assert_eq!(ended(db.client(), job.id()).await.state, State::Completed);
    }
    heir.stop().await;
}

#[tokio::test]
async fn a_graceful_stop_waits_for_what_runs_and_writes_it_all() {
    let db = Database::new().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let registry = playing(move |_, _| {
        let (door, notes) = (door.clone(), notes.clone());
        async move {
            notes.add("begun");
            door.pass().await;
            Ok(Outcome::done())
        }
    });
    let patient = WorkerOptions {
        shutdown: Duration::from_secs(30),
        ..slots(20)
    };
    let worker = elsewhere(&db, registry, patient).await;
    let jobs: Vec<NewJob> = (0..20).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    noted.reach("begun", 20).await;

    let id = worker.id();
    let stopping = tokio::spawn(worker.stop());
    // Leases must be renewed while it leaves.
    outlive_leases(&db).await;
    gate.open(20);
    stopping.await.unwrap();

    assert_eq!(
        number(
            &db,
            "select count(*) from engine.ended where state = 'completed' and attempt = 1"
        )
        .await,
        20
    );
    let shown = db
        .client()
        .workers(None, 500)
        .await
        .unwrap()
        .data
        .into_iter()
        .find(|worker| worker.id == id)
        .unwrap();
    assert!(shown.stopped_at.is_some() && !shown.alive);
}

/// No. 10: "retry after 60 s" ran 492 times in 4 s.
#[tokio::test]
async fn retry_after_is_obeyed() {
    let db = Database::new().await;
    let registry = playing(|_, cx| async move {
        if cx.fence().attempt > 1 {
            return Ok(Outcome::done());
        }
        Err(Failure::new("throttled", "429").again(Again::After(Duration::from_millis(700))))
    });
    let worker = run_worker(db.client(), registry, quick());

    let id = db.client().enqueue(act("x")).await.unwrap().id;
    ended(db.client(), id).await;

    let attempts = db.client().attempts(id).await.unwrap();
    let gap = attempts[1]
        .started_at
        .duration_since(attempts[0].ended_at.unwrap());
    assert_eq!(attempts.len(), 2);
    assert!(gap.as_millis() >= 700, "came back after {gap:?}");
    worker.stop().await;
}

/// No. 11: a fetch of ten read the whole table, 250 ms at 704,000 rows.
#[tokio::test]
async fn the_claim_does_not_scan_the_table() {
    for told in plans::MISLED {
        let db = Database::new().await;
        plans::fill(&db, told).await;

        let claimed = plans::explain(&db, plans::CLAIM).await;

        claimed.reads_only(
            &[
                "pending_ready",
                "pending_fair",
                "pending_limited",
                "job_pkey",
            ],
            told.name,
        );
        assert!(
            claimed.pages < 400,
            "{}: {} pages for twenty jobs",
            told.name,
            claimed.pages
        );
    }
}

/// No. 12: what did not match was dropped without a word, and a late message could steal a job.
#[tokio::test]
async fn a_late_worker_cannot_settle_a_rescued_job_and_is_counted() {
    let db = Database::new().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let late = playing(move |_, _| {
        let (door, notes) = (door.clone(), notes.clone());
        async move {
            notes.add("begun");
            door.pass().await;
            Ok(Outcome::Dead("from the grave".into()))
        }
    });
    // It believes in its lease for long, and does not ask.
    let sleepy = WorkerOptions {
        heartbeat: Duration::from_secs(60),
        lease: Duration::from_secs(180),
        ..quick()
    };
    let first = elsewhere(&db, late, sleepy).await;
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;
    db.client()
        .pause(engine::PauseScope::Queue, "default", &somebody(), None)
        .await
        .unwrap();

    meddle(
        &db,
        "update engine.running set lease_until = now() - interval '1 second'",
    )
    .await;
    until("rescued", || async {
        job(db.client(), id).await.state == State::Available
    })
    .await;
    gate.open(1);
    until("refused", || async { first.counts().refused() == 1 }).await;
    first.stop().await;

    let stands = job(db.client(), id).await;
    assert_eq!(
        (stands.state, stands.attempt, stands.crashes),
        (State::Available, 1, 1)
    );
    db.client()
        .resume(engine::PauseScope::Queue, "default", &somebody())
        .await
        .unwrap();
    let second = elsewhere(&db, done(), quick()).await;
    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    second.stop().await;
}

/// No. 13: the table grew until somebody deleted by hand.
#[tokio::test]
async fn ended_jobs_go_after_their_retention_and_dead_letters_only_if_told() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    let hour = Duration::from_secs(3600);
    let keep = Retention {
        completed: Some(hour),
        cancelled: Some(hour),
        dead: None,
        logs: None,
    };
    let registry = playing(|name, _| async move {
        match name.as_str() {
            "dead" => Ok(Outcome::Dead("over".into())),
            "cancelled" => Ok(Outcome::Cancel("no".into())),
            _ => Ok(Outcome::done()),
        }
    });
    let first = run_worker(db.client(), registry.clone(), quick());
    let mut old = Vec::new();
    for (name, n) in [("dead", 1), ("cancelled", 2), ("completed", 3)] {
        let job = act(name).with_id(old_id(&db, n).await);
        old.push(db.client().enqueue(job).await.unwrap().id);
        ended(db.client(), old[old.len() - 1]).await;
    }
    db.client()
        .enqueue(
            act("x")
                .with_id(old_id(&db, 4).await)
                .idempotency_key("old", hour),
        )
        .await
        .unwrap();
    until_count(
        &db,
        "all have ended",
        "select count(*) from engine.ended",
        4,
    )
    .await;
    first.stop().await;
    meddle(
        &db,
        "update engine.ended set ended_at = now() - interval '2 hours'",
    )
    .await;
    meddle(
        &db,
        "update engine.key set expires_at = now() - interval '1 hour'",
    )
    .await;
    meddle(
        &db,
        "update engine.worker set seen_at = now() - interval '8 days'",
    )
    .await;
    let young = db.client().enqueue(act("young")).await.unwrap().id;

    // A round of prune comes every sixty rounds of service.
    let tidy = WorkerOptions {
        retention: keep,
        service: Duration::from_millis(10),
        ..quick()
    };
    let worker = run_worker(db.client(), registry, tidy);
    until_count(
        &db,
        "old jobs are gone",
        "select count(*) from engine.job",
        2,
    )
    .await;
    until_count(
        &db,
        "old keys are gone",
        "select count(*) from engine.key",
        0,
    )
    .await;
    until_count(
        &db,
        "old workers are gone",
        "select count(*) from engine.worker",
        1,
    )
    .await;

    assert_eq!(job(db.client(), old[0]).await.state, State::Dead);
    assert_eq!(ended(db.client(), young).await.state, State::Completed);
    assert_each_job_is_in_one_place(&db).await;
    worker.stop().await;
}

/// No. 14: two of one name were taken for one.
#[tokio::test]
async fn two_workers_with_one_label_are_two_workers() {
    let db = Database::new().await;
    let noted = Notes::default();
    let registry = || {
        let notes = noted.clone();
        playing(move |_, cx| {
            let notes = notes.clone();
            async move {
                notes.add("begun");
                cx.stopped().await;
                Err(Failure::new("stopped", "told to"))
            }
        })
    };
    let one = elsewhere(&db, registry(), slots(1)).await;
    let two = elsewhere(&db, registry(), slots(1)).await;
    let jobs = [act("x"), act("y")];
    db.client().enqueue_all(&jobs).await.unwrap();
    noted.reach("begun", 2).await;

    let mut runners = Vec::new();
    for job in &jobs {
        runners.push(
            crate::support::job(db.client(), job.id())
                .await
                .worker_id
                .unwrap(),
        );
    }
    let mut expected = [one.id(), two.id()];
    expected.sort();
    runners.sort();

    assert_eq!(runners, expected);
    let shown = db.client().workers(None, 500).await.unwrap().data;
    assert_eq!(
        shown
            .iter()
            .filter(|worker| worker.label == "tester" && worker.alive)
            .count(),
        2
    );
    for job in &jobs {
        db.client()
            .cancel(job.id(), &somebody(), "end of test")
            .await
            .unwrap();
        ended(db.client(), job.id()).await;
    }
    one.stop().await;
    two.stop().await;
}

/// No. 15: a breaker that opened after five failures over any time, and then slept for ever.
#[tokio::test]
async fn failures_of_some_jobs_never_stop_the_claims_of_others() {
    let db = Database::new().await;
    let registry = playing(|name, _| async move {
        if name == "good" {
            Ok(Outcome::done())
        } else {
            Err(Failure::new("boom", "it broke"))
        }
    });
    let worker = elsewhere(&db, registry, slots(4)).await;
    let bad: Vec<NewJob> = (0..100).map(|_| act("bad").max_attempts(2)).collect();
    db.client().enqueue_all(&bad).await.unwrap();
    until("all bad ones are dead", || async {
        worker.counts().dead() == 100
    })
    .await;

    let asked = Instant::now();
    let good = db.client().enqueue(act("good")).await.unwrap().id;
    assert_eq!(ended(db.client(), good).await.state, State::Completed);

    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "took {:?}",
        asked.elapsed()
    );
    worker.stop().await;
}
