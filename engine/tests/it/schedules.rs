//! Schedules: each tick once, whoever watches, and what became of those nobody watched.

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{CatchUp, Outcome, Overlap, PauseScope, Schedule, State, TickView};
use serde_json::json;

use crate::support::*;

/// Ticks once a year, so that only what the test moves is ever due.
const YEARLY: &str = "0 0 1 1 *";

fn schedule(cron: &str) -> Schedule {
    Schedule {
        name: "s".into(),
        cron: cron.into(),
        time_zone: "UTC".into(),
        kind: "test.act".into(),
        args: json!({"name": "tick"}),
        queue: None,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Allow,
    }
}

async fn declare(db: &Database, schedule: &Schedule) {
    db.client()
        .sync_schedules(std::slice::from_ref(schedule), &somebody())
        .await
        .unwrap();
}

async fn ticks(db: &Database) -> Vec<TickView> {
    let mut ticks = db.client().ticks("s", None, 500).await.unwrap().data;
    ticks.reverse();
    ticks
}

async fn decisions(db: &Database) -> Vec<String> {
    ticks(db)
        .await
        .into_iter()
        .map(|tick| tick.decision)
        .collect()
}

/// Waits until a round has decided everything that is due.
async fn decided(db: &Database) {
    // Declaring what is declared already changes nothing and wakes the schedulers of this client.
    let same: Vec<Schedule> = db
        .client()
        .schedules()
        .await
        .unwrap()
        .into_iter()
        .map(|view| view.schedule)
        .collect();
    db.client()
        .sync_schedules(&same, &somebody())
        .await
        .unwrap();
    until_count(
        db,
        "all is decided",
        "select count(*) from engine.schedule where next_at <= now()",
        0,
    )
    .await;
}

/// Makes the schedule one of four ticks the day before yesterday that nobody watched.
async fn after_downtime(db: &Database) {
    let moved = meddle(
        db,
        "update engine.schedule set \
             cron = '0 0-3 ' || to_char((now() - interval '2 days') at time zone 'UTC', 'FMDD FMMM') || ' *', \
             decided_until = date_trunc('day', now(), 'UTC') - interval '2 days 1 minute', \
             next_at = date_trunc('day', now(), 'UTC') - interval '2 days'",
    )
    .await;
    assert_eq!(moved, 1);
}

/// Makes one more tick due, and has it decided.
async fn tick(db: &Database) {
    // There is one such instant only, so that of the last call makes room.
    meddle(
        db,
        "update engine.tick set tick_at = tick_at - interval '1 year' where not manual",
    )
    .await;
    meddle(
        db,
        "update engine.schedule set \
             cron = '0 0 ' || to_char((now() - interval '2 days') at time zone 'UTC', 'FMDD FMMM') || ' *', \
             decided_until = date_trunc('day', now(), 'UTC') - interval '2 days 1 minute', \
             next_at = date_trunc('day', now(), 'UTC') - interval '2 days'",
    )
    .await;
    decided(db).await;
}

async fn three_workers(db: &Database) -> [WorkerGuard; 3] {
    [
        elsewhere(db, done(), quick()).await,
        elsewhere(db, done(), quick()).await,
        elsewhere(db, done(), quick()).await,
    ]
}

#[tokio::test]
async fn a_tick_fires_once_with_three_schedulers() {
    let db = Database::new().await;
    let workers = three_workers(&db).await;

    declare(&db, &schedule("* * * * * *")).await;
    until("five ticks", || async { ticks(&db).await.len() >= 5 }).await;
    declare(&db, &schedule(YEARLY)).await;
    for worker in workers {
        worker.stop().await;
    }

    let ticks = ticks(&db).await;
    for pair in ticks.windows(2) {
        assert_eq!(
            pair[1].tick_at.duration_since(pair[0].tick_at).as_secs(),
            1,
            "{pair:?}"
        );
    }
    assert!(
        ticks.iter().all(|tick| tick.decision == "enqueued"),
        "{ticks:?}"
    );
    let jobs = number(&db, "select count(*) from engine.job").await;
    assert_eq!(jobs, i64::try_from(ticks.len()).unwrap());
}

