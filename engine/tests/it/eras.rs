//! History by eras: what has expired goes at once, what must stay stays and works on.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Emptied, Job, JobQuery, Keep, KindRetention, NewJob, Outcome, Policy, Retention, State,
    WorkerOptions,
};
use uuid::Uuid;

use crate::support::*;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Completed and cancelled jobs for five days, dead letters for ever.
pub(crate) fn five_days() -> Retention {
    Retention {
        completed: Some(DAY * 5),
        cancelled: Some(DAY * 5),
        dead: None,
        logs: None,
    }
}

/// A database whose services have made an era a day for the last ten days.
pub(crate) async fn ten_days_old() -> Database {
    let db = Database::new().await;
    let past = "do $$
        declare
            one record;
            ahead text := (select name from engine.era where name <> 'past');
            begin_at timestamptz := date_trunc('hour', now(), 'UTC') - interval '10 days';
        begin
            for one in select * from engine.divided() loop
                execute format('drop table engine.%I', one.name || '_' || ahead);
                execute format('alter table engine.%I detach partition engine.%I', one.name, one.name || '_past');
                execute format(
                    'alter table engine.%I attach partition engine.%I for values from (minvalue) to (%L)',
                    one.name, one.name || '_past', engine.first_id(begin_at)
                );
            end loop;
            delete from engine.era where name = ahead;
            update engine.era set until_at = begin_at where name = 'past';
            for day in 1..11 loop
                perform engine.add_era(begin_at + day * interval '1 day', 1000);
            end loop;
        end $$";
    sqlx::raw_sql(past).execute(db.pool()).await.unwrap();
    // An era that autovacuum holds is emptied later.
    without_autovacuum(&db).await;
    db
}

/// Jobs number `from` to `to` of the first of the ten days, ended as `state` a second after their enqueue.
pub(crate) async fn ended_then(db: &Database, kind: &str, state: &str, (from, to): (i32, i32)) {
    sqlx::query(
        "with made as materialized ( \
             select engine.old_id(n) as id, now() - interval '10 days' as at from generate_series($3, $4) n \
         ), asked as ( \
             insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, created_at) \
             select 0, id, $1, '{\"name\": \"old\"}', 'default', 0, at, 8, at from made \
         ), tried as ( \
             insert into engine.attempt (shard, job_id, attempt, started_at, ended_at, outcome) \
             select 0, id, 1, at, at, 'retry' from made \
         ), said as ( \
             insert into engine.attempt_log (shard, job_id, attempt, lines, left_out, updated_at) \
             select 0, id, 2, '[]', 0, at from made \
         ) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, \
             started_at, ended_at, outcome, code, error) \
         select 0, id, $1, 'default', $2::engine.job_state, 0, 2, 1, 0, 8, at, at + interval '1 second', \
             case $2 when 'completed' then 'done' else 'dead' end, 'x', 'no luck' from made",
    )
    .bind(kind)
    .bind(state)
    .bind(from)
    .bind(to)
    .execute(db.pool())
    .await
    .unwrap();
}

/// Jobs of that day that wait for the signal `go`, after a step.
async fn waiting_since(db: &Database, (from, to): (i32, i32)) {
    sqlx::query(
        "with made as materialized ( \
             select engine.old_id(n) as id, now() - interval '10 days' as at from generate_series($1, $2) n \
         ), asked as ( \
             insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, created_at) \
             select 0, id, 'test.act', '{\"name\": \"waits\"}', 'default', 0, at, 8, at from made \
         ), flown as ( \
             insert into engine.flow (shard, job_id, steps_version) select 0, id, 1 from made \
         ), stepped as ( \
             insert into engine.step (shard, job_id, name, attempt, result) select 0, id, 'first', 1, '7' from made \
         ) \
         insert into engine.pending (shard, id, kind, queue, state, due, priority, run_at, attempt, max_attempts, waiting_for) \
         select 0, id, 'test.act', 'default', 'waiting', false, 0, 'infinity', 1, 8, 'signal:go' from made",
    )
    .bind(from)
    .bind(to)
    .execute(db.pool())
    .await
    .unwrap();
}

/// An id of the first of the ten days.
pub(crate) async fn old_id(db: &Database, n: i32) -> Uuid {
    sqlx::query_scalar("select engine.old_id($1)")
        .bind(n)
        .fetch_one(db.pool())
        .await
        .unwrap()
}

/// 10,000 completed, 30 dead, 5 waiting and 3 completed of a kind that is kept for thirty days.
async fn of_another_time() -> Database {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "completed", (1, 10_000)).await;
    ended_then(&db, "test.act", "dead", (10_001, 10_030)).await;
    waiting_since(&db, (10_031, 10_035)).await;
    ended_then(&db, "test.extra", "completed", (10_036, 10_038)).await;
    // Also what a job that goes has left in other tables.
    meddle(
        &db,
        "insert into engine.flow (shard, job_id) values (0, engine.old_id(1))",
    )
    .await;
    meddle(
        &db,
        "insert into engine.step (shard, job_id, name, attempt, result) values (0, engine.old_id(1), 'x', 1, '1')",
    )
    .await;
    let mut registry = done();
    registry.set_policy(
        "test.extra",
        kept(KindRetention {
            completed: Some(Keep::For(DAY * 30)),
            ..KindRetention::default()
        }),
    );
    run_worker(db.client(), registry, slots(1)).stop().await;
    db
}

