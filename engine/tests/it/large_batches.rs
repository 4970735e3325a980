//! Batches of ten thousand jobs of others, of results that are too much to hold at once, and what an end among so many costs.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Batch, Client, Failure, NewJob, Outcome, Registry, State, WorkerOptions};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plans::{Hot, explain};
use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The same request each time, so that the same key is no mistake.
fn once(n: usize) -> NewJob {
    act("part").idempotency_key(n.to_string(), DAY)
}

/// `parent N` waits for N jobs that are there, and gives how many of them it was told of, the first and the last;
/// parts stay in the queue, as nobody has it.
fn parents() -> Registry {
    playing(|name, cx| async move {
        let Some(count) = name.strip_prefix("parent ") else {
            return Ok(Outcome::done());
        };
        let parts: Vec<NewJob> = (0..count.parse().unwrap()).map(once).collect();
        let batch = cx
            .children("parts", move |_| {
                Box::pin(async move { Ok::<_, Failure>(parts) })
            })
            .await?;
        let twins = batch.twins;
        Ok(Outcome::Done(Some(json!([
            twins.len(),
            twins.first(),
            twins.last()
        ]))))
    })
}

#[tokio::test]
async fn ten_thousand_jobs_of_others_stand_for_the_parts_of_one_parent() {
    let db = Database::new().await;
    let client = db.client();
    let theirs: Vec<NewJob> = (0..10_000).map(once).collect();
    let made = client.enqueue_all(&theirs).await.unwrap();
    // All have ended but the last.
    meddle(
        &db,
        "with ended as (delete from engine.pending where id <> (select id from engine.pending order by id desc limit 1) returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome) \
         select shard, id, kind, queue, 'completed', priority, 1, 0, 0, max_attempts, 'done' from ended",
    )
    .await;
    client
        .pause(engine::PauseScope::Kind, "test.act", &somebody(), None)
        .await
        .unwrap();
    let parent = NewJob::of(&Extra {
        name: "parent 10000".into(),
    });
    let id = client.enqueue(parent).await.unwrap().id;
    // One transaction of some seconds, in which nobody can extend its lease.
    let options = WorkerOptions {
        lease: Duration::from_secs(30),
        ..quick()
    };
    let worker = run_worker(client, parents(), options);
    reaches(client, id, State::Waiting).await;

    client
        .resume(engine::PauseScope::Kind, "test.act", &somebody())
        .await
        .unwrap();
    let parent = ended(client, id).await;

    assert_eq!(
        (parent.state, parent.attempt, parent.failed),
        (State::Completed, 2, 0)
    );
    assert_eq!(
        parent.result.unwrap(),
        json!([10_000, made[0].id, made[9_999].id])
    );
    let batch = client.batches(id).await.unwrap().remove(0);
    assert_eq!(
        (batch.total, batch.completed, batch.twins.len()),
        (10_000, 10_000, 0)
    );
    let whole = client.batch(batch.id).await.unwrap().unwrap();
    assert_eq!(whole.twins.len(), 10_000);
    worker.stop().await;
}

/// What a build of before kept of its step is read as it was, and what it would misread it does not read at all.
#[tokio::test]
async fn a_parent_of_a_build_of_before_knows_who_stood_for_its_parts() {
    let db = Database::new().await;
    let client = db.client();
    let theirs = client.enqueue(once(0)).await.unwrap().id;
    client
        .pause(engine::PauseScope::Kind, "test.act", &somebody(), None)
        .await
        .unwrap();
    let id = client
        .enqueue(NewJob::of(&Extra {
            name: "parent 1".into(),
        }))
        .await
        .unwrap()
        .id;
    let worker = run_worker(client, parents(), quick());
    reaches(client, id, State::Waiting).await;
    let kept: Value = sqlx::query_scalar("select result -> 1 from engine.step")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(
        kept,
        Value::Null,
        "an empty list would tell it that there is none"
    );
    meddle(&db, "update engine.step set result = jsonb_set(result, '{1}', (select to_jsonb(twins) from engine.batch))").await;
    meddle(&db, "update engine.batch set twins = null").await;

    client
        .resume(engine::PauseScope::Kind, "test.act", &somebody())
        .await
        .unwrap();

    assert_eq!(
        ended(client, id).await.result.unwrap(),
        json!([1, theirs, theirs])
    );
    worker.stop().await;
}

