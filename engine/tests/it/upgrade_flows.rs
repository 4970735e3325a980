//! Databases of later releases, brought up to date while everything that can be under way is: each thing goes on where it was.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{
    BreakerState, BulkState, Client, Cx, Draw, Failure, Limits, NewJob, Outcome, PartitionOrder,
    Policy, Registry, Reserved, State,
};
use futures::TryStreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bulk::over;
use crate::support::*;
use crate::upgrade::of_the_release;

/// What those releases had under way, in their own tables.
const UNDER_WAY: &str = r#"
    insert into engine.kind (name, partition_order) values ('test.act', null), ('test.extra', 'block');

    create function pg_temp.job(p_name text, p_rest jsonb default '{}', p_kind text default 'test.act') returns uuid
    language plpgsql as $$
    declare
        made uuid := engine.uuid_v7();
    begin
        perform engine.insert_job(
            0::smallint, made, p_kind, jsonb_build_object('name', p_name), null, null, null, now(), p_rest
        );
        return made;
    end $$;

    create function pg_temp.ended(p_id uuid, p_state text, p_ago interval, p_result jsonb default null) returns void
    language sql as $$
        with gone as (delete from engine.pending where id = p_id returning *)
        insert into engine.ended (
            shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, worker_id, started_at, ended_at,
            outcome, code, error, result
        )
        select
            shard, id, kind, queue, p_state::engine.job_state, priority, 1, (p_state = 'dead')::integer, 0, max_attempts,
            gen_random_uuid(), now() - p_ago, now() - p_ago, case p_state when 'dead' then 'dead' else 'done' end,
            case p_state when 'dead' then 'x' end, case p_state when 'dead' then 'no luck' end, p_result
        from gone
    $$;

    do $$
    declare
        batch uuid := engine.uuid_v7();
        parts uuid := engine.uuid_v7();
        owner uuid;
        one uuid;
    begin
        -- A finaliser whose members have ended, wait in the queue, and run under the lease of a worker that is no more.
        owner := pg_temp.job('last', jsonb_build_object('waits_for', batch));
        insert into engine.batch (shard, id, owner_id, name, total, pending, completed) values (0, batch, owner, 'batch', 3, 2, 1);
        perform pg_temp.job('queued', jsonb_build_object('batch_id', batch, 'parent_id', owner));
        perform pg_temp.ended(
            pg_temp.job('ended', jsonb_build_object('batch_id', batch, 'parent_id', owner)), 'completed', '1 minute', '"ended"'
        );
        one := pg_temp.job('running', jsonb_build_object('batch_id', batch, 'parent_id', owner));
        with claimed as (delete from engine.pending where id = one returning *)
        insert into engine.running (
            shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id, started_at, lease_until, batch_id
        )
        select shard, id, kind, queue, priority, 1, 0, 0, max_attempts, 7, gen_random_uuid(), now(), now(), batch_id from claimed;

        -- A flow behind two steps, of which the second made parts: one of them another's job.
        owner := pg_temp.job('parent');
        update engine.pending set state = 'waiting', due = false, run_at = 'infinity', attempt = 1, waiting_for = 'batch:' || parts
        where id = owner;
        one := pg_temp.job('twin');
        perform pg_temp.ended(one, 'completed', '1 minute');
        insert into engine.flow (shard, job_id, steps_version) values (0, owner, 1);
        insert into engine.step (shard, job_id, name, attempt, result) values
            (0, owner, 'first', 1, '41'),
            (0, owner, 'parts', 1, jsonb_build_array(parts, jsonb_build_array(one)));
        insert into engine.batch (shard, id, owner_id, name, total, pending, completed) values (0, parts, owner, 'parts', 2, 1, 1);
        perform pg_temp.job('part', jsonb_build_object('batch_id', parts, 'parent_id', owner));

        -- One that waits for a signal, and one that was told before it asks.
        one := pg_temp.job('asks');
        update engine.pending set state = 'waiting', due = false, run_at = 'infinity', attempt = 1, waiting_for = 'signal:go' where id = one;
        insert into engine.flow (shard, job_id, steps_version) values (0, one, 1);
        one := pg_temp.job('told');
        insert into engine.flow (shard, job_id) values (0, one);
        insert into engine.signal (shard, job_id, name, payload) values (0, one, 'go', '5');

        insert into engine.budget (shard, key, capacity, refill_per_s, refill_ceiling_per_s, tokens, level_known)
        values (0, 'calls', 10, 0.001, 0.001, 6, true);
        insert into engine.budget_lease (shard, key, holder, tokens, lease_until)
        values (0, 'calls', gen_random_uuid(), 4, now() + interval '1 hour');

        insert into engine.breaker (shard, connection, state, version, opens, opened_at, open_until)
        values (0, 'remote/down', 'open', 3, 1, now(), now() + interval '1 hour');
        one := pg_temp.job('put off', '{"rate_keys": ["remote/down"]}');
        update engine.pending set due = false, attempt = 1, run_at = now() + interval '5 minutes' where id = one;
        insert into engine.attempt (shard, job_id, attempt, started_at, outcome, code, error, times)
        values (0, one, 1, now(), 'put_off', 'breaker_open', 'remote/down is down', 2);
        insert into engine.put_off (shard, job_id, key) values (0, one, 'remote/down');

        one := pg_temp.job('bad', '{"partition_key": "tenant"}', 'test.extra');
        perform pg_temp.ended(one, 'dead', '1 minute');
        perform engine.block_partition(0::smallint, 'tenant', one, 'test.extra');
        perform pg_temp.job('behind', '{"partition_key": "tenant"}', 'test.extra');

        -- A retry of three dead letters that has done the newest.
        for n in 1..2 loop
            perform pg_temp.ended(pg_temp.job('letter', '{"tags": ["lost"]}'), 'dead', (20 - n) * interval '1 second');
        end loop;
        one := pg_temp.job('letter', '{"tags": ["lost"]}');
        update engine.pending set attempt = 1, failed = 1 where id = one;
        insert into engine.bulk (
            id, act, filter, chunk, state, matched, matched_all, looked_at, done, chunks, cursor_at, cursor_id,
            requested_by, requested_via, started_at
        ) values (
            gen_random_uuid(), 'retry', 'state:dead tag:lost', 1, 'running', 3, true, 1, 1, 1, now() - interval '10 seconds', one,
            'ada', 'test', now()
        );
    end $$;
