//! Why: every state and cause has its answer, and says what happens next.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Again, Client, Failure, Limits, NewJob, Outcome, PartitionOrder, PauseScope, Policy, State,
    Twin, UniqueScope, When, Why,
};
use uuid::Uuid;

use crate::support::*;

pub(crate) async fn why(client: &Client, id: Uuid) -> Vec<Why> {
    let view = client.why(id).await.unwrap().unwrap();
    let mut causes = Vec::new();
    for cause in view.causes {
        // Every cause has its two sentences.
        assert!(
            !cause.said.is_empty() && !cause.next.is_empty(),
            "{cause:?}"
        );
        causes.push(cause.why);
    }
    causes
}

pub(crate) async fn queued(db: &Database, job: NewJob) -> Uuid {
    let id = job.id();
    db.client().enqueue(job).await.unwrap();
    id
}

/// As a worker of another process would stand there, alive.
pub(crate) async fn a_worker_of(db: &Database, kinds: &[&str], slots: i32) {
    sqlx::query(
        "insert into engine.worker (id, label, version, queues, kinds, slots) \
         values (gen_random_uuid(), 'other', '1', array['default'], $1, array[$2::integer])",
    )
    .bind(kinds)
    .bind(slots)
    .execute(db.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn a_queued_job_is_told_all_that_holds_it_up() {
    let db = Database::new().await;
    let client = db.client();
    let first = queued(&db, act("first")).await;
    let id = queued(&db, act("second")).await;

    let alone = why(client, first).await;
    client
        .pause(
            PauseScope::Queue,
            "default",
            &somebody(),
            Some("remote is down"),
        )
        .await
        .unwrap();
    client
        .pause(PauseScope::Kind, "test.act", &somebody(), None)
        .await
        .unwrap();
    let held = why(client, id).await;

    assert!(matches!(&alone[..], [Why::NoWorkerForQueue { queue }] if queue == "default"));
    let [
        Why::Paused {
            scope: PauseScope::Queue,
            by,
            reason,
            ..
        },
        Why::Paused {
            scope: PauseScope::Kind,
            ..
        },
        Why::NoWorkerForQueue { .. },
        Why::Behind {
            ahead: 1,
            or_more: false,
        },
    ] = &held[..]
    else {
        panic!("{held:?}");
    };
    assert_eq!(
        (by.as_str(), reason.as_deref()),
        ("ada", Some("remote is down"))
    );
}

#[tokio::test]
async fn a_due_job_is_next_unless_kinds_or_slots_are_missing() {
    let db = Database::new().await;
    let client = db.client();
    let id = queued(&db, act("it")).await;

    a_worker_of(&db, &["test.extra"], 1).await;
    let unknown = why(client, id).await;
    a_worker_of(&db, &["test.act"], 1).await;
    let next = why(client, id).await;
    meddle(
        &db,
        "insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
             nonce, worker_id, started_at, lease_until) \
         select 0, gen_random_uuid(), 'test.act', 'default', 0, 1, 0, 0, 8, 1, id, now(), now() + interval '1 minute' \
         from engine.worker",
    )
    .await;
    let busy = why(client, id).await;

    assert!(
        matches!(&unknown[..], [Why::NoWorkerForKind { kind, workers }] if kind == "test.act" && workers == &["other"])
    );
    assert_eq!(next, [Why::Next]);
    assert!(
        matches!(&busy[..], [Why::SlotsTaken { workers }] if workers[0].running == 1 && workers[0].slots == 1)
    );
}

#[tokio::test]
async fn time_and_twins_are_named() {
    let db = Database::new().await;
    let client = db.client();
    a_worker_of(&db, &["test.act"], 5).await;
    let hour = Duration::from_secs(3_600);
    let later = queued(&db, act("later").when(When::After(hour))).await;
    let keyed = |name| act(name).unique("k", UniqueScope::QueuedOrRunning, Twin::RunAfter);
    let holder = queued(&db, keyed("holder")).await;
    meddle(
        &db,
        "with taken as (delete from engine.pending where unique_key is not null returning *) \
         insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
             nonce, worker_id, started_at, lease_until, unique_key) \
         select shard, id, kind, queue, priority, 1, 0, 0, max_attempts, 1, gen_random_uuid(), now(), \
             now() - interval '1 second', unique_key from taken",
    )
    .await;
    let follower = queued(&db, keyed("follower")).await;

    assert!(matches!(
        &why(client, later).await[..],
        [Why::Scheduled { .. }]
    ));
    let twin = why(client, follower).await;
    assert_eq!(
        twin,
        [Why::Twin {
            twin: Some(holder),
            twin_state: Some(State::Running)
        }]
    );
    assert!(matches!(
        &why(client, holder).await[..],
        [Why::Running { is_late: true, .. }]
    ));
}

