//! A database of the release before flows and partitions, brought up to date with everything in it.

use std::borrow::Cow;

use engine::testing::{Database, run_worker};
use engine::{Client, NewJob, Outcome, State, Twin, UniqueScope};
use serde_json::json;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::support::*;

/// The last migration of that release.
const BEFORE: i64 = 3;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/engine");

/// A database as that release left it, and a client that has not touched it.
async fn of_the_release_before() -> (Database, Client) {
    let db = Database::new().await;
    meddle(&db, "drop schema engine cascade").await;
    let known = MIGRATIONS.iter().filter(|m| m.version <= BEFORE).cloned();
    let mut migrator = Migrator {
        migrations: Cow::Owned(known.collect()),
        ..Migrator::DEFAULT
    };
    migrator.dangerous_set_table_name("engine._migration");
    migrator.create_schema("engine");
    migrator.run(db.pool()).await.unwrap();
    let client = another_client(&db).await;
    (db, client)
}

/// Enqueues by the function that SQL users had; `more` is what they said beside kind and args.
async fn enqueue(db: &Database, name: &str, more: &str) -> Uuid {
    let sql = format!("select id from engine.enqueue('test.act', $1::jsonb{more})");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(json!({"name": name}).to_string())
        .fetch_one(db.pool())
        .await
        .unwrap()
}

/// A claim of that release, by a worker that is no more.
async fn claim(db: &Database, id: Uuid) {
    sqlx::query(
        "with taken as (delete from engine.pending where id = $1 returning *) \
         insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
             nonce, worker_id, started_at, lease_until, unique_key, partition_key) \
         select shard, id, kind, queue, priority, attempt + 1, failed, crashes, max_attempts, 7, \
             gen_random_uuid(), now(), now() + interval '1 second', unique_key, partition_key from taken",
    )
    .bind(id)
    .execute(db.pool())
    .await
    .unwrap();
}

/// An end of that release.
async fn end(db: &Database, id: Uuid, state: &str, outcome: &str) {
    sqlx::query(
        "with taken as (delete from engine.running where id = $1 returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, \
             max_attempts, worker_id, started_at, outcome) \
         select shard, id, kind, queue, $2::engine.job_state, priority, attempt, failed + ($2 = 'dead')::int, \
             crashes, max_attempts, worker_id, started_at, $3 from taken",
    )
    .bind(id)
    .bind(state)
    .bind(outcome)
    .execute(db.pool())
    .await
    .unwrap();
}

/// A retry of that release: one failure on record, and another try in a moment.
async fn put_back(db: &Database, id: Uuid) {
    sqlx::query(
        "with taken as (delete from engine.running where id = $1 returning *), \
         tried as (insert into engine.attempt (shard, job_id, attempt, worker_id, started_at, outcome, code, error) \
             select shard, id, attempt, worker_id, started_at, 'retry', 'x', 'no luck' from taken) \
         insert into engine.pending (shard, id, kind, queue, due, priority, run_at, attempt, failed, crashes, max_attempts) \
         select shard, id, kind, queue, false, priority, now() + interval '1 second', attempt, failed + 1, crashes, \
             max_attempts from taken",
    )
    .bind(id)
    .execute(db.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn an_upgrade_loses_nothing_and_keeps_priorities_and_order() {
    let (db, client) = of_the_release_before().await;
    let low = enqueue(&db, "low", ", priority => 5").await;
    let first = enqueue(&db, "first", "").await;
    let second = enqueue(&db, "second", "").await;
    let urgent = enqueue(&db, "urgent", ", priority => -5").await;
    let keyed = enqueue(&db, "keyed", ", partition_key => 'tenant'").await;
    let scheduled = enqueue(&db, "scheduled", ", delay => '1 second'").await;
    let kept = enqueue(&db, "kept", ", idempotency_key => 'once'").await;
    let retrying = enqueue(&db, "retrying", "").await;
    claim(&db, retrying).await;
    put_back(&db, retrying).await;
    let after = ", unique_key => 'k', twin => 'run_after'";
    let running = enqueue(&db, "running", after).await;
    claim(&db, running).await;
    let follower = enqueue(&db, "follower", after).await;
    let mut past = Vec::new();
    for (state, outcome) in [
        ("completed", "done"),
        ("dead", "dead"),
        ("cancelled", "cancel"),
    ] {
        let id = enqueue(&db, state, "").await;
        claim(&db, id).await;
        end(&db, id, state, outcome).await;
        past.push(id);
    }

    client.migrate().await.unwrap();
    assert_eq!(
        (
            client.pending_migrations().await.unwrap(),
            client.verify().await.unwrap()
        ),
        (vec![], vec![])
    );
    assert_eq!(job(&client, follower).await.state, State::Waiting);
    assert_eq!(job(&client, scheduled).await.label, "scheduled");
    assert_eq!(job(&client, retrying).await.label, "retrying");
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let worker = run_worker(&client, registry, slots(1));

    for id in [
        low, first, second, urgent, keyed, scheduled, kept, retrying, running, follower,
    ] {
        let job = ended(&client, id).await;
        assert_eq!(job.state, State::Completed, "{job:?}");
    }
    client.retry(past[1], &somebody()).await.unwrap();
    client.retry(past[2], &somebody()).await.unwrap();
    for id in &past {
        assert_eq!(ended(&client, *id).await.state, State::Completed);
    }
    worker.stop().await;

    let order = noted.all();
    let at = |name: &str| order.iter().position(|note| note == name);
    assert!(
        at("urgent") < at("first") && at("first") < at("second") && at("second") < at("low"),
        "{order:?}"
    );
    assert!(at("running") < at("follower"), "{order:?}");
    assert_eq!(
        order.len(),
        12,
        "each ran once, the completed one never again"
    );
    let (crashed, failed) = (
        job(&client, running).await,
        job(&client, retrying).await.failed,
    );
    assert_eq!((crashed.crashes, crashed.attempt, failed), (1, 2, 1));
    assert_eq!(client.verify().await.unwrap(), []);
    assert_each_job_is_in_one_place(&db).await;
}

#[tokio::test]
async fn keys_that_were_taken_before_an_upgrade_are_taken_after_it() {
    let (db, client) = of_the_release_before().await;
    let once = enqueue(&db, "a", ", idempotency_key => 'once'").await;
    let after = ", unique_key => 'k', twin => 'run_after'";
    let holder = enqueue(&db, "b", after).await;
    claim(&db, holder).await;
    let follower = enqueue(&db, "b", after).await;

    client.migrate().await.unwrap();

    let hour = std::time::Duration::from_secs(3_600);
    let again = client
        .enqueue(act("a").idempotency_key("once", hour))
        .await
        .unwrap();
    let scope = UniqueScope::QueuedOrRunning;
    let third: NewJob = act("b").unique("k", scope, Twin::RunAfter);
    let stands = client.enqueue(third).await.unwrap();
    // A third of its sort is stood for by the one that follows already.
    assert_eq!((again.id, stands.id), (once, follower));

    // A follower is as old as its enqueue, not as the upgrade.
    let ranked = number(
        &db,
        "select count(*) from engine.pending p join engine.job j using (shard, id) \
         where p.waiting_for = 'twin' and p.rank_at = j.run_at and p.run_at = 'infinity'",
    )
    .await;
    assert_eq!(ranked, 1);
    client
        .cancel(follower, &somebody(), "no longer")
        .await
        .unwrap();
    assert_eq!(client.verify().await.unwrap(), []);
}
