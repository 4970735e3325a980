//! A database of the release before flows and partitions, brought up to date with everything in it.

use std::borrow::Cow;

use engine::testing::{Database, run_worker};
use engine::{Client, NewJob, Outcome, State, Twin, UniqueScope};
use serde_json::json;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::eras::everything;
use crate::support::*;

/// The last migration of that release.
const BEFORE: i64 = 3;
/// The last migration of the release before eras.
const UNDIVIDED: i64 = 12;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/engine");

/// A database as that release left it, and a client that has not touched it.
async fn of_the_release_before() -> (Database, Client) {
    of_the_release(BEFORE).await
}

pub(crate) async fn of_the_release(last: i64) -> (Database, Client) {
    let db = Database::new().await;
    meddle(&db, "drop schema engine cascade").await;
    let known = MIGRATIONS.iter().filter(|m| m.version <= last).cloned();
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
    let scheduled = enqueue(&db, "scheduled", ", delay => '5 seconds'").await;
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

/// All there can be of history: 600 ended jobs in every state, also with ids of no time and of a far
/// future, their attempts, logs and groups, and what an operator has set.
const HISTORY: &str = "
    create function pg_temp.id(n integer) returns uuid language sql as $$
        select case n % 50
            when 0 then md5(n::text)::uuid
            when 1 then ('0f000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
            else engine.uuid_v7()
        end
    $$;
    create temp table made as
    select pg_temp.id(n) as id, n, (array['completed', 'dead', 'cancelled'])[n % 3 + 1]::engine.job_state as state
    from generate_series(1, 600) n;
    insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, tags)
    select 0, id, 'test.act', jsonb_build_object('name', n::text), 'default', 0, now(), 8, array['t'] from made;
    insert into engine.attempt (shard, job_id, attempt, started_at, ended_at, outcome, times)
    select 0, id, 1, now(), now() - interval '1 hour', 'retry', 3 from made;
    insert into engine.attempt_log (shard, job_id, attempt, lines, left_out)
    select 0, id, 2, '[]', n from made;
    insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, started_at, outcome)
    select 0, id, 'test.act', 'default', state, 0, 2, 1, 0, 8, now(), 'x' from made;
    drop table made;
    alter table engine.ended set (autovacuum_vacuum_scale_factor = 0.05);
    grant select on engine.ended to public;
    comment on column engine.job.tags is 'words of ours'";

/// How the tables that are divided look from outside.
const LOOKS: &str = "
    select string_agg(line, e'\\n' order by line) from (
        select indexdef as line from pg_indexes where schemaname = 'engine' and tablename = any($1)
        union all
        select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
        where conrelid = any(array(select ('engine.' || t)::regclass from unnest($1) t))
        union all
        select pg_get_triggerdef(oid) from pg_trigger
        where tgrelid = any(array(select ('engine.' || t)::regclass from unnest($1) t))
        union all
        select table_name || ' ' || grantee || ' ' || privilege_type from information_schema.role_table_grants
        where table_schema = 'engine' and table_name = any($1)
        union all
        select table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
            || coalesce(col_description(('engine.' || table_name)::regclass, ordinal_position), '')
        from information_schema.columns
        where table_schema = 'engine' and table_name = any($1)
    ) l";

async fn looks(db: &Database) -> String {
    let looks: String = sqlx::query_scalar(LOOKS)
        .bind(["job", "ended", "attempt", "attempt_log"])
        .fetch_one(db.pool())
        .await
        .unwrap();
    // A divided table's index says that it is of this table alone.
    looks.replace(" ON ONLY ", " ON ")
}

#[tokio::test]
async fn history_is_divided_with_all_that_is_in_it() {
    let (db, client) = of_the_release(UNDIVIDED).await;
    sqlx::raw_sql(HISTORY).execute(db.pool()).await.unwrap();
    let (before, looked) = (everything(&db).await, looks(&db).await);

    client.migrate().await.unwrap();

    assert_eq!(everything(&db).await, before);
    assert_eq!(looks(&db).await, looked);
    assert_eq!(client.verify().await.unwrap(), []);
    assert_eq!(
        number(&db, "select count(*) from engine.ended_other").await,
        24,
        "those that are of no era"
    );
    let settings = "select count(*) from pg_class where relname ~ '^ended_(past|2)' and reloptions is not null and relkind = 'r'";
    let eras = number(&db, "select count(*) from engine.era").await;
    assert_eq!(number(&db, settings).await, eras, "also the next one");
    let dead: Vec<Uuid> = sqlx::query_scalar("select id from engine.ended where state = 'dead'")
        .fetch_all(db.pool())
        .await
        .unwrap();
    let worker = run_worker(&client, done(), quick());
    for id in &dead[..40] {
        client.retry(*id, &somebody()).await.unwrap();
        assert_eq!(ended(&client, *id).await.state, State::Completed);
        assert_eq!(outcomes(&client, *id).await.len(), 3);
    }
    worker.stop().await;
    assert_eq!(client.verify().await.unwrap(), []);
}
