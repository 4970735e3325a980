//! Rollups, totals and depths: what was counted is what there is, whatever happens.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard};
use engine::{
    Again, Failure, Figures, NewJob, Outcome, Retention, RollupBy, RollupQuery, When, WorkerOptions,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::support::*;

/// Handlers that end as the job's name says.
async fn obedient(db: &Database, options: WorkerOptions) -> WorkerGuard {
    let registry = playing(|name, cx| async move {
        match name.as_str() {
            "dead" => Err(Failure::new("http_401", "no").again(Again::Never)),
            "twice" if cx.failed() == 0 => Err(Failure::new("http_500", "not yet")),
            "snooze" if cx.fence().attempt == 1 => Ok(Outcome::Snooze(Duration::from_millis(1))),
            "own" => {
                let mut tx = cx.client().pool().begin().await.unwrap();
                let outcome = cx.settle(&mut tx, Outcome::done()).await?;
                tx.commit().await.unwrap();
                Ok(outcome)
            }
            _ => Ok(Outcome::done()),
        }
    });
    elsewhere(db, registry, options).await
}

async fn enqueued(db: &Database, jobs: Vec<NewJob>) -> Vec<Uuid> {
    db.client().enqueue_all(&jobs).await.unwrap();
    jobs.iter().map(NewJob::id).collect()
}

async fn hour(db: &Database) -> Figures {
    db.client().overview().await.unwrap().hour
}

/// What the figures say in five numbers.
fn counts(of: &Figures) -> [i64; 5] {
    [of.completed, of.cancelled, of.dead, of.failed, of.put_back]
}

/// Tallies that no rollup has yet.
async fn unfolded(db: &Database) -> i64 {
    number(db, "select count(*) from engine.tally").await
}

async fn totals_of(db: &Database) -> Vec<(String, i64)> {
    let totals = db.client().totals().await.unwrap();
    let pairs = totals.into_iter();
    pairs.map(|total| (total.state, total.jobs)).collect()
}

#[tokio::test]
async fn every_way_to_end_is_counted_once_folded_or_not() {
    let db = Database::new().await;
    let names = ["done", "done", "own", "dead", "twice", "snooze"];
    let ids = enqueued(&db, names.map(act).to_vec()).await;
    let cancelled = enqueued(
        &db,
        vec![act("never").when(When::After(Duration::from_secs(60)))],
    )
    .await[0];
    // No fold comes in between.
    let options = WorkerOptions {
        service: Duration::from_secs(600),
        ..quick()
    };

    let worker = obedient(&db, options).await;
    for id in &ids {
        ended(db.client(), *id).await;
    }
    db.client()
        .cancel(cancelled, &somebody(), "no")
        .await
        .unwrap();
    worker.stop().await;
    let before = hour(&db).await;
    assert!(unfolded(&db).await > 0);
    let folder = elsewhere(&db, done(), quick()).await;
    until("all is folded", || async { unfolded(&db).await == 0 }).await;
    folder.stop().await;
    let after = hour(&db).await;

    assert_eq!(counts(&before), [5, 1, 1, 2, 1]);
    assert_eq!(after, before);
    assert!(before.mean_ms <= before.max_ms && before.p50_ms <= before.max_ms);
    let totals = totals_of(&db).await;
    let all = [("cancelled", 1), ("completed", 5), ("dead", 1)];
    assert_eq!(totals, all.map(|(state, jobs)| (state.to_owned(), jobs)));
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn an_end_that_is_rolled_back_is_not_counted() {
    let db = Database::new().await;
    let id = enqueued(&db, vec![act("x")]).await[0];
    let registry = playing(|_, cx| async move {
        if cx.failed() == 0 {
            let mut tx = cx.client().pool().begin().await.unwrap();
            cx.settle(&mut tx, Outcome::done()).await?;
            tx.rollback().await.unwrap();
            return Err(Failure::new("http_500", "the commit failed"));
        }
        Ok(Outcome::done())
    });

    let worker = elsewhere(&db, registry, quick()).await;
    ended(db.client(), id).await;
    worker.stop().await;

    assert_eq!(counts(&hour(&db).await), [1, 0, 0, 1, 0]);
}

#[tokio::test]
async fn a_retried_letter_leaves_the_total_and_its_end_stays_on_record() {
    let db = Database::new().await;
    let ids = enqueued(&db, vec![act("dead"), act("dead"), act("dead")]).await;
    let worker = obedient(&db, quick()).await;
    for id in &ids {
        ended(db.client(), *id).await;
    }
    worker.stop().await;

    db.client().retry(ids[0], &somebody()).await.unwrap();
    db.client().delete(ids[1], &somebody()).await.unwrap();

    assert_eq!(totals_of(&db).await, [("dead".to_owned(), 1)]);
    assert_eq!(counts(&hour(&db).await), [0, 0, 3, 3, 0]);
    let queue = &db.client().queues().await.unwrap()[0];
    assert_eq!((queue.dead, queue.available), (1, 1));
}

/// Two fold, three work, people retry, cancel and delete, and old jobs are pruned, all at once.
#[tokio::test]
async fn totals_are_exact_after_any_history() {
    let db = Database::new().await;
    let client = db.client().clone();
    let options = WorkerOptions {
        service: Duration::from_millis(10),
        retention: Retention {
            cancelled: Some(Duration::from_millis(1)),
            ..Retention::default()
        },
        ..quick()
    };
    let mut chance = StdRng::seed_from_u64(7);
    let workers = [
        obedient(&db, options.clone()).await,
        obedient(&db, options.clone()).await,
    ];
    let mut all = Vec::new();
    for _ in 0..15 {
        let names = ["done", "dead", "twice", "snooze", "own", "dead"];
        let jobs = (0..20).map(|_| act(names[chance.random_range(0..names.len())]));
        all.extend(enqueued(&db, jobs.collect()).await);
        for _ in 0..15 {
            let id = all[chance.random_range(0..all.len())];
            // Most are in no state for it, which is as good a history as any.
            let _ = match chance.random_range(0..3) {
                0 => client.retry(id, &somebody()).await.map(|_| ()),
                1 => client.cancel(id, &somebody(), "x").await.map(|_| ()),
                _ => client.delete(id, &somebody()).await.map(|_| ()),
            };
        }
        let found = client.verify().await.unwrap();
        assert!(
            !found.iter().any(|one| one.finding == "total_miscounted"),
            "{found:?}"
        );
    }
    until_count(
        &db,
        "nothing is left to do",
        "select (select count(*) from engine.pending) + (select count(*) from engine.running)",
        0,
    )
    .await;
    for worker in workers {
        worker.stop().await;
    }

    let folded = number(&db, "select count(*) from engine.total").await;
    assert!(folded > 0, "the history was folded while it went on");
    assert_eq!(client.verify().await.unwrap(), []);
    let counted: i64 = totals_of(&db).await.iter().map(|(_, jobs)| jobs).sum();
    assert_eq!(
        counted,
        number(&db, "select count(*) from engine.ended").await
    );
    let ended = counts(&hour(&db).await);
    assert!(
        ended[0] + ended[1] + ended[2] > counted,
        "ends of those that are gone stay: {ended:?}"
    );
}

#[tokio::test]
async fn each_minute_is_a_point_of_its_own_folded_or_not() {
    let db = Database::new().await;
    let options = WorkerOptions {
        // No fold comes in between.
        service: Duration::from_secs(600),
        ..quick()
    };
    // One at a time: two might end on either side of a minute's turn.
    for _ in 0..2 {
        meddle(
            &db,
            "update engine.tally set minute_at = minute_at - interval '2 minutes'",
        )
        .await;
        let ids = enqueued(&db, vec![act("done")]).await;
        let worker = obedient(&db, options.clone()).await;
        ended(db.client(), ids[0]).await;
        worker.stop().await;
    }

    let before = db.client().rollups(&RollupQuery::default()).await.unwrap();
    let folder = elsewhere(&db, done(), quick()).await;
    until("all is folded", || async { unfolded(&db).await == 0 }).await;
    folder.stop().await;
    let after = db.client().rollups(&RollupQuery::default()).await.unwrap();

    let completed: Vec<_> = before.iter().map(|row| row.figures.completed).collect();
    assert_eq!(completed, [1, 1]);
    let apart = before[1].at.duration_since(before[0].at).as_secs();
    assert!(apart >= 120 && apart % 60 == 0, "{before:?}");
    assert_eq!(after, before);
}

#[tokio::test]
async fn rollups_are_told_apart_by_what_was_asked_for() {
    let db = Database::new().await;
    let jobs = vec![
        act("done").rate_key("soundtrack/one"),
        act("twice").rate_key("soundtrack/two").rate_key("other"),
        act("done"),
        act("dead").queue("low"),
    ];
    let ids = enqueued(&db, jobs).await;
    let mut options = quick();
    options.queues.push(engine::QueueOptions::new("low", 2));
    let worker = obedient(&db, options).await;
    for id in &ids {
        ended(db.client(), *id).await;
    }
    worker.stop().await;
    let by = |queue: bool, state: bool, connection: bool| RollupQuery {
        by: RollupBy {
            queue,
            state,
            connection,
            kind: false,
        },
        // A step that no minute's turn splits.
        step: Duration::from_secs(24 * 3_600),
        ..RollupQuery::default()
    };

    let rows = db.client().rollups(&by(true, true, false)).await.unwrap();
    let mut said = Vec::new();
    for row in &rows {
        let ended = counts(&row.figures).iter().sum::<i64>() - row.figures.dead;
        said.push(format!(
            "{} {} {ended}",
            row.queue.as_deref().unwrap(),
            row.state.as_deref().unwrap()
        ));
    }
    assert_eq!(
        said,
        ["default completed 3", "default retry 1", "low dead 1"]
    );

    let rows = db.client().rollups(&by(false, false, true)).await.unwrap();
    let mut said = Vec::new();
    for row in &rows {
        said.push((row.connection.as_deref().unwrap(), counts(&row.figures)));
    }
    let expected = [
        ("", [1, 0, 1, 1, 0]),
        ("soundtrack/one", [1, 0, 0, 0, 0]),
        ("soundtrack/two", [1, 0, 0, 1, 0]),
    ];
    assert_eq!(said, expected);

    let only = RollupQuery {
        connection: Some("soundtrack/two".into()),
        state: Some("completed".into()),
        ..by(false, false, false)
    };
    let rows = db.client().rollups(&only).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(counts(&rows[0].figures), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn depths_tell_where_jobs_stand_and_since_when() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, _| {
        let door = door.clone();
        async move {
            match name.as_str() {
                "run" => door.pass().await,
                "fail" => {
                    let later = Again::After(Duration::from_secs(600));
                    return Err(Failure::new("http_500", "not yet").again(later));
                }
                _ => {}
            }
            Ok(Outcome::done())
        }
    });
    let worker = elsewhere(&db, registry, quick()).await;
    let jobs = vec![
        act("run"),
        act("fail"),
        act("later").when(When::After(Duration::from_secs(600))),
        act("stuck").queue("nobodys"),
    ];
    enqueued(&db, jobs).await;

    until("all stand where they should", || async {
        let depths = db.client().depths().await.unwrap().rows;
        let busy = depths.iter().find(|depth| depth.queue == "default");
        busy.is_some_and(|depth| {
            (
                depth.available,
                depth.scheduled,
                depth.retrying,
                depth.running,
            ) == (0, 1, 1, 1)
        })
    })
    .await;
    let overview = db.client().overview().await.unwrap();
    gate.open(1);
    worker.stop().await;

    let stuck = overview
        .depths
        .rows
        .iter()
        .find(|depth| depth.queue == "nobodys")
        .unwrap();
    assert_eq!((stuck.available, stuck.kind.as_str()), (1, "test.act"));
    assert!(stuck.oldest_due_at.unwrap() <= overview.at);
    assert_eq!(overview.workers_alive, 1);
    assert_eq!(overview.minutes.len(), 60);
}

/// With many jobs a count is kept, for everybody, and says how old it is.
#[tokio::test]
async fn many_jobs_are_counted_seldom_and_the_count_tells_its_age() {
    let db = Database::new().await;
    meddle(
        &db,
        "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts) \
         select 0, gen_random_uuid(), 'test.act', 'default', false, 0, now() + interval '1 day', 8 \
         from generate_series(1, 10001)",
    )
    .await;

    let first = db.client().depths().await.unwrap();
    meddle(
        &db,
        "update engine.depth_sample set next_at = now() + interval '1 hour'",
    )
    .await;
    meddle(
        &db,
        "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts) \
         values (0, gen_random_uuid(), 'test.act', 'default', false, 0, now() + interval '1 day', 8)",
    )
    .await;
    let kept = db.client().depths().await.unwrap();
    let told = db.client().queues().await.unwrap();
    meddle(&db, "update engine.depth_sample set next_at = now()").await;
    let anew = db.client().depths().await.unwrap();

    assert_eq!((first.rows[0].scheduled, &kept), (10_001, &first));
    assert_eq!(
        (told[0].scheduled, told[0].counted_at),
        (10_001, first.counted_at)
    );
    assert_eq!(anew.rows[0].scheduled, 10_002);
    assert!(anew.counted_at > first.counted_at);
    let took = number(&db, "select ceil(extract(epoch from next_at - sampled_at) * 1000 / took_ms)::bigint from engine.depth_sample").await;
    assert!(
        took >= 100,
        "counting takes a hundredth of the time at most, not one in {took}"
    );
}

#[tokio::test]
async fn minutes_are_kept_for_a_week_and_hours_for_four_hundred_days() {
    let db = Database::new().await;
    meddle(
        &db,
        "insert into engine.rollup (shard, step_minutes, start_at, queue, kind, state, connection, bucket, ended, sum_ms, most_ms) \
         select 0, step, date_bin('1 hour', now(), 'epoch') - days * interval '1 day', 'q', 'a.b', 'completed', '', 0, 1, 1, 1 \
         from (values (1, 6), (1, 8), (60, 8), (60, 399), (60, 401)) x (step, days)",
    )
    .await;

    let options = WorkerOptions {
        service: Duration::from_millis(10),
        ..quick()
    };
    let worker = elsewhere(&db, done(), options).await;
    until_count(
        &db,
        "old ones are gone",
        "select count(*) from engine.rollup",
        3,
    )
    .await;
    worker.stop().await;

    let minutes = number(&db, "select count(*) from engine.rollup where step_minutes = 1 and start_at > now() - interval '7 days'").await;
    let hours = number(&db, "select count(*) from engine.rollup where step_minutes = 60 and start_at > now() - interval '400 days'").await;
    assert_eq!((minutes, hours), (1, 2));
}