#[tokio::test]
async fn a_running_job_names_its_worker_and_who_asked_it_to_stop() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let waiting = gate.clone();
    let registry = playing(move |_, _| {
        let gate = waiting.clone();
        async move {
            gate.pass().await;
            Ok(Outcome::done())
        }
    });
    let id = queued(&db, act("it")).await;
    let worker = elsewhere(&db, registry, quick()).await;
    reaches(db.client(), id, State::Running).await;

    let running = why(db.client(), id).await;
    db.client().cancel(id, &somebody(), "enough").await.unwrap();
    let asked = why(db.client(), id).await;
    gate.open(1);
    ended(db.client(), id).await;
    worker.stop().await;

    assert!(
        matches!(&running[..], [Why::Running { worker: Some(label), is_late: false, .. }] if label == "tester")
    );
    assert!(
        matches!(&asked[..], [Why::CancelRequested { by: Some(by), .. }, Why::Running { .. }] if by == "ada")
    );
}

#[tokio::test]
async fn an_end_says_how_it_came_and_what_can_be_done() {
    let db = Database::new().await;
    let client = db.client();
    let registry = playing(|name, _| async move {
        match name.as_str() {
            "dead" => Err(Failure::new("http_401", "no").again(Again::Never)),
            "retry" => {
                Err(Failure::new("late", "slow").again(Again::After(Duration::from_secs(3_600))))
            }
            _ => Ok(Outcome::done()),
        }
    });
    let cancelled = queued(&db, act("cancelled")).await;
    client
        .cancel(cancelled, &somebody(), "wrong account")
        .await
        .unwrap();
    let (dead, good, retry) = (
        queued(&db, act("dead")).await,
        queued(&db, act("good")).await,
        queued(&db, act("retry")).await,
    );
    let worker = elsewhere(&db, registry, quick()).await;
    ended(client, dead).await;
    ended(client, good).await;
    until("the letter is in a group", || async {
        client
            .job(dead)
            .await
            .unwrap()
            .unwrap()
            .fingerprint
            .is_some()
            && client.job(retry).await.unwrap().unwrap().failed == 1
    })
    .await;

    let of_dead = why(client, dead).await;
    let next = of_dead[0].next(dead);
    assert!(
        matches!(&of_dead[..], [Why::Dead { code: Some(code), in_group: Some(1), .. }] if code == "http_401")
    );
    assert!(
        next.contains(&format!("job retry {dead}")) && next.contains("--filter fingerprint:"),
        "{next}"
    );
    assert!(matches!(
        &why(client, good).await[..],
        [Why::Completed { at: Some(_) }]
    ));
    assert!(
        matches!(&why(client, cancelled).await[..], [Why::Cancelled { by: Some(by), reason: Some(reason), .. }] if by == "ada" && reason == "wrong account")
    );
    assert!(
        matches!(&why(client, retry).await[..], [Why::Retrying { failed: 1, code: Some(code), .. }] if code == "late")
    );
    assert_eq!(client.why(Uuid::nil()).await.unwrap(), None);
    worker.stop().await;
}

#[tokio::test]
async fn a_waiting_job_is_told_for_whom_for_what_and_until_when() {
    let db = Database::new().await;
    let client = db.client();
    let registry = playing(|name, cx| async move {
        match name.as_str() {
            "parent" => {
                let parts = vec![act("part").queue("nobody"), act("part").queue("nobody")];
                cx.children("parts", |_| Box::pin(async { Ok::<_, Failure>(parts) }))
                    .await?;
            }
            "listens" => {
                let limit = Some(Duration::from_secs(3_600));
                cx.signal::<serde_json::Value>("approved", limit).await?;
            }
            _ => cx.sleep("nap", Duration::from_secs(3_600)).await?,
        }
        Ok(Outcome::done())
    });
    let _worker = engine::testing::run_worker(client, registry, quick());
    let mut told = Vec::new();
    for name in ["parent", "listens", "sleeps"] {
        let id = queued(&db, act(name)).await;
        reaches(client, id, State::Waiting).await;
        told.extend(why(client, id).await);
    }

    assert!(
        matches!(&told[0], Why::Members { batch } if (batch.name.as_str(), batch.pending) == ("parts", 2)),
        "{told:?}"
    );
    assert!(
        matches!(&told[1], Why::Signal { name, until: Some(_) } if name == "approved"),
        "{told:?}"
    );
    assert!(matches!(&told[2], Why::Sleeps { .. }), "{told:?}");
}

