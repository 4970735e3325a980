//! Jobs that are put off: they come as soon as what they need is open again, and leave one row.

use std::sync::atomic::Ordering;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Actor, Client, Registry, State, WorkerOptions};

use crate::breakers::{CONNECTION, Call, PATIENCE, Remote, enqueue, options, process};
use crate::support::number;

/// Opens it for good; `jobs` of it are put off, and the worker that did it runs on.
async fn put_off(client: &Client, remote: &Remote, jobs: usize) -> (Vec<uuid::Uuid>, WorkerGuard) {
    let actor = Actor::new("nok", "test");
    client
        .open_breaker(CONNECTION, None, Some("moving house"), &actor)
        .await
        .unwrap();
    let ids = enqueue(client, jobs).await;
    let worker = run_worker(
        client,
        Registry::new().with::<Call>(remote.clone()),
        options(),
    );
    let waiting = "select count(*) from engine.put_off";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let marks: i64 = sqlx::query_scalar(waiting)
            .fetch_one(client.pool())
            .await
            .unwrap();
        if marks == i64::try_from(jobs).unwrap() {
            return (ids, worker);
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{marks} were put off"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn jobs_that_were_put_off_come_at_once_when_a_person_closes_the_breaker() {
    let db = Database::new().await;
    let client = process(&db).await;
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    let (ids, worker) = put_off(&client, &remote, 30).await;
    let their_time = number(
        &db,
        "select min(extract(epoch from run_at - now()))::bigint from engine.pending",
    )
    .await;

    // By a process that runs no worker.
    process(&db)
        .await
        .close_breaker(CONNECTION, None, &Actor::new("nok", "test"))
        .await
        .unwrap();
    let closed = tokio::time::Instant::now();
    for id in &ids {
        assert_eq!(client.wait(*id, PATIENCE).await.unwrap(), State::Completed);
    }

    assert!(their_time > 240, "they were to come in {their_time} s");
    assert!(closed.elapsed() < PATIENCE);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_is_put_off_again_and_again_keeps_one_row_of_history() {
    let db = Database::new().await;
    let client = process(&db).await;
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    let (ids, worker) = put_off(&client, &remote, 1).await;

    for times in 2..=5 {
        sqlx::query("update engine.pending set due = true, run_at = now()")
            .execute(db.pool())
            .await
            .unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while client.attempts(ids[0]).await.unwrap()[0].times < times {
            assert!(
                tokio::time::Instant::now() < deadline,
                "never {times} times"
            );
            tokio::task::yield_now().await;
        }
    }
    let attempts = client.attempts(ids[0]).await.unwrap();
    client
        .close_breaker(CONNECTION, None, &Actor::new("nok", "test"))
        .await
        .unwrap();
    client.wait(ids[0], PATIENCE).await.unwrap();

    let [streak] = &attempts[..] else {
        panic!("{attempts:?}");
    };
    assert_eq!((streak.attempt, streak.times), (5, 5));
    assert_eq!(streak.error.as_deref(), Some("remote/one is shut"));
    let after = client.attempts(ids[0]).await.unwrap();
    let outcomes: Vec<_> = after.iter().map(|it| it.outcome.as_str()).collect();
    assert_eq!(outcomes, ["put_off", "done"]);
    assert_eq!(client.verify().await.unwrap(), []);
    worker.stop().await;
}

#[tokio::test]
async fn a_person_cancels_a_job_that_is_being_put_off() {
    let db = Database::new().await;
    let client = process(&db).await;
    let (ids, worker) = put_off(&client, &Remote::default(), 1).await;

    let state = client
        .cancel(ids[0], &Actor::new("nok", "test"), "no need")
        .await
        .unwrap();

    assert_eq!(state, State::Cancelled);
    assert_eq!(client.verify().await.unwrap(), []);
    worker.stop().await;
}

#[tokio::test]
async fn what_earlier_processes_put_off_is_woken_too() {
    let db = Database::new().await;
    let client = process(&db).await;
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    let (ids, worker) = put_off(&client, &remote, 2_500).await;
    worker.stop().await;
    let other = process(&db).await;
    other
        .close_breaker(CONNECTION, None, &Actor::new("nok", "test"))
        .await
        .unwrap();

    let options = WorkerOptions {
        queues: vec![engine::QueueOptions::new("default", 500)],
        ..options()
    };
    let worker = run_worker(&other, Registry::new().with::<Call>(remote), options);

    for id in &ids {
        assert_eq!(other.wait(*id, PATIENCE).await.unwrap(), State::Completed);
    }
    assert_eq!(number(&db, "select count(*) from engine.put_off").await, 0);
    worker.stop().await;
}
