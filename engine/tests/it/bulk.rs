//! Acts on many jobs: each job that matched at their beginning once, whatever dies, and no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use engine::testing::Database;
use engine::{
    BulkAct, BulkState, BulkView, Client, Error, Filter, JobQuery, NewBulk, NewJob, State,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::*;

pub(crate) fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

/// So many dead letters of `test.act`, one millisecond apart, the last a second old.
pub(crate) async fn bury(db: &Database, count: i32) {
    sqlx::query(
        "with made as materialized ( \
             select n, (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 60000 + n), 12, '0') \
                 || '70008' || lpad(to_hex(n), 15, '0'))::uuid as id \
             from generate_series(1, $1) n), \
         asked as ( \
             insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, created_at) \
             select 0, id, 'test.act', jsonb_build_object('name', 'n' || n), 'default', 0, now(), 8, \
                 now() - interval '1 minute' \
             from made) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, \
             started_at, ended_at, outcome, code, error) \
         select 0, id, 'test.act', 'default', 'dead', 0, 1, 1, 0, 8, now() - interval '1 minute', \
             now() - interval '1 second' - ($1 - n) * interval '1 millisecond', 'dead', 'http_500', 'no luck' \
         from made",
    )
    .bind(count)
    .execute(db.pool())
    .await
    .unwrap();
}

/// Does all that an act can do without waiting.
pub(crate) async fn drain(client: &Client, id: Uuid) -> BulkView {
    while client.advance_bulk(id).await.unwrap() {}
    client.bulk(id).await.unwrap()
}

/// Waits until the act is over.
pub(crate) async fn over(client: &Client, id: Uuid) -> BulkView {
    until("the act is over", || async {
        client.bulk(id).await.is_ok_and(|bulk| bulk.state.is_over())
    })
    .await;
    client.bulk(id).await.unwrap()
}

pub(crate) async fn start(client: &Client, new: NewBulk) -> BulkView {
    client.start_bulk(&new, &somebody()).await.unwrap().0
}

pub(crate) fn retry(text: &str) -> NewBulk {
    NewBulk::new(BulkAct::Retry, filter(text))
}

/// A worker's services without its handlers: nothing of the queue it serves is ever there.
fn services_only() -> engine::WorkerOptions {
    engine::WorkerOptions {
        queues: vec![engine::QueueOptions::new("elsewhere", 1)],
        ..quick()
    }
}

/// What was retried dies again at once, and new letters come, all the time: both match the filter.
async fn saboteur(db: &Database, stop: Arc<AtomicBool>) -> i64 {
    let mut came = 0;
    while !stop.load(Relaxed) {
        meddle(
            db,
            "with gone as (delete from engine.pending where id in (select id from engine.pending order by id limit 500 \
                 for update skip locked) returning *) \
             insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, \
                 started_at, outcome, code, error) \
             select shard, id, kind, queue, 'dead', priority, attempt + 1, failed + 1, crashes, max_attempts, now(), \
                 'dead', 'http_500', 'again' from gone",
        )
        .await;
        let job = act("late");
        db.client().enqueue(job).await.unwrap();
        came += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    came
}

/// Ends the connections of whoever holds an act, as a kill of their process would; how many.
async fn kill_executors(db: &Database) -> u64 {
    meddle(
        db,
        "select pg_terminate_backend(l.pid) from pg_locks l \
         where l.relation = 'engine.bulk'::regclass and l.mode = 'RowShareLock' and l.pid <> pg_backend_pid() \
             and l.database = (select oid from pg_database where datname = current_database())",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_that_matched_is_acted_on_once_whatever_dies_and_none_that_came_later() {
    let db = Arc::new(Database::new().await);
    bury(&db, 10_000).await;
    let client = db.client();
    let bulk = start(client, retry("state:dead kind:test.*")).await;
    let stop = Arc::new(AtomicBool::new(false));
    let sabotage = tokio::spawn({
        let (db, stop) = (db.clone(), stop.clone());
        async move { saboteur(&db, stop).await }
    });
    let one = elsewhere(&db, done(), services_only()).await;
    let other = elsewhere(&db, done(), services_only()).await;
    let (mut killed, mut aborted) = (0, 0);
    loop {
        let now = client.bulk(bulk.id).await.unwrap();
        if now.state == BulkState::Done {
            break;
        }
        if aborted < 3 && now.handled() > 2_500 * (aborted + 1) {
            match client
                .abort_bulk(bulk.id, &somebody(), Some("a look"))
                .await
            {
                Ok(_) => {
                    client
                        .resume_bulk(bulk.id, &somebody(), None)
                        .await
                        .unwrap();
                    aborted += 1;
                }
                // Just done.
                Err(error) => assert!(matches!(error, Error::BulkState { .. }), "{error}"),
            }
        }
        if killed < 10 {
            killed += kill_executors(&db).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Relaxed);
    let came = sabotage.await.unwrap();
    one.stop().await;
    other.stop().await;

    assert!(
        killed >= 5 && aborted >= 1 && came > 10,
        "it did not bite: {killed} {aborted} {came}"
    );
    let bulk = client.bulk(bulk.id).await.unwrap();
    assert_eq!((bulk.done, bulk.skipped, bulk.refused), (10_000, 0, 0));
    assert_eq!((bulk.matched, bulk.matched_all), (10_000, true));
    // A retry puts the attempt that had ended the job beside the others.
    let retried = number(
        &db,
        "select count(*) from engine.attempt where outcome = 'dead'",
    )
    .await;
    let jobs = number(
        &db,
        "select count(distinct job_id) from engine.attempt a join engine.job j on j.id = a.job_id \
         where j.args ->> 'name' <> 'late'",
    )
    .await;
    assert_eq!((retried, jobs), (10_000, 10_000));
    assert_eq!(client.verify().await.unwrap(), []);
    assert_each_job_is_in_one_place(&db).await;
}

#[tokio::test]
async fn an_act_means_jobs_as_they_stood_when_it_was_made() {
    let db = Database::new().await;
    let client = db.client();
    let stood = client.enqueue(act("before")).await.unwrap().id;
    let ended_then = client.enqueue(act("ended")).await.unwrap().id;
    client.cancel(ended_then, &somebody(), "no").await.unwrap();

    let bulk = start(
        client,
        NewBulk::new(BulkAct::Cancel, filter("kind:test.act")),
    )
    .await;
    let later = client.enqueue(act("after")).await.unwrap().id;
    let bulk = drain(client, bulk.id).await;

    assert_eq!(
        (bulk.state, bulk.done, bulk.matched),
        (BulkState::Done, 1, 1)
    );
    assert_eq!(job(client, stood).await.state, State::Cancelled);
    assert_eq!(job(client, later).await.state, State::Available);
    // How it was cancelled finds it again.
    let found = format!("error:\"bulk act {}\"", bulk.id);
    let page = client.jobs(JobQuery::from(filter(&found))).await.unwrap();
    assert_eq!(
        page.data.iter().map(|job| job.id).collect::<Vec<_>>(),
        [stood]
    );
}

#[tokio::test]
async fn a_job_that_has_moved_since_is_left_alone_where_the_filter_names_its_state() {
    let db = Database::new().await;
    let client = db.client();
    let hour = engine::When::After(Duration::from_secs(3_600));
    let scheduled = client.enqueue(act("a").when(hour)).await.unwrap().id;
    let moved = client.enqueue(act("b").when(hour)).await.unwrap().id;
    let bulk = start(client, NewBulk::new(BulkAct::RunNow, filter(""))).await;
    // Tried and failed since.
    meddle(
        &db,
        "with tried as (update engine.pending set attempt = 1, failed = 1 where id = \
             (select id from engine.job where args ->> 'name' = 'b') returning *) \
         insert into engine.attempt (shard, job_id, attempt, started_at, outcome) \
         select shard, id, 1, now(), 'retry' from tried",
    )
    .await;

    let bulk = drain(client, bulk.id).await;

    assert_eq!((bulk.matched, bulk.done), (2, 1));
    assert_eq!(job(client, scheduled).await.label, "available");
    assert_eq!(job(client, moved).await.label, "retrying");
    assert!(job(client, moved).await.run_at > bulk.as_of);
}

#[tokio::test]
async fn two_executors_at_once_do_nothing_twice() {
    let db = Database::new().await;
    bury(&db, 300).await;
    let new = NewBulk {
        chunk: 10,
        ..NewBulk::new(BulkAct::RunAgain, filter("state:dead"))
    };
    let bulk = start(db.client(), new).await;
    let (one, other) = (another_client(&db).await, another_client(&db).await);

    let work = |client: Client| async move {
        let mut chunks = 0;
        while !client.bulk(bulk.id).await.unwrap().state.is_over() {
            chunks += i64::from(client.advance_bulk(bulk.id).await.unwrap());
        }
        chunks
    };
    let (by_one, by_other) = tokio::join!(work(one), work(other));

    let bulk = db.client().bulk(bulk.id).await.unwrap();
    assert_eq!((bulk.done, by_one + by_other), (300, bulk.chunks));
    let olds = number(&db, "select count(distinct replayed_from) from engine.job").await;
    let news = number(
        &db,
        "select count(*) from engine.job where replayed_from is not null",
    )
    .await;
    assert_eq!((olds, news), (300, 300));
}

#[tokio::test]
async fn an_act_that_is_aborted_stops_and_one_that_is_resumed_goes_on_where_it_stopped() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 50).await;
    let bulk = start(
        client,
        NewBulk {
            chunk: 10,
            ..retry("state:dead")
        },
    )
    .await;
    client.advance_bulk(bulk.id).await.unwrap();

    let aborted = client
        .abort_bulk(bulk.id, &somebody(), Some("wrong ones"))
        .await
        .unwrap();
    let moved = client.advance_bulk(bulk.id).await.unwrap();

    assert_eq!(
        (aborted.state, aborted.done, moved),
        (BulkState::Aborted, 10, false)
    );
    assert_eq!(aborted.error.as_deref(), Some("aborted by ada: wrong ones"));
    let twice = client.abort_bulk(bulk.id, &somebody(), None).await;
    assert!(
        matches!(
            twice,
            Err(Error::BulkState {
                state: BulkState::Aborted,
                ..
            })
        ),
        "{twice:?}"
    );
    client
        .resume_bulk(bulk.id, &somebody(), None)
        .await
        .unwrap();
    let done = drain(client, bulk.id).await;
    assert_eq!(
        (done.state, done.done, done.percent),
        (BulkState::Done, 50, Some(100.0))
    );
    let again = client.resume_bulk(bulk.id, &somebody(), None).await;
    assert!(matches!(again, Err(Error::BulkState { .. })), "{again:?}");

    let trail = client.audit(Some(&bulk.id.to_string()), 10).await.unwrap();
    let told: Vec<_> = trail
        .iter()
        .rev()
        .map(|row| (row.action.as_str(), row.actor.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("bulk.start", "ada"),
            ("bulk.abort", "ada"),
            ("bulk.resume", "ada"),
            ("bulk.done", "ada")
        ]
    );
    let end = trail[0].detail.clone().unwrap();
    assert_eq!((&end["done"], &end["refused"]), (&json!(50), &json!(0)));
}

#[tokio::test]
async fn each_act_does_what_its_verb_does() {
    let db = Database::new().await;
    let client = db.client();
    let hour = engine::When::After(Duration::from_secs(3_600));
    let later = client.enqueue(act("later").when(hour)).await.unwrap().id;
    bury(&db, 3).await;
    let dead: BTreeSet<Uuid> = client
        .jobs(JobQuery::from(filter("state:dead")))
        .await
        .unwrap()
        .data
        .iter()
        .map(|job| job.id)
        .collect();

    let hastened = start(client, NewBulk::new(BulkAct::RunNow, filter(""))).await;
    let hastened = drain(client, hastened.id).await;
    let new = NewBulk {
        patch: Some(json!({"name": "patched", "page": 2})),
        ..NewBulk::new(BulkAct::RunAgain, filter("state:dead"))
    };
    let again = start(client, new).await;
    let again = drain(client, again.id).await;
    let deleted = start(client, NewBulk::new(BulkAct::Delete, filter("state:dead"))).await;
    let deleted = drain(client, deleted.id).await;

    assert_eq!((hastened.done, again.done, deleted.done), (1, 3, 3));
    assert_eq!(job(client, later).await.label, "available");
    let tagged = filter(&format!("tag:bulk:{}", again.id));
    let made = client.jobs(JobQuery::from(tagged)).await.unwrap().data;
    let from: BTreeSet<Uuid> = made.iter().filter_map(|job| job.replayed_from).collect();
    assert_eq!(from, dead);
    assert!(
        made.iter()
            .all(|job| job.args == json!({"name": "patched", "page": 2}))
    );
    assert!(
        made.iter()
            .all(|job| job.asked_by.as_deref() == Some("ada"))
    );
    for id in dead {
        assert_eq!(client.job(id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_counted_by_error_with_the_jobs_it_was() {
    let db = Database::new().await;
    let client = db.client();
    let keyed = |name: &str| {
        act(name).unique(
            "one",
            engine::UniqueScope::QueuedOrRunning,
            engine::Twin::Keep,
        )
    };
    let mut losers = Vec::new();
    for n in 0..3 {
        let id = client
            .enqueue(keyed(&format!("loser {n}")))
            .await
            .unwrap()
            .id;
        client
            .cancel(id, &somebody(), "out of the way")
            .await
            .unwrap();
        losers.push(id);
    }
    let holder = client.enqueue(keyed("holder")).await.unwrap().id;
    let free = client.enqueue(act("free")).await.unwrap().id;
    client
        .cancel(free, &somebody(), "for the test")
        .await
        .unwrap();

    let bulk = start(client, retry("state:cancelled")).await;
    let bulk = drain(client, bulk.id).await;

    assert_eq!(
        (bulk.state, bulk.done, bulk.refused),
        (BulkState::Done, 1, 3)
    );
    let results = client.bulk_results(bulk.id).await.unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(
        (results[0].code.as_str(), results[0].jobs),
        ("unique_key_taken", 3)
    );
    let named: BTreeSet<Uuid> = results[0].job_ids.iter().copied().collect();
    assert_eq!(named, losers.iter().copied().collect());
    assert!(
        results[0].message.contains(&holder.to_string()),
        "{results:?}"
    );
    assert_eq!(job(client, free).await.state, State::Available);
    assert_eq!(job(client, losers[0]).await.state, State::Cancelled);
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_patch_that_makes_bad_args_refuses_that_job_and_no_other() {
    let db = Database::new().await;
    let client = db.client();
    let large = NewJob::new("test.act", &json!({"name": "x".repeat(200_000)}));
    for job in [large, act("small")] {
        let id = client.enqueue(job).await.unwrap().id;
        client
            .cancel(id, &somebody(), "for the test")
            .await
            .unwrap();
    }

    let new = NewBulk {
        patch: Some(json!({"more": "y".repeat(100_000)})),
        ..NewBulk::new(BulkAct::RunAgain, filter("kind:test.act"))
    };
    let bulk = start(client, new).await;
    let bulk = drain(client, bulk.id).await;

    assert_eq!((bulk.done, bulk.refused), (1, 1));
    let results = client.bulk_results(bulk.id).await.unwrap();
    assert_eq!(results[0].code, "invalid");
    assert!(results[0].message.contains("pass its key"), "{results:?}");
}
