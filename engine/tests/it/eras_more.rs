//! Eras that come, eras that cannot be emptied, and what goes job by job.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Keep, KindRetention, Outcome, Retention, State, WorkerOptions};

use crate::eras::{DAY, ended_then, five_days, kept, made_by_hand, old_id, ten_days_old};
use crate::support::*;

#[tokio::test]
async fn the_next_two_eras_are_there_before_they_begin() {
    let db = Database::new().await;
    let hours = Retention {
        completed: Some(DAY),
        ..Retention::default()
    };
    let options = WorkerOptions {
        service: Duration::from_millis(10),
        retention: hours,
        ..quick()
    };

    let workers = [
        elsewhere(&db, done(), options.clone()).await,
        elsewhere(
            &db,
            done(),
            WorkerOptions {
                retention: five_days(),
                ..options
            },
        )
        .await,
    ];
    // Five days are seven eras of 18 hours: two of these ahead.
    until("two eras are ahead", || async {
        number(&db, "select count(*) from engine.era where from_at > now() and until_at > now() + interval '36 hours'").await >= 1
            && number(&db, "select count(*) from engine.era where from_at > now()").await >= 2
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }

    let gaps = number(
        &db,
        "select count(*) from (select from_at, lag(until_at) over (order by from_at) as before from engine.era) e \
         where before <> from_at",
    )
    .await;
    assert_eq!(gaps, 0, "each begins where the last one ends");
    let eras = db.client().eras(five_days()).await.unwrap();
    assert_eq!(eras.last().unwrap().name, "other");
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn jobs_that_came_before_their_era_move_into_it() {
    let db = Database::new().await;
    let early = sqlx::query_scalar("select (substr(engine.first_id(now() + interval '30 hours')::text, 1, 14) || '7000-8000-000000000001')::uuid")
        .fetch_one(db.pool())
        .await
        .unwrap();
    let worker = run_worker(db.client(), done(), quick());
    db.client()
        .enqueue(act("early").with_id(early))
        .await
        .unwrap();
    ended(db.client(), early).await;
    worker.stop().await;
    assert_eq!(
        number(&db, "select count(*) from engine.ended_other").await,
        1
    );

    meddle(
        &db,
        "select engine.add_era(date_trunc('hour', now(), 'UTC') + interval '49 hours', 1000)",
    )
    .await;

    assert_eq!(number(&db, "select (select count(*) from engine.ended_other) + (select count(*) from engine.job_other)").await, 0);
    assert_eq!(job(db.client(), early).await.state, State::Completed);
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_kind_keeps_its_jobs_for_shorter_or_longer_than_all_others() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    let mut registry = done();
    registry.set_policy(
        "test.extra",
        kept(KindRetention {
            completed: Some(Keep::For(DAY)),
            cancelled: Some(Keep::Forever),
            dead: Some(Keep::For(DAY * 2)),
        }),
    );
    run_worker(db.client(), registry, slots(1)).stop().await;
    for (kind, first) in [("test.act", 0), ("test.extra", 100)] {
        ended_then(&db, kind, "completed", (first + 1, first + 10)).await;
        ended_then(&db, kind, "cancelled", (first + 11, first + 20)).await;
        ended_then(&db, kind, "dead", (first + 21, first + 30)).await;
    }
    // Three days ago, when their era is still to come.
    meddle(
        &db,
        "update engine.ended set ended_at = now() - interval '3 days'",
    )
    .await;
    let policies = db.client().kinds().await.unwrap();
    let (_, policy) = policies
        .iter()
        .find(|(name, _)| name == "test.extra")
        .unwrap();
    assert_eq!(policy.retention.cancelled, Some(Keep::Forever));

    let pruned = db.client().prune(five_days()).await.unwrap();

    assert_eq!(
        pruned.emptied.iter().map(|one| one.gone).sum::<i64>() + pruned.rows.cast_signed(),
        20
    );
    let left = "select string_agg(kind || ' ' || state || ' ' || n, ', ' order by kind, state) from \
         (select kind, state, count(*) as n from engine.ended group by kind, state) e";
    let text: String = sqlx::query_scalar(left).fetch_one(db.pool()).await.unwrap();
    assert_eq!(
        text,
        "test.act completed 10, test.act cancelled 10, test.act dead 10, test.extra cancelled 10"
    );
    meddle(
        &db,
        "update engine.ended set ended_at = now() - interval '6 days'",
    )
    .await;
    let rest = db.client().prune(five_days()).await.unwrap();
    assert_eq!(
        rest.rows, 20,
        "of an emptied era what expires later goes job by job"
    );
    let text: String = sqlx::query_scalar(left).fetch_one(db.pool()).await.unwrap();
    assert_eq!(text, "test.act dead 10, test.extra cancelled 10");
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn an_era_in_which_much_must_stay_is_pruned_job_by_job() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "dead", (1, 5_100)).await;
    ended_then(&db, "test.act", "completed", (5_101, 8_100)).await;

    let pruned = db.client().prune(five_days()).await.unwrap();

    let emptied: i64 = pruned.emptied.iter().map(|one| one.gone).sum();
    assert_eq!((pruned.rows, emptied), (3_000, 0), "{pruned:?}");
    assert_eq!(
        number(&db, "select count(*) from engine.ended").await,
        5_100
    );
    assert_eq!(db.client().verify().await.unwrap(), []);
    // What of the rest expires later goes in the same way.
    meddle(
        &db,
        "update engine.ended set state = 'completed' where id > engine.old_id(50)",
    )
    .await;
    let pruned = db.client().prune(five_days()).await.unwrap();
    assert_eq!((pruned.rows, pruned.emptied.len()), (5_050, 0));
    assert_eq!(number(&db, "select count(*) from engine.job").await, 50);
}

#[tokio::test]
async fn what_hung_on_jobs_of_an_era_goes_after_it_whoever_emptied_it() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "completed", (1, 5_000)).await;
    ended_then(&db, "test.act", "dead", (5_001, 5_001)).await;
    meddle(
        &db,
        "insert into engine.flow (shard, job_id) select 0, engine.old_id(n) from generate_series(1, 5001) n",
    )
    .await;
    meddle(
        &db,
        "insert into engine.batch (shard, owner_id, id, name, total, pending) \
         select 0, engine.old_id(n), engine.uuid_v7(), 'x', 0, 0 from generate_series(1, 5001) n",
    )
    .await;
    // By a process that dies behind its commit.
    meddle(
        &db,
        "select engine.empty_era(0::smallint, name, 1, 1, null, 5000) from engine.era \
         where from_at > '-infinity' order by from_at limit 1",
    )
    .await;
    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);

    db.client().prune(five_days()).await.unwrap();

    let left = "select (select count(*) from engine.flow) + (select count(*) from engine.batch)";
    assert_eq!(number(&db, left).await, 2, "those of the job that stayed");
}

