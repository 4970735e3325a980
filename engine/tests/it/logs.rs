//! What handlers say is kept with their attempt: in order, capped, redacted, and never another's.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard};
use engine::{Again, AttemptLog, Failure, LogOptions, Logs, LogsOf, NewJob, Outcome, Registry};
use tracing::Instrument;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use uuid::Uuid;

use crate::support::*;

/// A process that keeps logs. The test's runtime has one thread, and so one subscriber.
struct Process {
    logs: Logs,
    _subscriber: DefaultGuard,
}

fn process(options: LogOptions) -> Process {
    let logs = Logs::new();
    let subscriber = tracing_subscriber::registry().with(logs.layer().filtered());
    let guard = subscriber.set_default();
    logs.start(options);
    Process {
        logs,
        _subscriber: guard,
    }
}

impl Process {
    async fn work(&self, db: &Database, registry: Registry) -> WorkerGuard {
        let client = another_client(db).await.with_logs(self.logs.clone());
        engine::testing::run_worker(&client, registry, quick())
    }
}

async fn enqueued(db: &Database, name: &str) -> Uuid {
    db.client().enqueue(act(name)).await.unwrap().id
}

async fn logs(db: &Database, id: Uuid) -> Vec<AttemptLog> {
    db.client().job_logs(id, None).await.unwrap()
}

/// Waits until so many attempts have said something, and shows it.
async fn logged(db: &Database, id: Uuid, attempts: usize) -> Vec<AttemptLog> {
    until("it is written", || async {
        logs(db, id).await.len() >= attempts
    })
    .await;
    logs(db, id).await
}

fn texts(log: &AttemptLog) -> Vec<&str> {
    log.lines.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn what_a_handler_says_is_kept_in_order_with_level_and_time() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let registry = playing(|_, _| async {
        tracing::info!(page = 1, zones = 100, "read a page");
        tracing::warn!("the next is slow");
        tracing::debug!("too fine to keep");
        Ok(Outcome::done())
    });

    let worker = process.work(&db, registry).await;
    let id = enqueued(&db, "x").await;
    let log = logged(&db, id, 1).await.remove(0);
    worker.stop().await;

    assert_eq!(
        texts(&log),
        ["read a page page=1 zones=100", "the next is slow"]
    );
    let levels: Vec<&str> = log.lines.iter().map(|line| line.level.as_str()).collect();
    assert_eq!(
        (levels, log.attempt, log.left_out),
        (vec!["INFO", "WARN"], 1, 0)
    );
    let attempt = &db.client().attempts(id).await.unwrap()[0];
    assert!(log.lines.iter().all(|line| line.at >= attempt.started_at));
    assert!(log.lines[0].target.contains("logs"));
}

#[tokio::test]
async fn of_many_lines_the_first_and_the_last_are_kept() {
    let db = Database::new().await;
    let process = process(LogOptions {
        max_lines: 10,
        ..LogOptions::default()
    });
    let registry = playing(|_, _| async {
        for n in 1..=1_000 {
            tracing::info!("line {n}");
        }
        Ok(Outcome::done())
    });

    let worker = process.work(&db, registry).await;
    let id = enqueued(&db, "x").await;
    let log = logged(&db, id, 1).await.remove(0);
    worker.stop().await;

    let numbers: Vec<i64> = log.lines.iter().map(|line| line.n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 996, 997, 998, 999, 1_000]);
    assert_eq!(log.left_out, 990);
    assert_eq!((texts(&log)[4], texts(&log)[5]), ("line 5", "line 996"));
}

#[tokio::test]
async fn no_secret_reaches_the_table() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let registry = playing(|_, _| async {
        let token = "canary-4eC39HqLyjWDarjtT1zdp7dc";
        tracing::info!(
            token,
            "asking with Bearer {token} for canary@example.com, +66 81 234 5678"
        );
        tracing::info!("GET https://ops:canary@api.example.com/zones?key=canary");
        Ok(Outcome::done())
    });

    let worker = process.work(&db, registry).await;
    let id = enqueued(&db, "x").await;
    logged(&db, id, 1).await;
    worker.stop().await;

    let leaked = number(
        &db,
        "select count(*) from engine.attempt_log where lines::text like '%canary%' or lines::text like '%5678%'",
    )
    .await;
    assert_eq!(leaked, 0, "{:?}", logs(&db, id).await);
}

#[tokio::test]
async fn attempts_side_by_side_do_not_mix_nor_do_the_tasks_they_spawn() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let registry = playing(|name, _| async move {
        let mut tasks = tokio::task::JoinSet::new();
        for part in 0..3 {
            let name = name.clone();
            let task = async move {
                for _ in 0..5 {
                    tracing::info!("{name} part {part}");
                    tokio::task::yield_now().await;
                }
            };
            // A span of the handler's own lies between.
            tasks.spawn(task.instrument(tracing::info_span!("part", part)));
        }
        tokio::task::yield_now().await;
        while tasks.join_next().await.is_some() {}
        tracing::info!("{name} whole");
        Ok(Outcome::done())
    });

    let worker = process.work(&db, registry).await;
    let names: Vec<String> = (0..8).map(|n| format!("job{n}")).collect();
    let jobs: Vec<NewJob> = names.iter().map(|name| act(name)).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    for (name, job) in names.iter().zip(&jobs) {
        let log = logged(&db, job.id(), 1).await.remove(0);
        let said = texts(&log);
        assert!(
            said.iter().all(|text| text.starts_with(name)),
            "{name}: {said:?}"
        );
        assert_eq!(said.len(), 16, "{name}: {said:?}");
    }
    worker.stop().await;
}

