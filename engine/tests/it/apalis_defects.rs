//! The defects that were reproduced in apalis-postgres 1.0 (research/rust-queues.md 2.9), each as a
//! promise of ours. Here numbers 1 to 8, in `apalis_defects_more` the rest.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Failure, NewJob, Outcome, State, WorkerOptions};
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::*;

/// No. 1: two healthy workers ran ten jobs 26 times.
#[tokio::test]
async fn heartbeats_go_on_while_a_batch_is_drained() {
    let db = Database::new().await;
    let noted = Notes::default();
    let registry = || {
        let (notes, pool) = (noted.clone(), db.pool().clone());
        playing(move |name, cx| {
            notes.add(name);
            let pool = pool.clone();
            async move {
                // Longer than a lease in all, on one slot each.
                extended_by(&pool, cx.job_id(), quick().heartbeat).await;
                Ok(Outcome::done())
            }
        })
    };
    let workers = [
        elsewhere(&db, registry(), slots(1)).await,
        elsewhere(&db, registry(), slots(1)).await,
    ];
    let jobs: Vec<NewJob> = (0..10).map(|n| act(&n.to_string())).collect();

    db.client().enqueue_all(&jobs).await.unwrap();
    for job in &jobs {
        let job = ended(db.client(), job.id()).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 1));
    }

    assert_eq!(noted.all().len(), 10, "{:?}", noted.all());
    for worker in workers {
        assert_eq!(worker.counts().refused(), 0);
        worker.stop().await;
    }
}

/// Waits until heartbeats have put off the end of a running job's lease by so much.
async fn extended_by(pool: &PgPool, id: Uuid, span: Duration) {
    let ends_at = || async {
        let ends_at =
            "select extract(epoch from lease_until)::float8 from engine.running where id = $1";
        let ends_at = sqlx::query_scalar::<_, f64>(ends_at).bind(id);
        ends_at.fetch_one(pool).await.unwrap()
    };
    let at_first = ends_at().await;
    until("the lease is extended", || async {
        ends_at().await >= at_first + span.as_secs_f64()
    })
    .await;
}

/// No. 1, too: a job may take longer than its lease.
#[tokio::test]
async fn a_job_that_takes_three_leases_runs_once() {
    let db = Database::new().await;
    let registry = || {
        let pool = db.pool().clone();
        playing(move |_, cx| {
            let pool = pool.clone();
            async move {
                extended_by(&pool, cx.job_id(), quick().lease * 3).await;
                Ok(Outcome::done())
            }
        })
    };
    let workers = [
        elsewhere(&db, registry(), quick()).await,
        elsewhere(&db, registry(), quick()).await,
    ];

    let id = db.client().enqueue(act("long")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 1));
    for worker in workers {
        worker.stop().await;
    }
}

/// No. 2: they stayed 'Running' for good.
#[tokio::test]
async fn a_timed_out_job_is_retried_and_never_left_running() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|name, cx| async move {
            match name.as_str() {
                "deaf" => std::future::pending().await,
                "panics" => panic!("kaboom"),
                _ => {
                    cx.stopped().await;
                    Err(Failure::new("interrupted", "stopped half-way"))
                }
            }
        }),
        quick(),
    );
    let timed = |name: &str| {
        act(name)
            .timeout(Duration::from_millis(100))
            .max_attempts(2)
    };
    let jobs = [timed("deaf"), timed("polite"), timed("panics")];

    db.client().enqueue_all(&jobs).await.unwrap();

    for (job, code) in jobs.iter().zip(["timeout", "timeout", "panic"]) {
        let job = ended(db.client(), job.id()).await;
        assert_eq!(
            (job.state, job.failed, job.code.as_deref()),
            (State::Dead, 2, Some(code)),
            "{:?}",
            job.args
        );
        assert_eq!(outcomes(db.client(), job.id).await, ["retry", "dead"]);
    }
    assert_eq!(number(&db, "select count(*) from engine.running").await, 0);
    worker.stop().await;
}

/// No. 3: the restarted worker kept its predecessor's jobs alive by its name.
#[tokio::test]
async fn a_worker_restarted_under_the_same_name_recovers_its_jobs() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let stuck = playing(move |_, _| {
        notes.add("begun");
        std::future::pending()
    });
    let first = elsewhere(&db, stuck, quick()).await;
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;

    drop(first);
    let killed = Instant::now();
    let second = elsewhere(&db, done(), quick()).await;

    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.attempt, job.crashes),
        (State::Completed, 2, 1)
    );
    let took = killed.elapsed();
    assert!(
        took < quick().lease + Duration::from_secs(15),
        "took {took:?}"
    );
    second.stop().await;
}