#[tokio::test]
async fn what_is_left_of_emptied_eras_becomes_one_and_can_still_be_reached() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "dead", (1, 20)).await;
    let before = number(&db, "select count(*) from engine.era").await;

    let pruned = db.client().prune(five_days()).await.unwrap();

    // Ten days less five, and `past`.
    assert_eq!(pruned.emptied.len(), 6, "{pruned:?}");
    let after = number(&db, "select count(*) from engine.era").await;
    assert_eq!(before - after, 5);
    assert_eq!(
        number(&db, "select count(*) from engine.ended_past").await,
        20
    );
    let tables = "select count(*) from pg_class where relkind = 'r' and relnamespace = 'engine'::regnamespace \
         and relname ~ '^(attempt|attempt_log|ended|job)_(past|[0-9_]+)$'";
    assert_eq!(number(&db, tables).await, after * 4, "the others are gone");
    let id = old_id(&db, 7).await;
    db.client().retry(id, &somebody()).await.unwrap();
    let worker = run_worker(db.client(), done(), quick());
    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    worker.stop().await;
    assert_eq!(db.client().verify().await.unwrap(), []);
    assert_each_job_is_in_one_place(&db).await;
}

#[tokio::test]
async fn dead_letters_leave_their_groups_and_totals_with_their_era() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "dead", (1, 40)).await;
    let worker = elsewhere(&db, done(), quick()).await;
    until("all are in groups", || async {
        number(
            &db,
            "select coalesce(sum(dead), 0)::bigint from engine.dead_group",
        )
        .await
            == 40
    })
    .await;
    worker.stop().await;
    let keep = Retention {
        dead: Some(DAY * 5),
        ..five_days()
    };

    let pruned = db.client().prune(keep).await.unwrap();

    assert_eq!(pruned.emptied[1].gone, 40);
    assert_eq!(
        number(&db, "select sum(dead)::bigint from engine.dead_group").await,
        0
    );
    assert_eq!(db.client().totals().await.unwrap(), []);
    assert_eq!(db.client().verify().await.unwrap(), []);
}

