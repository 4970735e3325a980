//! The fence: who lost a job can write nothing about it, and everybody else can.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{NewJob, Outcome, State, WorkerOptions};
use uuid::Uuid;

use crate::proxy::Proxy;
use crate::support::*;

/// A worker whose handlers wait at the gate.
fn gated(db: &Database, options: WorkerOptions) -> (WorkerGuard, Gate) {
    let gate = Gate::closed();
    let registry = passing(&gate);
    (run_worker(db.client(), registry, options), gate)
}

/// Heartbeats do not come in between.
fn without_heartbeats() -> WorkerOptions {
    WorkerOptions {
        lease: Duration::from_secs(60),
        heartbeat: Duration::from_secs(20),
        ..slots(100)
    }
}

#[tokio::test]
async fn a_settle_that_does_not_match_the_fence_changes_nothing_and_is_counted() {
    let cases = [
        (
            "stale nonce",
            "update engine.running set nonce = nonce + 1",
            State::Running,
        ),
        (
            "stale attempt",
            "update engine.running set attempt = attempt + 1",
            State::Running,
        ),
        (
            "settled by another",
            "with r as (delete from engine.running returning *) \
             insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome) \
             select shard, id, kind, queue, 'dead', priority, attempt, failed, crashes, max_attempts, 'dead' from r",
            State::Dead,
        ),
        (
            "put back",
            "with r as (delete from engine.running returning *) \
             insert into engine.pending (shard, id, kind, queue, due, priority, run_at, attempt, max_attempts) \
             select shard, id, kind, 'nobody', true, priority, now(), attempt, max_attempts from r",
            State::Available,
        ),
    ];
    for (case, meddling, state) in cases {
        let db = Database::new().await;
        let (worker, gate) = gated(&db, without_heartbeats());
        let id = db.client().enqueue(act("x")).await.unwrap().id;
        reaches(db.client(), id, State::Running).await;
        assert_eq!(meddle(&db, meddling).await, 1, "{case}");
        let before = job(db.client(), id).await;

        gate.open(1);
        until(case, || async { worker.counts().refused() == 1 }).await;

        assert_eq!(before.state, state, "{case}");
        assert_eq!(job(db.client(), id).await, before, "{case}");
        assert_eq!(worker.counts().completed(), 0, "{case}");
        let id = worker.id();
        worker.stop().await;
        let shown = db
            .client()
            .workers(None, 500)
            .await
            .unwrap()
            .data
            .into_iter()
            .find(|one| one.id == id)
            .unwrap();
        assert_eq!(shown.refused_settles, 1, "{case}: on record");
    }
}

#[tokio::test]
async fn the_stale_ones_of_a_batch_do_not_harm_the_good() {
    let db = Database::new().await;
    let (worker, gate) = gated(&db, without_heartbeats());
    let jobs: Vec<NewJob> = (0..60).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    until_count(&db, "all run", "select count(*) from engine.running", 60).await;
    let stale = meddle(&db, "update engine.running set nonce = nonce + 1 where id in (select id from engine.running order by id limit 20)").await;
    assert_eq!(stale, 20);

    gate.open(60);
    until("all are settled", || async {
        worker.counts().completed() + worker.counts().refused() == 60
    })
    .await;

    assert_eq!(
        (worker.counts().completed(), worker.counts().refused()),
        (40, 20)
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.ended where state = 'completed'"
        )
        .await,
        40
    );
    assert_eq!(number(&db, "select count(*) from engine.running").await, 20);
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_whose_lease_is_lost_is_told_at_the_next_heartbeat() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, cx| {
            let notes = notes.clone();
            async move {
                notes.add("begun");
                cx.stopped().await;
                notes.add(format!("{name} stopped"));
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let ids = [
        db.client().enqueue(act("loser")).await.unwrap().id,
        db.client().enqueue(act("keeper")).await.unwrap().id,
    ];
    noted.reach("begun", 2).await;

    sqlx::query("update engine.running set nonce = nonce + 1 where id = $1")
        .bind(ids[0])
        .execute(db.pool())
        .await
        .unwrap();
    noted.reach("loser stopped", 1).await;

    assert_eq!(noted.count("keeper stopped"), 0);
    db.client()
        .cancel(ids[1], &somebody(), "end of test")
        .await
        .unwrap();
    ended(db.client(), ids[1]).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_stale_attempt_is_told_to_stop_though_its_own_worker_runs_the_next_one() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            let notes = notes.clone();
            async move {
                let attempt = cx.fence().attempt;
                notes.add(format!("{attempt} begun"));
                if attempt == 1 {
                    cx.stopped().await;
                } else {
                    notes.reach("1 stopped", 1).await;
                    assert!(!cx.is_stopped(), "the good attempt was stopped");
                }
                notes.add(format!("{attempt} stopped"));
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("1 begun", 1).await;

    until("2 begun", || async {
        // A heartbeat may renew the lease before anybody has seen that it is over.
        meddle(
            &db,
            "update engine.running set lease_until = now() - interval '1 second' where attempt = 1",
        )
        .await;
        noted.count("2 begun") == 1
    })
    .await;
    noted.reach("1 stopped", 1).await;

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 2), "{job:?}");
    until("both are settled", || async {
        worker.counts().completed() + worker.counts().refused() == 2
    })
    .await;
    assert_eq!(
        (worker.counts().completed(), worker.counts().refused()),
        (1, 1)
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_stale_and_a_good_attempt_in_one_batch_are_told_apart() {
    let db = Database::new().await;
    let (worker, gate) = gated(&db, without_heartbeats());
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    reaches(db.client(), id, State::Running).await;
    meddle(
        &db,
        "update engine.running set lease_until = now() - interval '1 second'",
    )
    .await;
    until_count(
        &db,
        "a second attempt",
        "select count(*) from engine.running where attempt = 2",
        1,
    )
    .await;

    gate.open(2);
    until("both are settled", || async {
        worker.counts().completed() + worker.counts().refused() >= 2
    })
    .await;

    assert_eq!(
        (worker.counts().completed(), worker.counts().refused()),
        (1, 1)
    );
    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 2));
    worker.stop().await;
}