#[tokio::test]
async fn what_was_said_before_a_panic_a_timeout_and_a_failure_is_kept() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let registry = playing(|name, _| async move {
        tracing::info!("before {name}");
        match name.as_str() {
            "panic" => panic!("on purpose"),
            "timeout" => std::future::pending().await,
            _ => Err(Failure::new("http_500", "no").again(Again::Never)),
        }
    });

    let worker = process.work(&db, registry).await;
    for name in ["panic", "timeout", "failure"] {
        let job = act(name).max_attempts(1).timeout(Duration::from_millis(50));
        let id = db.client().enqueue(job).await.unwrap().id;
        let log = logged(&db, id, 1).await.remove(0);
        assert_eq!(texts(&log), [format!("before {name}")]);
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_running_attempt_can_be_followed_and_a_killed_worker_leaves_what_was_written() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |_, _| {
        let door = door.clone();
        async move {
            tracing::info!("begun");
            door.pass().await;
            tracing::info!("half way");
            door.pass().await;
            Ok(Outcome::done())
        }
    });

    let worker = process.work(&db, registry).await;
    let id = enqueued(&db, "x").await;
    let begun = logged(&db, id, 1).await.remove(0);
    gate.open(1);
    until("more is written", || async {
        logs(&db, id).await[0].lines.len() == 2
    })
    .await;
    // A crash: nothing is written any more.
    drop(worker);
    let survivor = elsewhere(&db, done(), quick()).await;
    ended(db.client(), id).await;
    survivor.stop().await;

    assert_eq!(texts(&begun), ["begun"]);
    let log = logs(&db, id).await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].attempt, texts(&log[0])),
        (1, vec!["begun", "half way"])
    );
}

#[tokio::test]
async fn each_attempt_has_a_log_of_its_own_and_goes_with_its_job() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let registry = playing(|_, cx| async move {
        tracing::info!("try {}", cx.fence().attempt);
        match cx.failed() {
            0 | 1 => Err(Failure::new("http_500", "not yet")),
            _ => Ok(Outcome::done()),
        }
    });

    let worker = process.work(&db, registry).await;
    let id = enqueued(&db, "x").await;
    let all = logged(&db, id, 3).await;
    worker.stop().await;
    let second = db.client().job_logs(id, Some(2)).await.unwrap();
    db.client().delete(id, &somebody()).await.unwrap();

    let said: Vec<_> = all.iter().flat_map(texts).collect();
    assert_eq!(said, ["try 1", "try 2", "try 3"]);
    assert_eq!((second.len(), texts(&second[0])), (1, vec!["try 2"]));
    assert_eq!(
        number(&db, "select count(*) from engine.attempt_log").await,
        0
    );
}

#[tokio::test]
async fn of_attempts_that_end_well_nothing_stays_where_only_failures_are_wanted() {
    let db = Database::new().await;
    let process = process(LogOptions {
        of: LogsOf::Failed,
        ..LogOptions::default()
    });
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, _| {
        let door = door.clone();
        async move {
            tracing::info!("{name}");
            match name.as_str() {
                "long" => door.pass().await,
                "bad" => return Err(Failure::new("x", "no").again(Again::Never)),
                _ => {}
            }
            Ok(Outcome::done())
        }
    });

    let worker = process.work(&db, registry).await;
    let long = enqueued(&db, "long").await;
    logged(&db, long, 1).await;
    let (good, bad) = (enqueued(&db, "good").await, enqueued(&db, "bad").await);
    gate.open(1);
    let kept = logged(&db, bad, 1).await;
    until("the long one's lines are gone", || async {
        logs(&db, long).await.is_empty()
    })
    .await;
    ended(db.client(), good).await;
    worker.stop().await;

    assert_eq!(texts(&kept[0]), ["bad"]);
    assert_eq!(
        number(&db, "select count(*) from engine.attempt_log").await,
        1
    );
}

#[tokio::test]
async fn an_attempt_that_says_nothing_leaves_no_row_and_neither_does_a_process_without_logs() {
    let db = Database::new().await;
    let process = process(LogOptions::default());
    let silent = process.work(&db, done()).await;
    let quiet = enqueued(&db, "x").await;
    ended(db.client(), quiet).await;
    silent.stop().await;

    let registry = playing(|_, _| async {
        tracing::info!("to nobody");
        Ok(Outcome::done())
    });
    let worker = elsewhere(&db, registry, quick()).await;
    let id = enqueued(&db, "x").await;
    ended(db.client(), id).await;
    worker.stop().await;

    assert_eq!(
        number(&db, "select count(*) from engine.attempt_log").await,
        0
    );
}

#[tokio::test]
async fn logs_go_when_they_are_old_though_their_job_stays() {
    let db = Database::new().await;
    let jobs = [act("old"), act("new")];
    db.client().enqueue_all(&jobs).await.unwrap();
    meddle(
        &db,
        "insert into engine.attempt_log (shard, job_id, attempt, lines, left_out, updated_at) \
         select 0, id, 1, '[]', 0, now() - case args ->> 'name' when 'old' then interval '8 days' else interval '6 days' end \
         from engine.job",
    )
    .await;

    let options = engine::WorkerOptions {
        service: Duration::from_millis(10),
        ..quick()
    };
    let worker = elsewhere(&db, done(), options).await;
    until_count(
        &db,
        "the old one is gone",
        "select count(*) from engine.attempt_log",
        1,
    )
    .await;
    worker.stop().await;

    assert_eq!(logs(&db, jobs[1].id()).await.len(), 1);
    assert_eq!(number(&db, "select count(*) from engine.job").await, 2);
}