/// No. 4: one of them ended the worker and with it all that it ran.
#[tokio::test]
async fn args_that_do_not_decode_are_dead_at_once_and_harm_no_other_job() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let worker = run_worker(
        db.client(),
        playing(move |name, _| {
            let door = door.clone();
            async move {
                if name == "in flight" {
                    door.pass().await;
                }
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let before = db.client().enqueue(act("in flight")).await.unwrap().id;
    reaches(db.client(), before, State::Running).await;

    let bad = db.client().enqueue(garbled()).await.unwrap().id;
    let bad = ended(db.client(), bad).await;
    let after = db.client().enqueue(act("after")).await.unwrap().id;
    let after = ended(db.client(), after).await;
    gate.open(1);

    assert_eq!(
        (bad.state, bad.attempt, bad.code.as_deref()),
        (State::Dead, 1, Some("bad_args"))
    );
    assert_eq!(after.state, State::Completed);
    let before = ended(db.client(), before).await;
    assert_eq!((before.state, before.attempt), (State::Completed, 1));
    worker.stop().await;
}

/// No. 5: one error of the database ended it, and what it ran was lost.
#[tokio::test]
async fn a_lost_connection_does_not_end_the_worker() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, _| {
        let door = door.clone();
        async move {
            if name == "in flight" {
                door.pass().await;
            }
            Ok(Outcome::done())
        }
    });
    let worker = elsewhere(&db, registry, quick()).await;
    let before = db.client().enqueue(act("in flight")).await.unwrap().id;
    reaches(db.client(), before, State::Running).await;

    for _ in 0..3 {
        cut_all_but_mine(&db).await;
        let after = act("after");
        // A caller may be cut off as well, and sends the same again.
        until("it is taken", || async {
            db.client().enqueue(after.clone()).await.is_ok()
        })
        .await;
        assert_eq!(ended(db.client(), after.id()).await.state, State::Completed);
    }
    gate.open(1);

    let before = ended(db.client(), before).await;
    assert_eq!(
        (before.state, before.attempt),
        (State::Completed, 1),
        "it lost its lease: {before:?}"
    );
    worker.stop().await;
}

/// Ends every other connection to this database but those of the test's own client.
async fn cut_all_but_mine(db: &Database) {
    let mut mine = Vec::new();
    let mut held = Vec::new();
    // At least one, which may be on its way back to the pool just now.
    let mut next = Some(db.pool().acquire().await.unwrap());
    while let Some(mut conn) = next {
        mine.push(
            sqlx::query_scalar::<_, i32>("select pg_backend_pid()")
                .fetch_one(&mut *conn)
                .await
                .unwrap(),
        );
        held.push(conn);
        next = db.pool().try_acquire();
    }
    let cut: i64 = sqlx::query_scalar(
        "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> all($1) and backend_type = 'client backend') x",
    )
    .bind(&mine)
    .fetch_one(&mut *held[0])
    .await
    .unwrap();
    assert!(cut > 0, "nothing was cut");
}

/// No. 6: every second wake-up was lost, and p50 was 27 s.
#[tokio::test]
async fn no_wakeup_is_lost_at_one_millisecond_gaps() {
    let db = Database::new().await;
    // Without a wake-up a job waits for ten seconds.
    let lazy = WorkerOptions {
        poll: Duration::from_secs(10),
        ..slots(50)
    };
    let worker = elsewhere(&db, done(), lazy).await;
    let warm_up = db.client().enqueue(act("warm up")).await.unwrap().id;
    ended(db.client(), warm_up).await;
    listening(&db, 1).await;

    for _ in 0..300 {
        db.client().enqueue(act("x")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until_count(
        &db,
        "all have ended",
        "select count(*) from engine.ended",
        301,
    )
    .await;

    let slowest: f64 = sqlx::query_scalar(
        "select max(extract(epoch from e.started_at - j.created_at))::float8 \
         from engine.ended e join engine.job j using (shard, id) where j.args ->> 'name' = 'x'",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    assert!(slowest < 8.0, "the slowest waited {slowest} s");
    worker.stop().await;
}

/// No. 7: a job of a thousand awaits caused 983 fetches.
#[tokio::test]
async fn one_busy_handler_causes_no_extra_claims() {
    let db = Database::new().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let registry = playing(move |_, _| {
        let (door, notes) = (door.clone(), notes.clone());
        async move {
            door.pass().await;
            for _ in 0..2_000 {
                tokio::time::sleep(Duration::from_micros(1)).await;
            }
            notes.add("done");
            door.pass().await;
            Ok(Outcome::done())
        }
    });
    let hour = Duration::from_secs(3600);
    let still = WorkerOptions {
        poll: hour,
        service: hour,
        lease: hour,
        heartbeat: hour,
        ..quick()
    };
    let worker = elsewhere(&db, registry, still).await;
    let id = db.client().enqueue(act("busy")).await.unwrap().id;
    reaches(db.client(), id, State::Running).await;
    listening(&db, 1).await;

    let before = claims(&db).await;
    gate.open(1);
    noted.reach("done", 1).await;
    let after = claims(&db).await;

    assert!(after - before <= 2, "{} claims", after - before);
    gate.open(1);
    ended(db.client(), id).await;
    worker.stop().await;
}

/// How often the ready index was read: every claim does, and little else.
async fn claims(db: &Database) -> i64 {
    let scans = "select coalesce(idx_scan, 0) from pg_stat_user_indexes where indexrelname = 'pending_ready'";
    let mut count = number(db, scans).await;
    loop {
        // A backend that told its counts a moment ago tells what came since ten seconds later.
        tokio::time::sleep(Duration::from_secs(11)).await;
        let now = number(db, scans).await;
        if now == count {
            return count;
        }
        count = now;
    }
}

/// No. 8: a job of one attempt ran four times through four kills.
#[tokio::test]
async fn rescue_respects_max_attempts() {
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
    let worker = run_worker(db.client(), registry, quick());
    for (max_attempts, expected) in [(1, vec!["crashed"]), (2, vec!["crashed", "crashed"])] {
        let id: Uuid = db
            .client()
            .enqueue(act("x").max_attempts(max_attempts))
            .await
            .unwrap()
            .id;
        for crash in 1..=expected.len() {
            until("running", || async {
                job(db.client(), id).await.attempt == i32::try_from(crash).unwrap()
            })
            .await;
            meddle(&db, "update engine.running set lease_until = now() - interval '1 second', nonce = nonce + 1").await;
        }

        let job = ended(db.client(), id).await;
        assert_eq!(
            (job.state, job.code.as_deref()),
            (State::Dead, Some("lease_expired")),
            "{max_attempts}"
        );
        assert_eq!(outcomes(db.client(), id).await, expected, "{max_attempts}");
    }
    gate.open(10);
    worker.stop().await;
}