#[tokio::test]
async fn no_settle_is_lost_to_a_heartbeat() {
    let db = Database::new().await;
    let hectic = WorkerOptions {
        heartbeat: Duration::from_millis(1),
        ..slots(50)
    };
    let worker = run_worker(
        db.client(),
        playing(|_, _| async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(Outcome::done())
        }),
        hectic,
    );
    let jobs: Vec<NewJob> = (0..2_000).map(|n| act(&n.to_string())).collect();

    db.client().enqueue_all(&jobs).await.unwrap();
    until_count(
        &db,
        "all have run",
        "select count(*) from engine.ended",
        2_000,
    )
    .await;

    assert_eq!(
        number(
            &db,
            "select count(*) from engine.ended where state = 'completed' and attempt = 1"
        )
        .await,
        2_000
    );
    until("all are counted", || async {
        worker.counts().completed() == 2_000
    })
    .await;
    assert_eq!(worker.counts().refused(), 0);
    worker.stop().await;
}

#[tokio::test]
async fn no_settle_is_lost_to_a_cancel() {
    let db = Database::new().await;
    let worker = elsewhere(&db, done(), slots(50)).await;
    let jobs: Vec<NewJob> = (0..500).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&jobs).await.unwrap();

    for job in jobs.iter().rev() {
        let _ = db.client().cancel(job.id(), &somebody(), "race").await;
    }
    until_count(
        &db,
        "all have ended",
        "select count(*) from engine.ended",
        500,
    )
    .await;

    assert_each_job_is_in_one_place(&db).await;
    assert_eq!(worker.counts().refused(), 0);
    worker.stop().await;
}

#[tokio::test]
async fn a_settle_whose_answer_was_lost_counts_once_and_not_as_refused() {
    let db = Database::new().await;
    let proxy = Proxy::start(db.url());
    let client = proxy.client().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let registry = playing(move |name, _| {
        let (door, notes) = (door.clone(), notes.clone());
        async move {
            notes.add("begun");
            if name == "gated" {
                door.pass().await;
            }
            Ok(Outcome::done())
        }
    });
    let worker = run_worker(
        &client,
        registry,
        WorkerOptions {
            lease: Duration::from_secs(10),
            heartbeat: Duration::from_secs(3),
            ..quick()
        },
    );
    // The statement is prepared on some connection before one of them is cut.
    let warm_up = db.client().enqueue(act("warm up")).await.unwrap().id;
    ended(db.client(), warm_up).await;
    let ids: Vec<Uuid> = {
        let jobs = [act("gated"), act("gated")];
        db.client().enqueue_all(&jobs).await.unwrap();
        jobs.iter().map(NewJob::id).collect()
    };
    noted.reach("begun", 3).await;

    proxy.lose_the_answer_to("-- The shortest way to an end");
    gate.open(2);
    until("the answer is lost", || async { proxy.lost() == 1 }).await;

    until("both are counted", || async {
        worker.counts().completed() == 3
    })
    .await;
    for id in ids {
        let job = ended(db.client(), id).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 1));
    }
    assert_eq!(worker.counts().refused(), 0);
    worker.stop().await;
}