/// Ids by number, for the statements above.
pub(crate) async fn made_by_hand(db: &Database) {
    let first = "do $do$ begin execute format($$ \
             create function engine.old_id(n integer) returns uuid language sql immutable as \
             'select (substr(''%s'', 1, 14) || ''7000-8000-'' || lpad(to_hex(n), 12, ''0''))::uuid' \
         $$, engine.first_id(now() - interval '10 days')); end $do$";
    sqlx::raw_sql(first).execute(db.pool()).await.unwrap();
}

pub(crate) fn kept(retention: KindRetention) -> Policy {
    Policy {
        retention,
        ..Act::policy()
    }
}

/// Rows that were deleted by this transaction from the tables of the first day.
const DELETED: &str = "select coalesce(sum(n_tup_del), 0)::bigint from pg_stat_xact_user_tables \
     where schemaname = 'engine' and relname = any(array( \
         select d.name || '_' || e.name from engine.divided() d, \
             (select name from engine.era where from_at > '-infinity' order by from_at limit 1) e))";

/// Everything there is of jobs, as one text.
pub(crate) async fn everything(db: &Database) -> String {
    let mut all = String::new();
    for table in [
        "job",
        "ended",
        "attempt",
        "attempt_log",
        "pending",
        "flow",
        "step",
        "tally",
    ] {
        let sql = format!(
            "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from engine.{table} t"
        );
        let one: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(db.pool())
            .await
            .unwrap();
        all.push_str(&one);
    }
    all
}

#[tokio::test]
async fn an_era_goes_at_once_and_what_must_stay_in_it_works_on() {
    let db = of_another_time().await;
    let client = db.client();
    let would = client.prune_preview(five_days()).await.unwrap();

    let pruned = client.prune(five_days()).await.unwrap();

    let first = &pruned.emptied[1];
    assert_eq!((first.gone, first.stayed), (10_000, 38), "{pruned:?}");
    assert_eq!(would, pruned, "a dry run says what is done");
    assert_eq!(number(&db, "select count(*) from engine.job").await, 38);
    assert_eq!(number(&db, "select count(*) from engine.ended").await, 33);
    assert_eq!(number(&db, "select count(*) from engine.attempt").await, 33);
    assert_eq!(
        number(&db, "select count(*) from engine.attempt_log").await,
        33
    );
    assert_eq!(number(&db, "select count(*) from engine.step").await, 5);
    assert_eq!(number(&db, "select count(*) from engine.flow").await, 5);
    assert_eq!(client.verify().await.unwrap(), []);
    let again = client.prune(five_days()).await.unwrap();
    assert_eq!((again.emptied, again.rows), (vec![], 0), "once is enough");

    // All that stayed can be found, told and tried on.
    let dead = JobQuery {
        filter: engine::Filter::parse("state:dead").unwrap(),
        ..JobQuery::default()
    };
    let page = client.jobs(dead).await.unwrap();
    assert_eq!(page.data.len(), 30);
    let letter = old_id(&db, 10_001).await;
    assert_eq!(outcomes(client, letter).await, ["retry", "dead"]);
    let waiting = old_id(&db, 10_031).await;
    let long = old_id(&db, 10_036).await;
    assert_eq!(job(client, long).await.state, State::Completed);
    client.retry(letter, &somebody()).await.unwrap();
    client
        .signal(waiting, "go", None, &somebody())
        .await
        .unwrap();
    let copy = client
        .run_again(old_id(&db, 10_002).await, None, &somebody())
        .await
        .unwrap();
    let worker = run_worker(client, done(), quick());
    for id in [letter, waiting, copy.id] {
        assert_eq!(ended(client, id).await.state, State::Completed);
    }
    worker.stop().await;
    assert_eq!(client.verify().await.unwrap(), []);
    assert_each_job_is_in_one_place(&db).await;
}