#[tokio::test]
async fn a_job_that_a_limit_keeps_back_is_told_which_and_who_has_taken_it() {
    let order = Some(engine::PartitionOrder::Block);
    let cases = [
        engine::Limits {
            running: Some(1),
            ..engine::Limits::default()
        },
        engine::Limits {
            per_partition: Some(1),
            ..engine::Limits::default()
        },
        engine::Limits {
            order,
            ..engine::Limits::default()
        },
    ];
    for limits in cases {
        let db = Database::new().await;
        let client = db.client();
        let mut registry = playing(|_, cx| async move {
            cx.stopped().await;
            Err(Failure::new("x", "told to stop").again(Again::Never))
        });
        let policy = engine::Policy {
            limits,
            ..registry.policy("test.act")
        };
        assert!(registry.set_policy("test.act", policy));
        let _worker = engine::testing::run_worker(client, registry, quick());
        until_count(&db, "the kind is known", "select count(*) from engine.kind where least(most_running, partition_running) = 1 or partition_order = 'block'", 1).await;
        let first = queued(&db, act("first").partition_key("k")).await;
        reaches(client, first, State::Running).await;
        let second = queued(&db, act("second").partition_key("k")).await;

        let held = why(client, second).await;

        let by = |jobs: &Vec<Uuid>| *jobs == [first];
        assert!(
            held.iter().any(|why| match why {
                Why::KindFull { most: 1, jobs, .. } => limits.running.is_some() && by(jobs),
                Why::PartitionFull { most: 1, jobs, .. } => limits.running.is_none() && by(jobs),
                _ => false,
            }),
            "{limits:?}: {held:?}"
        );
        if limits.order.is_some() {
            client.cancel(first, &somebody(), "no").await.unwrap();
            meddle(&db, "insert into engine.partition_block (shard, partition_key, job_id, kind) values (0, 'other', gen_random_uuid(), 'test.act')").await;
            let blocked = queued(&db, act("blocked").partition_key("other")).await;
            let held = why(client, blocked).await;
            assert!(
                held.iter()
                    .any(|why| matches!(why, Why::PartitionBlocked { key, .. } if key == "other")),
                "{held:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_limit_that_is_not_reached_is_no_cause_and_of_many_that_run_twenty_are_named() {
    let db = Database::new().await;
    let id = queued(&db, act("it").partition_key("k")).await;
    a_worker_of(&db, &["test.act"], 50).await;
    meddle(
        &db,
        "insert into engine.kind (name, most_running, partition_running) values ('test.act', 25, 25) \
         on conflict (name) do update set most_running = 25, partition_running = 25",
    )
    .await;
    let run = |many: i32| {
        sqlx::query(
            "insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
                 nonce, worker_id, started_at, lease_until, partition_key) \
             select 0, gen_random_uuid(), 'test.act', 'default', 0, 1, 0, 0, 8, 1, gen_random_uuid(), now(), \
                 now() + interval '1 minute', 'k' from generate_series(1, $1)",
        )
        .bind(many)
        .execute(db.pool())
    };

    run(22).await.unwrap();
    let some = why(db.client(), id).await;
    run(3).await.unwrap();
    let full = why(db.client(), id).await;

    assert_eq!(some, [Why::Next]);
    let [
        Why::KindFull { most: 25, jobs, .. },
        Why::PartitionFull {
            most: 25,
            jobs: of_key,
            ..
        },
    ] = &full[..]
    else {
        panic!("{full:?}");
    };
    assert_eq!((jobs.len(), of_key.len()), (20, 20));
}

#[tokio::test]
async fn of_a_long_line_not_all_are_counted() {
    let db = Database::new().await;
    meddle(
        &db,
        "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts) \
         select 0, engine.uuid_v7(), 'test.act', 'default', true, 0, now(), 8 from generate_series(1, 10001)",
    )
    .await;
    let id = queued(&db, act("last")).await;
    a_worker_of(&db, &["test.act"], 5).await;

    let causes = why(db.client(), id).await;

    let [
        Why::Behind {
            ahead: 10_000,
            or_more: true,
        },
    ] = &causes[..]
    else {
        panic!("{causes:?}");
    };
}

#[tokio::test]
async fn a_job_whose_time_came_a_moment_ago_is_coming_in() {
    let db = Database::new().await;
    let later = act("later").when(When::After(Duration::from_secs(60)));
    let id = queued(&db, later).await;
    a_worker_of(&db, &["test.act"], 5).await;
    meddle(
        &db,
        "update engine.pending set run_at = now() - interval '1 second'",
    )
    .await;

    let causes = why(db.client(), id).await;

    assert!(matches!(&causes[..], [Why::ComingIn { .. }]), "{causes:?}");
}

#[tokio::test]
async fn a_job_of_an_ordered_partition_is_told_who_comes_first() {
    let db = Database::new().await;
    let mut registry = done();
    let policy = Policy {
        limits: Limits {
            order: Some(PartitionOrder::Skip),
            ..Limits::default()
        },
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    run_worker(db.client(), registry, quick()).stop().await;
    a_worker_of(&db, &["test.act"], 5).await;
    let first = queued(&db, act("first").partition_key("acme")).await;
    let second = queued(&db, act("second").partition_key("acme")).await;

    let causes = why(db.client(), second).await;

    let told = causes
        .iter()
        .any(|why| matches!(why, Why::NotItsTurn { key, head } if key == "acme" && *head == first));
    assert!(told, "{causes:?}");
}
