//! Unique keys: what must not go wrong between many callers, and at the edges.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Answer, NewJob, Outcome, State, Twin, UniqueScope, When};

use crate::support::*;

const SCOPE: UniqueScope = UniqueScope::QueuedOrRunning;

fn keyed(name: &str, twin: Twin) -> NewJob {
    act(name).unique("k", SCOPE, twin)
}

/// Many jobs with a key each.
fn bulk(keys: impl Iterator<Item = usize>, scope: UniqueScope, twin: Twin) -> Vec<NewJob> {
    keys.map(|key| act("bulk").unique(format!("key {key}"), scope, twin))
        .collect()
}

#[tokio::test]
async fn bulks_of_the_same_keys_from_two_connections_do_not_deadlock() {
    let db = Database::new().await;
    let other = another_client(&db).await;

    for _ in 0..10 {
        let one = bulk(0..200, SCOPE, Twin::Keep);
        let two = bulk((0..200).rev(), SCOPE, Twin::Keep);
        let (one, two) = tokio::join!(db.client().enqueue_all(&one), other.enqueue_all(&two));

        assert_eq!(one.unwrap().len() + two.unwrap().len(), 400);
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 200);
}

#[tokio::test]
async fn bulks_of_keys_and_the_workers_that_end_their_jobs_do_not_fail_each_other() {
    for scope in [SCOPE, UniqueScope::Queued] {
        let db = Database::new().await;
        let worker = elsewhere(&db, done(), slots(100)).await;
        let clients = [another_client(&db).await, another_client(&db).await];

        for round in 0..15 {
            let (one, two) = (
                bulk(0..50, scope, Twin::ReplaceArgs),
                bulk((0..50).rev(), scope, Twin::ReplaceArgs),
            );
            let (one, two) =
                tokio::join!(clients[0].enqueue_all(&one), clients[1].enqueue_all(&two));

            assert_eq!(
                one.err().map(|error| format!("{error:?}")),
                None,
                "{scope:?}, round {round}"
            );
            assert_eq!(
                two.err().map(|error| format!("{error:?}")),
                None,
                "{scope:?}, round {round}"
            );
        }
        let live =
            "select (select count(*) from engine.pending) + (select count(*) from engine.running)";
        until("everything has run", || async {
            number(&db, live).await == 0
        })
        .await;

        assert_eq!(
            number(&db, "select count(*) from engine.key").await,
            0,
            "{scope:?}"
        );
        worker.stop().await;
        assert_eq!(deadlocks(&db).await, 0, "{scope:?}");
    }
}

async fn deadlocks(db: &Database) -> i64 {
    number(
        db,
        "select deadlocks from pg_stat_database where datname = current_database()",
    )
    .await
}

#[tokio::test]
async fn many_who_enqueue_the_keys_that_others_claim_never_lock_crosswise() {
    const CALLS: usize = 40;
    let db = Database::new().await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(elsewhere(&db, done(), slots(20)).await);
    }
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let client = another_client(&db).await;
        callers.spawn(async move {
            for call in 0..CALLS {
                let twin = [Twin::ReplaceArgs, Twin::RunAfter, Twin::Keep][(caller + call) % 3];
                // Ten of twenty keys, each time others and in another order.
                let keys = (0..10).map(|n| (n * (2 * caller + 3) + call) % 20);
                let jobs = bulk(keys, UniqueScope::Queued, twin);
                client.enqueue_all(&jobs).await.unwrap();
            }
            client.close().await;
        });
    }

    while let Some(called) = callers.join_next().await {
        called.unwrap();
    }
    until_count(
        &db,
        "everything has run",
        "select (select count(*) from engine.pending) + (select count(*) from engine.running)",
        0,
    )
    .await;
    // What a session has counted is told at its end.
    for worker in workers {
        worker.stop().await;
    }

    assert_eq!(deadlocks(&db).await, 0);
    assert_eq!(number(&db, "select count(*) from engine.key").await, 0);
    let ran = number(&db, "select count(*) from engine.ended").await;
    assert!(ran > 40, "only {ran} ran: nothing was claimed meanwhile");
    assert_eq!(db.client().verify().await.unwrap(), []);
}