#[tokio::test]
async fn emptying_deletes_no_row_and_undone_it_has_lost_none() {
    let db = of_another_time().await;
    let before = everything(&db).await;
    let name: String = sqlx::query_scalar(
        "select name from engine.era where from_at > '-infinity' order by from_at limit 1",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();

    let mut tx = db.pool().begin().await.unwrap();
    let days = 5_i64 * 86_400_000;
    let (answer, gone): (String, i64) = sqlx::query_as(
        "select answer, gone from engine.empty_era(0::smallint, $1, $2, $2, null, 5000)",
    )
    .bind(&name)
    .bind(days)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from engine.job")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let deleted: i64 = sqlx::query_scalar(DELETED)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    // As a process that dies here.
    tx.rollback().await.unwrap();

    assert_eq!(
        (answer.as_str(), gone, left, deleted),
        ("emptied", 10_000, 38, 0)
    );
    assert_eq!(everything(&db).await, before);
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_reader_puts_off_the_emptying_and_holds_up_nobody() {
    let db = of_another_time().await;
    let client = db.client().clone();
    // The first day could be emptied since this noon: not yet for as long as it was itself.
    let keep = Retention {
        completed: Some(DAY * 17 / 2),
        ..five_days()
    };
    let mut reader = db.pool().begin().await.unwrap();
    sqlx::query("select count(*) from engine.ended")
        .execute(&mut *reader)
        .await
        .unwrap();
    // Its own prune has other retentions.
    let options = WorkerOptions {
        service: Duration::from_secs(3_600),
        ..quick()
    };
    let worker = elsewhere(&db, done(), options).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let pruning = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let mut tried = 0;
            while !stop.is_cancelled() {
                let pruned = client.prune(keep).await.unwrap();
                assert_eq!(pruned.emptied, [], "a reader holds its tables");
                tried += pruned.busy.len();
            }
            tried
        }
    });

    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(client.enqueue(act("now")).await.unwrap().id);
    }
    for id in ids {
        assert_eq!(ended(&client, id).await.state, State::Completed);
    }
    stop.cancel();
    assert!(pruning.await.unwrap() > 0, "it tried, and gave up");
    worker.stop().await;
    reader.rollback().await.unwrap();

    let pruned = client.prune(keep).await.unwrap();
    // This worker's kinds keep nothing longer than others.
    assert_eq!(pruned.emptied.last().unwrap().gone, 10_003);
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn an_era_is_emptied_by_one_of_two_processes() {
    let db = of_another_time().await;
    let other = another_client(&db).await;

    let (one, two) = tokio::join!(db.client().prune(five_days()), other.prune(five_days()));

    let mut all: Vec<Emptied> = one.unwrap().emptied;
    all.extend(two.unwrap().emptied);
    let gone: i64 = all.iter().map(|emptied| emptied.gone).sum();
    assert_eq!(gone, 10_000, "{all:?}");
    assert_eq!(number(&db, "select count(*) from engine.job").await, 38);
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn ids_of_no_era_live_as_all_others_do() {
    let db = Database::new().await;
    let client = db.client();
    let odd = Uuid::parse_str("f47ac10b-58cc-4372-a567-0e02b2c3d479").unwrap();
    let far = Uuid::parse_str("0f000000-0000-7000-8000-000000000001").unwrap();
    let dying = playing(|_, cx| async move {
        match cx.failed() {
            0 => Ok(Outcome::Dead("no".into())),
            _ => Ok(Outcome::done()),
        }
    });
    let worker = run_worker(client, dying, quick());
    for id in [odd, far] {
        client.enqueue(act("odd").with_id(id)).await.unwrap();
        let resent: NewJob = act("odd").with_id(id);
        client.enqueue(resent).await.unwrap();
        assert_eq!(ended(client, id).await.state, State::Dead);
        client.retry(id, &somebody()).await.unwrap();
        assert_eq!(ended(client, id).await.state, State::Completed);
        assert_eq!(outcomes(client, id).await, ["dead", "done"]);
    }
    assert_eq!(
        client.jobs(JobQuery::default()).await.unwrap().data.len(),
        2
    );
    worker.stop().await;
    assert_eq!(
        number(&db, "select count(*) from engine.ended_other").await,
        2
    );
    assert_eq!(client.prune(five_days()).await.unwrap().rows, 0);
    meddle(
        &db,
        "update engine.ended set ended_at = now() - interval '6 days'",
    )
    .await;

    let pruned = client.prune(five_days()).await.unwrap();

    assert_eq!((pruned.rows, pruned.emptied), (2, vec![]));
    assert_eq!(
        number(
            &db,
            "select (select count(*) from engine.job) + (select count(*) from engine.attempt)"
        )
        .await,
        0
    );
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn that_no_era_could_be_made_is_an_alert_while_workers_are_alive() {
    let db = Database::new().await;
    let named = async || {
        let alerts = db.client().alerts().await.unwrap();
        alerts
            .into_iter()
            .map(|alert| alert.alert)
            .collect::<Vec<_>>()
    };
    let worker = "insert into engine.worker (id, label, version, queues, kinds, slots) \
         values (gen_random_uuid(), 'w', '1', '{}', '{}', '{}')";
    sqlx::query(worker).execute(db.pool()).await.unwrap();
    let in_good_time = named().await;
    let late = "update engine.era \
         set from_at = from_at - interval '3 days', until_at = until_at - interval '3 days'";
    sqlx::query(late).execute(db.pool()).await.unwrap();

    let without = named().await;

    assert_eq!(in_good_time, Vec::<String>::new());
    assert_eq!(without, ["no_era"]);
}
