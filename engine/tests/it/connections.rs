//! A limit per connection: jobs of several kinds that share one, and what an enqueue must say of it.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Again, Error, Failure, Limits, NewJob, Outcome, Overlap, PartitionOrder, Policy, QueueOptions,
    Registry, Schedule, State, Twin, UniqueScope, Why, Worker, WorkerOptions,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::limits::{Crowd, crowding};
use crate::support::*;
use crate::why::why;

const KINDS: [&str; 2] = ["test.act", "test.extra"];

/// Both kinds with these limits.
fn with_limits(mut registry: Registry, limits: Limits) -> Registry {
    for kind in KINDS {
        let policy = Policy {
            limits,
            ..registry.policy(kind)
        };
        assert!(registry.set_policy(kind, policy));
    }
    registry
}

fn per_connection(most: u32) -> Limits {
    Limits {
        per_connection: Some(most),
        ..Limits::default()
    }
}

fn extra(name: &str) -> NewJob {
    NewJob::of(&Extra {
        name: name.to_owned(),
    })
}

/// The kinds are known, and limited per connection.
async fn known(db: &Database) {
    until_count(
        db,
        "the kinds are known",
        "select count(*) from engine.kind where by_connection",
        2,
    )
    .await;
}

#[tokio::test]
async fn jobs_of_two_kinds_share_the_limit_of_their_connection_over_the_fleet() {
    let db = Database::new().await;
    let client = db.client();
    let crowd = Crowd::default();
    let stay = Duration::from_millis(20);
    let registry = with_limits(crowding(&crowd, stay), per_connection(2));
    // Each process serves one of the kinds.
    let mut workers = Vec::new();
    for queue in ["default", "other"] {
        let options = WorkerOptions {
            queues: vec![QueueOptions::new(queue, 20)],
            ..quick()
        };
        workers.push(elsewhere(&db, registry.clone(), options).await);
    }
    known(&db).await;
    let jobs: Vec<NewJob> = (0..120)
        .map(|n| {
            let connection = ["zoho/1", "zoho/2", "zoho/3"][n % 3];
            let name = format!("{connection} {n}");
            let job = if n % 2 == 0 {
                act(&name)
            } else {
                extra(&name).queue("other")
            };
            job.rate_key(connection).rate_key("all of zoho")
        })
        .collect();

    client.enqueue_all(&jobs).await.unwrap();
    until_count(
        &db,
        "all have ended",
        "select count(*) from engine.ended",
        120,
    )
    .await;

    for connection in ["zoho/1", "zoho/2", "zoho/3"] {
        assert_eq!(crowd.most(connection), 2, "{connection}: as many as may");
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_full_holds_no_other_and_says_so() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, _| {
        let door = door.clone();
        async move {
            if name.starts_with("slow") {
                door.pass().await;
            }
            Ok(Outcome::done())
        }
    });
    let worker = run_worker(client, with_limits(registry, per_connection(1)), quick());
    known(&db).await;
    let slow = client.enqueue(act("slow").rate_key("a")).await.unwrap().id;
    reaches(client, slow, State::Running).await;
    let held = client
        .enqueue(extra("held").rate_key("a"))
        .await
        .unwrap()
        .id;
    let other = client
        .enqueue(extra("other").rate_key("b"))
        .await
        .unwrap()
        .id;

    assert_eq!(ended(client, other).await.state, State::Completed);

    assert_eq!(job(client, held).await.state, State::Available);
    let whys = why(client, held).await;
    let full = whys.iter().any(|why| {
        matches!(why, Why::ConnectionFull { key, most: 1, jobs } if key == "a" && *jobs == [slow])
    });
    assert!(full, "{whys:?}");
    gate.open(1);
    assert_eq!(ended(client, held).await.state, State::Completed);
    worker.stop().await;
}