/// A batch of so many completed members, each with a result of so many bytes that do not compress.
async fn completed(db: &Database, count: i32, bytes: i32) -> Batch {
    let parts = (0..count).map(|n| act(&n.to_string())).collect();
    let batch = db.client().enqueue_batch(parts, act("last")).await.unwrap();
    sqlx::query(
        "with ended as (delete from engine.pending where batch_id = $1 returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome, result) \
         select shard, id, kind, queue, 'completed', priority, 1, 0, 0, max_attempts, 'done', to_jsonb(( \
             select string_agg(md5(p.id::text || n), '') from generate_series(1, $2 / 32) n)) from ended p",
    )
    .bind(batch.id)
    .bind(bytes)
    .execute(db.pool())
    .await
    .unwrap();
    batch
}

/// How many results are in memory once the first is asked for: those that are given though all are gone meanwhile.
async fn read_at_once(client: &Client, db: &Database, batch: Uuid) -> usize {
    let mut results = client.batch_results(batch);
    results.next().await.unwrap().unwrap();
    meddle(db, "update engine.ended set result = null").await;
    1 + results.try_collect::<Vec<Value>>().await.unwrap().len()
}

#[tokio::test]
async fn results_are_read_page_by_page_each_once_and_in_order() {
    let db = Database::new().await;
    let client = db.client();
    let batch = completed(&db, 1_203, 32).await;
    let wanted: Vec<Value> = sqlx::query_scalar("select result from engine.ended order by id")
        .fetch_all(db.pool())
        .await
        .unwrap();

    let all: Vec<Value> = client.batch_results(batch.id).try_collect().await.unwrap();

    assert_eq!(all.len(), 1_203);
    assert_eq!(all, wanted);
    assert_eq!(read_at_once(client, &db, batch.id).await, 500);
}

#[tokio::test]
async fn large_results_come_in_small_pages() {
    let db = Database::new().await;
    let client = db.client();
    let batch = completed(&db, 60, 200_000).await;

    let all: Vec<Value> = client.batch_results(batch.id).try_collect().await.unwrap();

    assert_eq!(all.len(), 60);
    let at_once = read_at_once(client, &db, batch.id).await;
    assert!((15..30).contains(&at_once), "{at_once} of 200,000 bytes");
}

/// An end is counted in the row of its batch; nobody looks at the other parts.
#[tokio::test]
async fn the_end_of_a_part_costs_as_much_beside_ten_thousand_as_beside_ten() {
    let mut pages = Vec::new();
    for parts in [10, 10_000] {
        let db = Database::new().await;
        let batch = "'00000000-0000-0000-0000-00000000000b'";
        let fill = format!(
            "insert into engine.batch (shard, id, owner_id, name, total, pending) \
             values (0, {batch}, engine.uuid_v7(), 'all', {parts}, {parts}); \
             insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, batch_id) \
             select 0, engine.uuid_v7(), 'test.act', 'default', true, 0, now(), 8, {batch} \
             from generate_series(1, {parts})"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(fill))
            .execute(db.pool())
            .await
            .unwrap();
        let end = Hot {
            sql: "select engine.end_members($1, $2, $3, $4, $5)",
            types: "smallint, uuid, integer, integer, integer",
            args: format!("0, {batch}, 1, 0, 0").into(),
        };
        pages.push(explain(&db, end).await.pages);
    }

    assert!(pages[0] > 0 && pages[1] <= pages[0] + 10, "{pages:?}");
}