#[tokio::test]
async fn missed_ticks_are_caught_up_as_the_schedule_says() {
    let cases: [(CatchUp, &[&str]); 3] = [
        (
            CatchUp::None,
            &[
                "skipped_missed",
                "skipped_missed",
                "skipped_missed",
                "skipped_missed",
            ],
        ),
        (
            CatchUp::Latest,
            &[
                "skipped_missed",
                "skipped_missed",
                "skipped_missed",
                "enqueued",
            ],
        ),
        (
            CatchUp::All,
            &["enqueued", "enqueued", "enqueued", "enqueued"],
        ),
    ];
    for (catch_up, expected) in cases {
        let db = Database::new().await;
        declare(
            &db,
            &Schedule {
                catch_up,
                ..schedule(YEARLY)
            },
        )
        .await;
        after_downtime(&db).await;

        let workers = three_workers(&db).await;
        decided(&db).await;

        assert_eq!(decisions(&db).await, expected, "{catch_up:?}");
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test]
async fn a_tick_whose_predecessor_lives_meets_the_overlap_rule() {
    let cases: [(Overlap, &[&str], i64); 3] = [
        (
            Overlap::Skip,
            &["enqueued", "skipped_overlap", "skipped_overlap"],
            1,
        ),
        // One runs, one follows; a third would only do the same again.
        (
            Overlap::Queue,
            &["enqueued", "enqueued", "skipped_overlap"],
            1,
        ),
        (Overlap::Allow, &["enqueued", "enqueued", "enqueued"], 3),
    ];
    for (overlap, expected, most) in cases {
        let db = Database::new().await;
        let (gate, noted) = (Gate::closed(), Notes::default());
        let (door, notes) = (gate.clone(), noted.clone());
        let registry = playing(move |_, _| {
            let (door, notes) = (door.clone(), notes.clone());
            async move {
                notes.add("begun");
                door.pass().await;
                Ok(Outcome::done())
            }
        });
        let worker = run_worker(db.client(), registry, quick());
        declare(
            &db,
            &Schedule {
                overlap,
                ..schedule(YEARLY)
            },
        )
        .await;

        for nth in 1..=3 {
            tick(&db).await;
            noted
                .reach("begun", if overlap == Overlap::Allow { nth } else { 1 })
                .await;
        }

        assert_eq!(decisions(&db).await, expected, "{overlap:?}");
        assert_eq!(
            number(&db, "select count(*) from engine.running").await,
            most,
            "{overlap:?}"
        );
        gate.open(10);
        until("all have run", || async {
            number(&db, "select count(*) from engine.ended").await
                == number(&db, "select count(*) from engine.job").await
        })
        .await;
        let fired = expected
            .iter()
            .filter(|decision| **decision == "enqueued")
            .count();
        assert_eq!(noted.count("begun"), fired, "{overlap:?}");
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_paused_schedule_skips_its_ticks_and_the_ledger_says_so() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;
    db.client()
        .pause(PauseScope::Schedule, "s", &somebody(), Some("holiday"))
        .await
        .unwrap();
    let worker = run_worker(db.client(), done(), quick());

    tick(&db).await;
    db.client()
        .resume(PauseScope::Schedule, "s", &somebody())
        .await
        .unwrap();
    tick(&db).await;

    assert_eq!(decisions(&db).await, ["skipped_paused", "enqueued"]);
    worker.stop().await;
}

#[tokio::test]
async fn run_now_uses_up_no_slot() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;
    let before = db.client().schedules().await.unwrap().remove(0).next_at;
    db.client()
        .pause(PauseScope::Schedule, "s", &somebody(), None)
        .await
        .unwrap();

    let now = db
        .client()
        .run_schedule_now("s", &somebody())
        .await
        .unwrap();

    let shown = db.client().schedules().await.unwrap().remove(0);
    assert_eq!(shown.next_at, before);
    let tick = shown.last_tick.unwrap();
    assert_eq!(
        (tick.manual, tick.job_id, tick.decision.as_str()),
        (true, Some(now.id), "enqueued")
    );
    assert_eq!(
        job(db.client(), now.id).await.asked_by.as_deref(),
        Some("ada")
    );
    assert_eq!(
        db.client().audit(Some("s"), 1).await.unwrap()[0].action,
        "schedule.run"
    );
}

#[tokio::test]
async fn the_ledger_tells_what_became_of_each_tick() {
    let db = Database::new().await;
    let zones = playing(|_, _| async { Ok(Outcome::Done(Some(json!({"zones": 3})))) });
    let worker = run_worker(db.client(), zones, quick());
    declare(&db, &schedule(YEARLY)).await;
    tick(&db).await;

    until("the job has ended", || async {
        ticks(&db).await[0].state == Some(State::Completed)
    })
    .await;

    let tick = ticks(&db).await.remove(0);
    assert_eq!(tick.result, Some(json!({"zones": 3})));
    assert!(tick.started_at.unwrap() <= tick.ended_at.unwrap());
    worker.stop().await;
}

#[tokio::test]
async fn changed_times_count_from_the_change_and_unchanged_ones_go_on() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;
    meddle(
        &db,
        "update engine.schedule set decided_until = '2001-01-01', next_at = '2002-01-01'",
    )
    .await;
    let place = "select extract(year from decided_until)::bigint from engine.schedule";

    declare(&db, &schedule(YEARLY)).await;
    let same = number(&db, place).await;
    declare(
        &db,
        &Schedule {
            args: json!({"name": "other"}),
            ..schedule(YEARLY)
        },
    )
    .await;
    let other_args = number(&db, place).await;
    declare(&db, &schedule("0 1 1 1 *")).await;
    let other_times = number(&db, place).await;

    assert_eq!((same, other_args), (2001, 2001));
    assert!(other_times > 2001);
    assert!(
        db.client().schedules().await.unwrap()[0]
            .next_at
            .unwrap()
            .as_second()
            > 1_700_000_000
    );
}