"#;

/// What a handler of today makes of them.
async fn play(name: String, cx: Cx<Stage>) -> Result<Outcome, Failure> {
    let given = match name.as_str() {
        "last" => {
            let batch = cx.client().batches(cx.job_id()).await?.remove(0);
            let mut results: Vec<Value> = cx.client().batch_results(batch.id).try_collect().await?;
            results.sort_by_key(Value::to_string);
            json!(results)
        }
        "parent" => {
            let first: i32 = cx.step("first", async || Err(not_again())).await?;
            let parts = cx
                .children("parts", |_| {
                    Box::pin(async { Err::<Vec<NewJob>, _>(not_again()) })
                })
                .await?;
            json!([first, parts.completed, parts.twins])
        }
        "asks" | "told" => json!(cx.signal::<Value>("go", None).await?),
        name => json!(name),
    };
    Ok(Outcome::Done(Some(given)))
}

fn not_again() -> Failure {
    Failure::new("again", "it was done before the upgrade").again(engine::Again::Never)
}

fn registry() -> Registry {
    let mut registry = playing(play);
    let limits = Limits {
        order: Some(PartitionOrder::Block),
        ..Limits::default()
    };
    let policy = Policy {
        limits,
        ..registry.policy("test.extra")
    };
    assert!(registry.set_policy("test.extra", policy));
    registry
}

/// A database as that release left it, brought up to date, with a worker.
async fn upgraded(last: i64) -> (Database, Client, WorkerGuard) {
    let (db, client) = of_the_release(last).await;
    sqlx::raw_sql(UNDER_WAY).execute(db.pool()).await.unwrap();
    client.migrate().await.unwrap();
    assert_eq!(client.verify().await.unwrap(), []);
    let worker = run_worker(&client, registry(), quick());
    (db, client, worker)
}

/// The job of that name.
async fn named(db: &Database, name: &str) -> Uuid {
    sqlx::query_scalar("select id from engine.job where args ->> 'name' = $1")
        .bind(name)
        .fetch_one(db.pool())
        .await
        .unwrap()
}

async fn everything_goes_on(last: i64) {
    let (db, client, worker) = upgraded(last).await;
    flows_go_on(&db, &client).await;
    limits_hold(&client).await;
    connections_stay_shut(&db, &client).await;
    partitions_stay_blocked(&db, &client).await;

    let bulk: Uuid = sqlx::query_scalar("select id from engine.bulk")
        .fetch_one(db.pool())
        .await
        .unwrap();
    let bulk = over(&client, bulk).await;
    assert_eq!(
        (bulk.state, bulk.done, bulk.skipped, bulk.refused),
        (BulkState::Done, 3, 0, 0)
    );
    let letters = "select count(*) from engine.ended e join engine.job j using (shard, id) \
         where e.state = 'completed' and e.attempt = 2 and 'lost' = any(j.tags)";
    until_count(&db, "all letters were tried again", letters, 3).await;
    worker.stop().await;
    assert_eq!(client.verify().await.unwrap(), []);
    assert_each_job_is_in_one_place(&db).await;
}

async fn flows_go_on(db: &Database, client: &Client) {
    let last = ended(client, named(db, "last").await).await;
    assert_eq!(last.state, State::Completed, "{last:?}");
    assert_eq!(last.result, Some(json!(["ended", "queued", "running"])));
    let crashed = job(client, named(db, "running").await).await;
    assert_eq!((crashed.attempt, crashed.crashes), (2, 1));

    let parent = ended(client, named(db, "parent").await).await;
    let twin = named(db, "twin").await;
    assert_eq!(parent.result, Some(json!([41, 2, [twin]])), "{parent:?}");
    assert_eq!(parent.attempt, 2);

    assert_eq!(
        ended(client, named(db, "told").await).await.result,
        Some(json!(5))
    );
    let asks = named(db, "asks").await;
    assert_eq!(job(client, asks).await.state, State::Waiting);
    client
        .signal(asks, "go", Some(&json!("now")), &somebody())
        .await
        .unwrap();
    assert_eq!(ended(client, asks).await.result, Some(json!("now")));
}