/// The first of the eras is too large to move: it takes up its neighbours, or they it.
#[tokio::test]
async fn a_large_era_takes_up_small_ones_without_being_moved() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "dead", (1, 5_100)).await;
    let large = "select pg_relation_filenode('engine.job_' || name)::bigint from engine.era \
         where from_at <= now() - interval '10 days' order by from_at desc limit 1";
    let file = number(&db, large).await;

    db.client().prune(five_days()).await.unwrap();

    assert_eq!(number(&db, large).await, file, "its table is the same");
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.era where until_at <= now() - interval '5 days'"
        )
        .await,
        1
    );
    assert_eq!(number(&db, "select count(*) from engine.job").await, 5_100);
    let checks = "select count(*) from pg_constraint where conname = 'within_era'";
    assert_eq!(number(&db, checks).await, 0);
    // Ids of before and after it still find their place.
    let (early, late) = ("0001", "0190");
    let worker = run_worker(db.client(), done(), quick());
    for first in [early, late] {
        let id =
            uuid::Uuid::parse_str(&format!("{first}c10b-58cc-7372-a567-0e02b2c3d479")).unwrap();
        db.client().enqueue(act("old").with_id(id)).await.unwrap();
        assert_eq!(ended(db.client(), id).await.state, State::Completed);
    }
    worker.stop().await;
    assert_eq!(
        number(&db, "select count(*) from engine.job_other").await,
        0
    );
    assert_eq!(db.client().verify().await.unwrap(), []);
}

/// Jobs of an era that is over end, are put off and tried again while it is emptied.
#[tokio::test]
async fn jobs_of_an_era_go_on_while_it_is_emptied() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "completed", (1, 3_000)).await;
    let twice = playing(|_, cx| async move {
        match cx.failed() {
            0 => Err(engine::Failure::new("x", "once more")),
            _ => Ok(Outcome::done()),
        }
    });
    let worker = elsewhere(&db, twice, quick()).await;
    let mut ids = Vec::new();
    for n in 20_001..20_100 {
        let id = old_id(&db, n).await;
        db.client().enqueue(act("late").with_id(id)).await.unwrap();
        ids.push(id);
        if n % 10 == 0 {
            meddle(&db, "update engine.era set emptied_at = null").await;
            db.client().prune(five_days()).await.unwrap();
        }
    }

    for id in ids {
        let job = ended(db.client(), id).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 2));
        assert_eq!(outcomes(db.client(), id).await, ["retry", "done"]);
    }
    worker.stop().await;
    assert_eq!(number(&db, "select count(*) from engine.job").await, 99);
    assert_eq!(db.client().verify().await.unwrap(), []);
}

/// The tables belong to who migrated them, and workers run as somebody else.
#[tokio::test]
async fn a_worker_that_owns_no_table_loses_nothing_and_prunes_job_by_job() {
    let db = ten_days_old().await;
    made_by_hand(&db).await;
    ended_then(&db, "test.act", "completed", (1, 50)).await;
    let limited = "do $$ begin execute format('create role %I', current_database() || '_limited'); \
             execute format('grant usage on schema engine to %I', current_database() || '_limited'); \
             execute format('grant select, insert, update, delete on all tables in schema engine to %I', current_database() || '_limited'); \
         end $$";
    sqlx::raw_sql(limited).execute(db.pool()).await.unwrap();
    let role: String = sqlx::query_scalar("select current_database() || '_limited'")
        .fetch_one(db.pool())
        .await
        .unwrap();
    let options = db.pool().connect_options();
    let pool = sqlx::PgPool::connect_lazy_with((*options).clone().options([("role", &role)]));
    let client = engine::Client::from_pool(pool);

    let pruned = client.prune(five_days()).await.unwrap();

    assert_eq!((pruned.rows, pruned.emptied), (50, vec![]));
    assert_eq!(number(&db, "select count(*) from engine.job").await, 0);
    assert_eq!(db.client().verify().await.unwrap(), []);
    let drop = "do $$ begin execute format('drop owned by %I', current_database() || '_limited'); \
         execute format('drop role %I', current_database() || '_limited'); end $$";
    sqlx::raw_sql(drop).execute(db.pool()).await.unwrap();
}
