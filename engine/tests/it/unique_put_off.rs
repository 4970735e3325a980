//! Unique keys of jobs that go back to the queue without an attempt: they hold them again, and do not pile up.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Answer, Client, NewJob, Outcome, State, Twin, UniqueScope, When};
use uuid::Uuid;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

fn keyed(name: &str) -> NewJob {
    act(name).unique("k", UniqueScope::Queued, Twin::Keep)
}

async fn ask(client: &Client, name: &str) -> (Uuid, Answer) {
    let enqueued = client.enqueue(keyed(name)).await.unwrap();
    (enqueued.id, enqueued.answer)
}

/// As a worker claims what is due.
async fn claim(db: &Database) {
    meddle(
        db,
        "with taken as (delete from engine.pending where due returning *), \
         begun as ( \
             insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, \
                 nonce, worker_id, started_at, lease_until, unique_key, partition_key, batch_id) \
             select shard, id, kind, queue, priority, attempt + 1, failed, crashes, max_attempts, 7, \
                 gen_random_uuid(), now(), now() + interval '1 minute', \
                 case when not unique_until_claim then unique_key end, partition_key, batch_id from taken) \
         select engine.pass_key(shard, kind, unique_key, id)::text from taken where unique_until_claim",
    )
    .await;
}

/// As a worker puts off all that it has claimed.
async fn put_off(db: &Database) {
    type Row = (Vec<Uuid>, Vec<i32>);
    let (ids, attempts): Row = sqlx::query_as(
        "select coalesce(array_agg(id), '{}'), coalesce(array_agg(attempt), '{}') from engine.running",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    let many = ids.len();
    let put_back = sqlx::query(include_str!("../../src/store/put_off.sql"))
        .bind(0_i16)
        .bind(&ids)
        .bind(attempts)
        .bind(vec![7_i64; many])
        .bind(vec![60_000_i64; many])
        .bind(vec!["connection_open"; many])
        .bind(vec!["it is shut"; many])
        .bind(vec!["remote/one"; many])
        .fetch_all(db.pool())
        .await
        .unwrap();
    assert_eq!(put_back.len(), many);
}

/// Their time has come.
async fn let_come(db: &Database) {
    meddle(db, "update engine.pending set rank_at = now()").await;
    meddle(
        db,
        "update engine.pending set due = true, run_at = now() where state = 'available'",
    )
    .await;
}

/// Takes the key over while its holder is being claimed, which then does not come about.
async fn take_over(db: &Database, holder: Uuid, taker: NewJob) -> Uuid {
    let mut claim = db.pool().begin().await.unwrap();
    sqlx::query("select from engine.pending where id = $1 for update")
        .bind(holder)
        .execute(&mut *claim)
        .await
        .unwrap();
    let taker = db.client().enqueue(taker).await.unwrap();
    claim.rollback().await.unwrap();
    assert_eq!(taker.answer, Answer::Inserted);
    taker.id
}

const QUEUED: &str = "select count(*) from engine.pending";
const KEYS: &str = "select count(*) from engine.key";

#[tokio::test]
async fn a_job_that_is_put_off_again_and_again_stands_for_all_who_ask_meanwhile() {
    let db = Database::new().await;
    let (first, _) = ask(db.client(), "first").await;

    for _ in 0..5 {
        claim(&db).await;
        put_off(&db).await;

        assert_eq!(ask(db.client(), "more").await, (first, Answer::Kept));
        assert_eq!(number(&db, QUEUED).await, 1);
        let_come(&db).await;
    }
}

#[tokio::test]
async fn twins_that_come_while_a_job_is_put_off_are_two_and_no_more_and_none_is_lost() {
    let db = Database::new().await;
    let mut ids = vec![ask(db.client(), "first").await.0];

    for round in 0..6 {
        claim(&db).await;
        let (id, answer) = ask(db.client(), "more").await;
        if answer == Answer::Inserted {
            ids.push(id);
        }
        put_off(&db).await;

        assert!(number(&db, QUEUED).await <= 2, "round {round}");
        let_come(&db).await;
    }
    assert_eq!(db.client().verify().await.unwrap(), []);
    let worker = run_worker(db.client(), done(), quick());

    for id in &ids {
        assert_eq!(ended(db.client(), *id).await.state, State::Completed);
    }
    assert_eq!((ids.len(), number(&db, KEYS).await), (2, 0));
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_snoozes_holds_its_key_again_or_comes_after_its_twin() {
    let db = Database::new().await;
    let (gate, notes) = (Gate::closed(), Notes::default());
    let (door, book) = (gate.clone(), notes.clone());
    let registry = playing(move |name, cx| {
        let (door, book) = (door.clone(), book.clone());
        async move {
            book.add(&name);
            if name == "second" || cx.fence().attempt > 2 {
                return Ok(Outcome::done());
            }
            door.pass().await;
            Ok(Outcome::Snooze(Duration::from_millis(u64::from(
                cx.fence().attempt == 2,
            ))))
        }
    });
    let (first, _) = ask(db.client(), "first").await;
    let worker = run_worker(db.client(), registry, slots(1));

    notes.reach("first", 1).await;
    let (second, met_running) = ask(db.client(), "second").await;
    gate.open(1);
    ended(db.client(), second).await;
    notes.reach("first", 2).await;
    meddle(
        &db,
        "insert into engine.pause (scope, name, paused_by) values ('queue', 'default', 'ada')",
    )
    .await;
    gate.open(1);
    until_count(&db, "it snoozes again", QUEUED, 1).await;
    let met_snoozing = ask(db.client(), "third").await;
    meddle(&db, "delete from engine.pause").await;
    ended(db.client(), first).await;

    assert_eq!(met_running, Answer::Inserted);
    assert_eq!(met_snoozing, (first, Answer::Kept));
    assert_eq!(notes.all(), ["first", "second", "first", "first"]);
    assert_eq!(number(&db, KEYS).await, 0);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_goes_back_does_not_wait_for_a_twin_that_comes_later() {
    let db = Database::new().await;
    let (first, _) = ask(db.client(), "first").await;
    claim(&db).await;
    let later = keyed("later").when(When::After(HOUR));
    let later = db.client().enqueue(later).await.unwrap().id;

    put_off(&db).await;
    let fresh = ask(db.client(), "more").await;
    let worker = run_worker(db.client(), done(), quick());
    db.client().retry(first, &somebody()).await.unwrap();
    ended(db.client(), first).await;

    assert_eq!(fresh, (first, Answer::Kept));
    assert_eq!(ask(db.client(), "more").await, (later, Answer::Kept));
    db.client().retry(later, &somebody()).await.unwrap();
    ended(db.client(), later).await;
    assert_eq!(number(&db, KEYS).await, 0);
    worker.stop().await;
}

/// The first holds the key, and the others wait in line for it.
async fn line_of_three(db: &Database) -> [Uuid; 3] {
    let mut ids = [Uuid::nil(); 3];
    for (id, name) in ids.iter_mut().zip(["third", "second", "first"]) {
        // Each is claimed before the next comes.
        *id = ask(db.client(), name).await.0;
        if name != "first" {
            claim(db).await;
        }
    }
    sqlx::query("update engine.running set started_at = now()")
        .execute(db.pool())
        .await
        .unwrap();
    put_off(db).await;
    until_count(
        db,
        "two wait in line",
        "select coalesce(max(cardinality(line)), 0)::bigint from engine.key",
        2,
    )
    .await;
    ids.reverse();
    ids
}

#[tokio::test]
async fn whoever_leaves_a_line_by_a_cancel_makes_room_for_the_next() {
    let db = Database::new().await;
    let client = db.client();
    let line: Vec<Uuid> = {
        line_of_three(&db).await;
        sqlx::query_scalar("select job_id || line from engine.key")
            .fetch_one(db.pool())
            .await
            .unwrap()
    };
    let [first, second, third] = line[..] else {
        panic!("{line:?}");
    };

    client.cancel(second, &somebody(), "no").await.unwrap();
    client.cancel(first, &somebody(), "no").await.unwrap();
    let heir = ask(client, "more").await;
    client.cancel(third, &somebody(), "no").await.unwrap();

    assert_eq!(heir, (third, Answer::Kept));
    assert_eq!(number(&db, KEYS).await, 0);
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_batch_is_told_of_its_member_that_waited_in_line() {
    let db = Database::new().await;
    let client = db.client();
    let last = act("last");
    let finaliser = last.id();
    let batch = client.enqueue_batch(vec![keyed("member")], last);
    batch.await.unwrap();
    claim(&db).await;
    let (twin, _) = ask(client, "twin").await;

    put_off(&db).await;
    let waits = number(
        &db,
        "select count(*) from engine.pending where waiting_for = 'twin'",
    )
    .await;
    let_come(&db).await;
    let worker = run_worker(client, done(), quick());

    assert_eq!(ended(client, twin).await.state, State::Completed);
    assert_eq!(ended(client, finaliser).await.state, State::Completed);
    assert_eq!(waits, 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_connection_that_comes_and_goes_loses_no_job_with_a_key_and_locks_nobody_crosswise() {
    let db = Database::new().await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(elsewhere(&db, done(), slots(20)).await);
    }
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4 {
        let client = another_client(&db).await;
        callers.spawn(async move {
            for call in 0..40 {
                let twin = [Twin::ReplaceArgs, Twin::RunAfter, Twin::Keep][(caller + call) % 3];
                let jobs: Vec<NewJob> = (0..10)
                    .map(|n| (n * (2 * caller + 3) + call) % 20)
                    .map(|key| act("bulk").unique(format!("{key}"), UniqueScope::Queued, twin))
                    .map(|job| job.rate_key("remote/one"))
                    .collect();
                client.enqueue_all(&jobs).await.unwrap();
            }
            client.close().await;
        });
    }

    while !callers.is_empty() {
        let client = db.client();
        client
            .open_breaker("remote/one", None, None, &somebody())
            .await
            .unwrap();
        callers.join_next().await.unwrap().unwrap();
        client
            .close_breaker("remote/one", None, &somebody())
            .await
            .unwrap();
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

    let put_off = "select count(*) from engine.attempt where outcome = 'put_off'";
    assert!(number(&db, put_off).await >= 20, "nothing was put off");
    assert_eq!(number(&db, KEYS).await, 0);
    assert_eq!(db.client().verify().await.unwrap(), []);
    assert_eq!(
        number(
            &db,
            "select deadlocks from pg_stat_database where datname = current_database()"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_job_that_takes_the_key_for_a_period_lets_go_of_those_in_line() {
    let db = Database::new().await;
    let (first, _) = ask(db.client(), "first").await;
    claim(&db).await;
    let (second, _) = ask(db.client(), "second").await;
    put_off(&db).await;
    let waiting = "select count(*) from engine.pending where waiting_for = 'twin'";
    assert_eq!(number(&db, waiting).await, 1, "the first, for the second");
    let period = UniqueScope::Period(Duration::from_secs(60));
    let third = act("third").unique("k", period, Twin::RunAfter);
    let third = take_over(&db, second, third).await;

    let_come(&db).await;
    let worker = run_worker(db.client(), done(), quick());
    for id in [first, second, third] {
        assert_eq!(ended(db.client(), id).await.state, State::Completed);
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_follower_whose_key_goes_to_one_in_line_stands_in_line_too() {
    let db = Database::new().await;
    let runs_after =
        |name: &str| act(name).unique("k", UniqueScope::QueuedOrRunning, Twin::RunAfter);
    let (first, _) = ask(db.client(), "first").await;
    claim(&db).await;
    let (second, _) = ask(db.client(), "second").await;
    put_off(&db).await;
    take_over(&db, second, runs_after("third")).await;
    claim(&db).await;
    let follower = db.client().enqueue(runs_after("follower")).await.unwrap();
    assert_eq!(follower.answer, Answer::Follows);
    // The third ends, and the second with it.
    meddle(
        &db,
        "with gone as (delete from engine.running returning *) \
         select engine.pass_key(shard, kind, unique_key, id, 'completed')::text from gone where unique_key is not null",
    )
    .await;
    let_come(&db).await;
    let last = take_over(
        &db,
        first,
        act("last").unique("k", UniqueScope::Queued, Twin::RunAfter),
    )
    .await;

    let worker = run_worker(db.client(), done(), quick());

    for id in [first, follower.id, last] {
        assert_eq!(ended(db.client(), id).await.state, State::Completed);
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_is_being_promoted_is_queued_for_its_twins() {
    let db = Database::new().await;
    let (id, _) = ask(db.client(), "first").await;
    meddle(
        &db,
        "update engine.pending set due = false, run_at = now() - interval '1 second'",
    )
    .await;
    let mut promote = db.pool().begin().await.unwrap();
    sqlx::query(include_str!("../../src/store/promote.sql"))
        .bind(0_i16)
        .bind(100_i64)
        .execute(&mut *promote)
        .await
        .unwrap();
    let twin = act("other").unique("k", UniqueScope::Queued, Twin::ReplaceArgs);

    let twin = db.client().enqueue(twin).await.unwrap();
    promote.commit().await.unwrap();

    assert_eq!((twin.id, twin.answer), (id, Answer::Replaced));
    assert_eq!(number(&db, QUEUED).await, 1);
}

#[tokio::test]
async fn the_one_that_is_woken_to_find_out_is_none_that_waits_for_its_twin() {
    let db = Database::new().await;
    ask(db.client(), "first").await;
    let other = db.client().enqueue(act("other")).await.unwrap().id;
    claim(&db).await;
    ask(db.client(), "second").await;
    put_off(&db).await;

    sqlx::query(include_str!("../../src/store/wake_put_off.sql"))
        .bind(0_i16)
        .bind("remote/one")
        .bind(1_i64)
        .bind(0_i64)
        .bind(None::<i64>)
        .bind(6_i64)
        .execute(db.pool())
        .await
        .unwrap();

    let left: Vec<Uuid> = sqlx::query_scalar("select job_id from engine.put_off")
        .fetch_all(db.pool())
        .await
        .unwrap();
    assert!(left.len() == 1 && !left.contains(&other), "{left:?}");
}

#[tokio::test]
async fn who_cancels_one_in_line_waits_for_whoever_lets_it_go() {
    let db = Database::new().await;
    let (first, _) = ask(db.client(), "first").await;
    claim(&db).await;
    ask(db.client(), "second").await;
    put_off(&db).await;
    // As the claim of the second does: first the key, then the row of the next in line.
    let mut claim = db.pool().begin().await.unwrap();
    sqlx::query("select from engine.key for update")
        .execute(&mut *claim)
        .await
        .unwrap();
    let client = db.client().clone();
    let cancel = tokio::spawn(async move { client.cancel(first, &somebody(), "why").await });
    until_count(
        &db,
        "the cancel waits",
        "select count(*) from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock' and state = 'active'",
        1,
    )
    .await;

    sqlx::query("update engine.pending set priority = priority where id = $1")
        .bind(first)
        .execute(&mut *claim)
        .await
        .unwrap();
    claim.commit().await.unwrap();

    cancel.await.unwrap().unwrap();
    assert_eq!(job(db.client(), first).await.state, State::Cancelled);
    assert_eq!(db.client().verify().await.unwrap(), []);
}