/// A running job that holds the key, with the gate that ends it.
async fn running_twin(db: &Database) -> (engine::testing::WorkerGuard, Gate, uuid::Uuid) {
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            let door = door.clone();
            async move {
                if name == "first" {
                    door.pass().await;
                }
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let first = db
        .client()
        .enqueue(keyed("first", Twin::RunAfter))
        .await
        .unwrap()
        .id;
    reaches(db.client(), first, State::Running).await;
    (worker, gate, first)
}

#[tokio::test]
async fn a_cancelled_follower_does_not_keep_the_key() {
    let db = Database::new().await;
    let (worker, gate, first) = running_twin(&db).await;
    let second = db
        .client()
        .enqueue(keyed("second", Twin::RunAfter))
        .await
        .unwrap()
        .id;

    db.client()
        .cancel(second, &somebody(), "not needed")
        .await
        .unwrap();
    gate.open(1);
    ended(db.client(), first).await;

    let third = db
        .client()
        .enqueue(keyed("third", Twin::Keep))
        .await
        .unwrap();
    assert_eq!(
        third.answer,
        Answer::Inserted,
        "the key is held by nobody alive"
    );
    ended(db.client(), third.id).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_follower_leaves_room_for_another() {
    let db = Database::new().await;
    let (worker, gate, _) = running_twin(&db).await;
    let second = db
        .client()
        .enqueue(keyed("second", Twin::RunAfter))
        .await
        .unwrap()
        .id;

    db.client()
        .cancel(second, &somebody(), "not needed")
        .await
        .unwrap();
    let third = db
        .client()
        .enqueue(keyed("third", Twin::RunAfter))
        .await
        .unwrap();
    gate.open(1);

    assert_eq!(third.answer, Answer::Follows);
    assert_eq!(ended(db.client(), third.id).await.state, State::Completed);
    worker.stop().await;
}

#[tokio::test]
async fn a_follower_keeps_its_own_time() {
    let db = Database::new().await;
    let (worker, gate, first) = running_twin(&db).await;
    let later = keyed("second", Twin::RunAfter).when(When::After(Duration::from_secs(3600)));
    let second = db.client().enqueue(later).await.unwrap();
    assert_eq!(second.answer, Answer::Follows);

    gate.open(1);
    ended(db.client(), first).await;
    reaches(db.client(), second.id, State::Available).await;

    let second = job(db.client(), second.id).await;
    assert_eq!(
        (second.state, second.label),
        (State::Available, "scheduled")
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_retried_dead_job_goes_before_a_twin_that_comes_later() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { Ok(Outcome::Dead("over".into())) }),
        quick(),
    );
    let first = db
        .client()
        .enqueue(keyed("first", Twin::Keep))
        .await
        .unwrap()
        .id;
    ended(db.client(), first).await;
    worker.stop().await;

    db.client().retry(first, &somebody()).await.unwrap();
    let second = db
        .client()
        .enqueue(keyed("second", Twin::Keep))
        .await
        .unwrap();

    assert_eq!((second.id, second.answer), (first, Answer::Kept));
}

#[tokio::test]
async fn a_rescued_job_keeps_its_key() {
    let db = Database::new().await;
    let (worker, gate, first) = running_twin(&db).await;

    until("rescued", || async {
        // A heartbeat may renew the lease before anybody has seen that it is over.
        meddle(
            &db,
            "update engine.running set lease_until = now() - interval '1 second' where attempt = 1",
        )
        .await;
        job(db.client(), first).await.attempt == 2
    })
    .await;
    let second = db
        .client()
        .enqueue(keyed("second", Twin::Keep))
        .await
        .unwrap();

    assert_eq!((second.id, second.answer), (first, Answer::Kept));
    gate.open(2);
    ended(db.client(), first).await;
    assert_eq!(number(&db, "select count(*) from engine.key").await, 0);
    worker.stop().await;
}

#[tokio::test]
async fn an_explicit_null_scope_in_sql_means_the_default() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());

    let id: uuid::Uuid = sqlx::query_scalar(
        "select id from engine.enqueue('test.act', '{\"name\": \"x\"}', unique_key => 'k', unique_scope => null, twin => null)",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    ended(db.client(), id).await;

    assert_eq!(
        number(&db, "select count(*) from engine.key").await,
        0,
        "the key of an ended job"
    );
    worker.stop().await;
}

#[tokio::test]
async fn keys_of_different_kinds_never_meet() {
    let db = Database::new().await;
    let extra = NewJob::of(&Extra { name: "x".into() }).unique("k", SCOPE, Twin::Keep);

    let (one, two) = (
        db.client().enqueue(keyed("x", Twin::Keep)).await.unwrap(),
        db.client().enqueue(extra).await.unwrap(),
    );

    assert_eq!(
        (one.answer, two.answer),
        (Answer::Inserted, Answer::Inserted)
    );
}

#[tokio::test]
async fn a_key_that_is_taken_over_for_a_period_is_free_after_it() {
    let db = Database::new().await;
    let queued = act("first").unique("k", UniqueScope::Queued, Twin::RunAfter);
    db.client().enqueue(queued).await.unwrap();
    // As a claim does that has not committed.
    let mut claim = db.pool().begin().await.unwrap();
    sqlx::query("select from engine.pending for update")
        .execute(&mut *claim)
        .await
        .unwrap();
    let period = UniqueScope::Period(Duration::from_secs(60));
    let taker = act("second").unique("k", period, Twin::RunAfter);

    let taker = db.client().enqueue(taker).await.unwrap();
    claim.rollback().await.unwrap();

    assert_eq!(taker.answer, Answer::Inserted);
    let left = "select round(extract(epoch from expires_at - now()))::bigint from engine.key";
    assert!((50..=60).contains(&number(&db, left).await));
}