/// Four of ten tokens are another process's.
async fn limits_hold(client: &Client) {
    let draw = |cost| Draw {
        key: "calls".into(),
        cost,
    };
    let budget = client.budget("calls").await.unwrap();
    assert!((budget.leased - 4.0).abs() < 0.01, "{budget:?}");
    let dear = client.reserve(&[draw(7.0)], Duration::ZERO).await.unwrap();
    let cheap = client.reserve(&[draw(6.0)], Duration::ZERO).await.unwrap();
    assert!(matches!(dear, Reserved::Wait(_)), "{dear:?}");
    assert!(matches!(cheap, Reserved::Go(_)), "{cheap:?}");
}

async fn connections_stay_shut(db: &Database, client: &Client) {
    assert_eq!(
        client.breaker("remote/down").await.unwrap().state,
        BreakerState::Open
    );
    let early = named(db, "put off").await;
    let late = client
        .enqueue(act("late").rate_key("remote/down"))
        .await
        .unwrap()
        .id;
    until_count(
        db,
        "both are put off",
        "select count(*) from engine.put_off",
        2,
    )
    .await;
    assert_eq!(job(client, early).await.attempt, 1, "not tried meanwhile");

    client
        .close_breaker("remote/down", None, &somebody())
        .await
        .unwrap();
    for id in [early, late] {
        let job = ended(client, id).await;
        assert_eq!((job.state, job.failed), (State::Completed, 0), "{job:?}");
    }
    assert_eq!(outcomes(client, early).await, ["put_off", "done"]);
}

async fn partitions_stay_blocked(db: &Database, client: &Client) {
    let behind = named(db, "behind").await;
    let blocks = client.blocked_partitions(None, 50).await.unwrap().data;
    assert_eq!(blocks.len(), 1);
    assert_eq!(
        (blocks[0].job_id, blocks[0].waiting),
        (named(db, "bad").await, 1)
    );
    assert_eq!(job(client, behind).await.state, State::Available);
    client
        .skip_dead("tenant", &somebody(), Some("not needed"))
        .await
        .unwrap();
    assert_eq!(ended(client, behind).await.state, State::Completed);
}

/// The release before eras.
#[tokio::test]
async fn what_is_under_way_goes_on_after_an_upgrade_from_12() {
    everything_goes_on(12).await;
}

/// The release before tokens of the dead counted as spent.
#[tokio::test]
async fn what_is_under_way_goes_on_after_an_upgrade_from_16() {
    everything_goes_on(16).await;
}

/// The release before limits per connection.
#[tokio::test]
async fn what_is_under_way_goes_on_after_an_upgrade_from_17() {
    everything_goes_on(17).await;
}

/// It is made anew, with more parameters.
#[tokio::test]
async fn who_may_enqueue_by_sql_may_after_an_upgrade_and_nobody_else() {
    let (db, client) = of_the_release(17).await;
    meddle(&db, "do $$ begin execute 'revoke all on function ' || (select oid::regprocedure from pg_proc where proname = 'enqueue') \
        || ' from public'; execute 'grant execute on function ' || (select oid::regprocedure from pg_proc where proname = 'enqueue') \
        || ' to pg_monitor with grant option'; end $$").await;

    client.migrate().await.unwrap();

    let may = "select count(*) from pg_proc, aclexplode(proacl) a \
         where proname in ('enqueue', 'connection_of', 'check_word', 'check_backoff') \
         and pronamespace = 'engine'::regnamespace and a.grantee = 'pg_monitor'::regrole";
    assert_eq!(
        number(&db, may).await,
        4,
        "with what engine.enqueue calls since"
    );
    let public = "select count(*) from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a \
         where proname in ('enqueue', 'connection_of', 'check_word', 'check_backoff') \
         and pronamespace = 'engine'::regnamespace and a.grantee = 0";
    assert_eq!(number(&db, public).await, 0);
    let (open, client) = of_the_release(17).await;
    // As whoever installs it may have said since.
    meddle(
        &open,
        "alter default privileges revoke execute on functions from public",
    )
    .await;
    client.migrate().await.unwrap();
    assert_eq!(number(&open, OPEN).await, 4 + 3);
}

/// Functions that everybody may call, of those that migrations since 17 have made.
const OPEN: &str = "select count(*) from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a \
     where (proname in ('enqueue', 'connection_of', 'check_word', 'check_backoff', 'queued_key', 'retake_key') \
            or proname = 'admit' and pronargs = 11) \
     and pronamespace = 'engine'::regnamespace and a.grantee = 0";
