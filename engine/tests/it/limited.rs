//! Jobs of kinds with limits stand apart: neither they nor others are stepped over, and they stay where
//! their kind says when its limits come and go.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Limits, NewJob, Policy, Registry, State, WorkerOptions};

use crate::plans::{self, CLAIM, CLAIM_LIMITED, CLAIM_PLAIN};
use crate::support::*;

/// 30,000 due jobs of a kind with limits before all others: one in two with one of 300 keys.
const LIMITED: &[&str] = &[
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.limited', '{}', 'default', 0, now(), 8 from generate_series(200001, 230000) n",
    "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key, rank_at, limited) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.limited', 'default', true, 0, now(), 8, \
            case when n % 2 = 0 then 'key ' || n % 600 end, now() - interval '1 day', true \
     from generate_series(200001, 230000) n",
];

#[tokio::test]
async fn no_claim_steps_over_the_jobs_of_another() {
    let db = Database::new().await;
    plans::fill(&db, &plans::MISLED[0]).await;
    for rows in LIMITED {
        meddle(&db, rows).await;
    }

    for (name, hot) in [
        ("plain", CLAIM_PLAIN),
        ("fair", CLAIM),
        ("limited", CLAIM_LIMITED),
    ] {
        let done = plans::explain(&db, hot).await;

        assert!(
            done.pages <= 800,
            "{name}: {} pages for twenty jobs\n{}",
            done.pages,
            done.plan
        );
    }
}

fn registry(limits: Limits) -> Registry {
    let mut registry = done();
    let policy = Policy {
        limits,
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    registry
}

fn jobs() -> Vec<NewJob> {
    let keyed = |n: usize| act(&n.to_string()).partition_key(format!("key {}", n % 3));
    (0..10)
        .map(|n| act(&n.to_string()))
        .chain((0..10).map(keyed))
        .collect()
}

async fn apart(db: &Database) -> i64 {
    number(db, "select count(*) from engine.pending where limited").await
}

#[tokio::test]
async fn jobs_follow_the_limits_of_their_kind_as_they_come_and_go() {
    let some = Limits {
        running: Some(3),
        per_partition: Some(2),
        ..Limits::default()
    };
    for (then, now, before) in [(Limits::default(), some, 0), (some, Limits::default(), 20)] {
        let db = Database::new().await;
        run_worker(db.client(), registry(then), quick())
            .stop()
            .await;
        db.client().enqueue_all(&jobs()).await.unwrap();
        assert_eq!(apart(&db).await, before);

        let worker = run_worker(db.client(), registry(now), quick());

        until("all have ended", || async {
            number(&db, "select count(*) from engine.ended").await == 20
        })
        .await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_worker_whose_limits_are_known_starts_without_reading_what_is_pending() {
    let db = Database::new().await;
    let limits = || {
        registry(Limits {
            running: Some(1),
            ..Limits::default()
        })
    };
    let first = run_worker(db.client(), limits(), quick());
    until("it has registered", || async { workers(&db).await == 1 }).await;
    first.stop().await;
    let mut lock = db.pool().begin().await.unwrap();
    sqlx::query("lock table engine.pending in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();

    let second = run_worker(db.client(), limits(), quick());
    until("another has registered", || async {
        workers(&db).await == 2
    })
    .await;

    lock.rollback().await.unwrap();
    second.stop().await;
}

async fn workers(db: &Database) -> i64 {
    number(db, "select count(*) from engine.worker").await
}

#[tokio::test]
async fn an_enqueue_that_had_not_heard_of_new_limits_is_found_soon() {
    let db = Database::new().await;
    let mut tx = db.pool().begin().await.unwrap();
    let ids = db
        .client()
        .enqueue_in(&mut tx, &[act("late")])
        .await
        .unwrap();
    let limits = Limits {
        running: Some(1),
        ..Limits::default()
    };
    // Prune would find it too, some day.
    let options = WorkerOptions {
        service: Duration::from_secs(3_600),
        ..quick()
    };
    let worker = run_worker(db.client(), registry(limits), options);
    until("it has registered", || async { workers(&db).await == 1 }).await;

    tx.commit().await.unwrap();

    until("the job has ended", || async {
        let job = db.client().job(ids[0].id).await.unwrap().unwrap();
        job.state == State::Completed
    })
    .await;
    worker.stop().await;
}