#[tokio::test]
async fn an_enqueue_is_told_what_a_kind_that_is_limited_per_connection_wants() {
    let db = Database::new().await;
    let client = db.client();
    let worker = run_worker(client, with_limits(done(), per_connection(1)), quick());
    known(&db).await;
    worker.stop().await;
    let unique = |job: NewJob| job.unique("k", UniqueScope::QueuedOrRunning, Twin::Keep);
    let cases = [
        (act("none"), "give the job a rate key, its connection first"),
        (
            act("own").rate_key("a").partition_key("tenant"),
            "no partition key of their own: leave it out",
        ),
    ];

    for (job, words) in cases {
        for job in [job.clone(), unique(job)] {
            let alone = client.enqueue(job.clone()).await.unwrap_err();
            let many = client
                .enqueue_all(&[act("ok").rate_key("a"), job.clone()])
                .await;
            let batch = client
                .enqueue_batch(vec![job], extra("last").rate_key("a"))
                .await;

            for error in [alone, many.unwrap_err(), batch.unwrap_err()] {
                assert!(
                    matches!(&error, Error::Invalid(text) if text.contains(words) && text.contains("test.act")),
                    "{error:?}"
                );
            }
        }
    }
    for (sql, words) in [
        (
            "select engine.enqueue('test.act')",
            "give the job a rate key",
        ),
        (
            "select engine.enqueue('test.act', unique_key => 'k', partition_key => 'p', rate_keys => '{a}')",
            "leave it out",
        ),
    ] {
        let refused = sqlx::query(sql).execute(db.pool()).await.expect_err(sql);
        assert!(refused.to_string().contains(words), "{sql}: {refused}");
    }
    assert_eq!(number(&db, "select count(*) from engine.job").await, 0);
    assert_eq!(number(&db, "select count(*) from engine.key").await, 0);

    // Its connection said twice, or a key that gives way, is right.
    for job in [
        act("same").rate_key("a").partition_key("a"),
        unique(act("usual").rate_key("a").usual_partition_key("tenant")),
    ] {
        let id = client.enqueue(job).await.unwrap().id;
        let stored = crate::support::job(client, id).await;
        assert_eq!(stored.partition_key.as_deref(), Some("a"));
    }
}

#[tokio::test]
async fn limits_per_connection_and_per_partition_are_not_taken_together() {
    let db = Database::new().await;
    for limits in [
        Limits {
            per_partition: Some(2),
            ..per_connection(2)
        },
        Limits {
            order: Some(PartitionOrder::Skip),
            ..per_connection(2)
        },
    ] {
        let registry = with_limits(done(), limits);

        let worker = Worker::new(db.client().clone(), registry, quick());
        let error = worker.run(CancellationToken::new()).await.unwrap_err();

        let text = error.to_string();
        assert!(
            text.contains("kind test.act: ") && text.contains("not both"),
            "{text}"
        );
    }
    assert_eq!(number(&db, "select count(*) from engine.kind").await, 0);
}