#[tokio::test]
async fn a_schedule_that_is_gone_fires_no_more_and_owes_nothing_when_it_is_back() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;

    let retired = db.client().sync_schedules(&[], &somebody()).await.unwrap();
    meddle(
        &db,
        "update engine.schedule set decided_until = '2001-01-01', next_at = '2002-01-01'",
    )
    .await;
    let worker = run_worker(db.client(), done(), quick());
    let shown = db.client().schedules().await.unwrap();
    meddle(&db, "update engine.schedule set next_at = null").await;
    declare(&db, &schedule(YEARLY)).await;
    decided(&db).await;

    assert_eq!((retired, shown), (vec!["s".to_owned()], vec![]));
    assert_eq!(number(&db, "select count(*) from engine.tick").await, 0);
    worker.stop().await;
}

#[tokio::test]
async fn a_bad_schedule_changes_none_of_the_others() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;
    let bad = Schedule {
        name: "bad".into(),
        cron: "0 25 * * *".into(),
        ..schedule(YEARLY)
    };

    let refused = db
        .client()
        .sync_schedules(&[schedule("0 5 * * *"), bad], &somebody())
        .await;

    assert!(refused.is_err());
    let shown = db.client().schedules().await.unwrap();
    assert_eq!((shown.len(), shown[0].schedule.cron.as_str()), (1, YEARLY));
}

#[tokio::test]
async fn a_schedule_that_did_not_run_is_an_alert_without_any_scheduler() {
    let db = Database::new().await;
    declare(&db, &schedule(YEARLY)).await;
    let early = db.client().alerts().await.unwrap();

    meddle(
        &db,
        "update engine.schedule set next_at = now() - interval '3 minutes'",
    )
    .await;
    let late = db.client().alerts().await.unwrap();
    db.client()
        .pause(PauseScope::Schedule, "s", &somebody(), None)
        .await
        .unwrap();
    let paused = db.client().alerts().await.unwrap();

    assert_eq!((early, paused), (vec![], vec![]));
    let late: Vec<_> = late
        .iter()
        .map(|one| (one.alert.as_str(), one.subject.as_str()))
        .collect();
    assert_eq!(late, [("schedule_overdue", "s")]);
}

#[tokio::test]
async fn a_year_of_missed_minutes_is_caught_up_in_bounds() {
    let db = Database::new().await;
    declare(
        &db,
        &Schedule {
            catch_up: CatchUp::All,
            ..schedule("* * * * *")
        },
    )
    .await;
    meddle(&db, "update engine.schedule set decided_until = now() - interval '30 days', next_at = now() - interval '30 days'").await;

    let worker = run_worker(db.client(), done(), quick());
    decided(&db).await;

    let fired = number(
        &db,
        "select count(*) from engine.tick where decision = 'enqueued'",
    )
    .await;
    assert!((100..=103).contains(&fired), "{fired}");
    worker.stop().await;
}