/// A job that was there before its kind was limited per connection: it runs, or is queued without or with a partition key of its own,
/// or has no connection, or is dead.
#[tokio::test]
async fn jobs_that_were_there_before_the_limit_are_held_to_it() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, cx| {
        let door = door.clone();
        async move {
            if name == "slow" {
                door.pass().await;
            }
            if name == "bad" && cx.fence().attempt == 1 {
                return Err(Failure::new("x", "no").again(Again::Never));
            }
            Ok(Outcome::done())
        }
    });
    let before = run_worker(client, registry.clone(), slots(2));
    let bad = client.enqueue(act("bad").rate_key("a")).await.unwrap().id;
    reaches(client, bad, State::Dead).await;
    let slow = client.enqueue(act("slow").rate_key("a")).await.unwrap().id;
    reaches(client, slow, State::Running).await;
    client
        .pause(engine::PauseScope::Queue, "default", &somebody(), None)
        .await
        .unwrap();
    let queued: Vec<Uuid> = client
        .enqueue_all(&[
            act("no key").rate_key("a"),
            extra("own key").rate_key("a").partition_key("tenant"),
            act("another").rate_key("b"),
            act("no connection"),
        ])
        .await
        .unwrap()
        .iter()
        .map(|one| one.id)
        .collect();

    let after = elsewhere(&db, with_limits(registry, per_connection(1)), slots(10)).await;
    known(&db).await;
    until_count(
        &db,
        "all are in their place",
        "select count(*) from engine.pending where limited",
        4,
    )
    .await;
    client
        .resume(engine::PauseScope::Queue, "default", &somebody())
        .await
        .unwrap();

    for id in &queued[2..] {
        assert_eq!(ended(client, *id).await.state, State::Completed);
    }
    let keys = "select count(*) from engine.job j where partition_key = 'a' and exists (select from engine.pending p \
         where p.id = j.id and p.partition_key = 'a' union all select from engine.running r where r.id = j.id and r.partition_key = 'a')";
    assert_eq!(
        number(&db, keys).await,
        3,
        "two wait behind the one that runs"
    );
    gate.open(1);
    for id in queued.iter().chain([&slow]) {
        assert_eq!(ended(client, *id).await.state, State::Completed);
    }
    client.retry(bad, &somebody()).await.unwrap();
    assert_eq!(ended(client, bad).await.state, State::Completed);
    before.stop().await;
    after.stop().await;
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_dead_letter_of_before_the_limit_comes_back_to_its_connection() {
    let db = Database::new().await;
    let client = db.client();
    let dying = playing(|_, _| async { Ok(Outcome::Dead("no".into())) });
    let worker = run_worker(client, dying, quick());
    let own = act("own").rate_key("a").partition_key("tenant");
    let id = client.enqueue(own).await.unwrap().id;
    reaches(client, id, State::Dead).await;
    worker.stop().await;
    run_worker(client, with_limits(done(), per_connection(1)), quick())
        .stop()
        .await;

    let again = client.run_again(id, None, &somebody()).await.unwrap().id;
    client.retry(id, &somebody()).await.unwrap();

    let at_a = "select count(*) from engine.pending where partition_key = 'a' and limited";
    assert_eq!(number(&db, at_a).await, 2);
    assert_eq!(job(client, again).await.partition_key.as_deref(), Some("a"));
}

#[tokio::test]
async fn a_schedule_whose_jobs_have_no_connection_holds_up_no_other() {
    let db = Database::new().await;
    let client = db.client();
    let mut registry = done();
    let policy = Policy {
        limits: per_connection(1),
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    let worker = run_worker(client, registry, quick());
    let every_minute = |name: &str, kind: &str| Schedule {
        name: name.into(),
        cron: "* * * * *".into(),
        time_zone: "UTC".into(),
        kind: kind.into(),
        args: json!({"name": name}),
        queue: None,
        catch_up: engine::CatchUp::Latest,
        overlap: Overlap::Allow,
    };
    let both = [
        every_minute("a", "test.act"),
        every_minute("b", "test.extra"),
    ];
    client.sync_schedules(&both, &somebody()).await.unwrap();

    // The one without a connection is due first.
    meddle(
        &db,
        "update engine.schedule set decided_until = now() - interval '2 minutes', \
             next_at = now() - interval '1 minute' + case name when 'b' then interval '1 second' else '0' end",
    )
    .await;
    client.sync_schedules(&both, &somebody()).await.unwrap();

    let decisions = "select count(*) from engine.tick where (schedule, decision) in (('a', 'skipped_missed'), ('b', 'enqueued'))";
    until("both are decided", || async {
        number(&db, decisions).await >= 2
    })
    .await;
    let fired = number(
        &db,
        "select count(*) from engine.job where kind = 'test.act'",
    )
    .await;
    assert_eq!(fired, 0);
    worker.stop().await;
}
