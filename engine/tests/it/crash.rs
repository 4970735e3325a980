//! Worker processes that are killed, and worker processes that sleep past their lease. The workers are
//! this test binary again, so that what dies is a process and not a task.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::testing::Database;
use engine::{
    Client, Cx, Failure, Job, NewJob, Outcome, QueueOptions, Registry, Worker, WorkerOptions,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::number;

const DATABASE: &str = "ENGINE_TEST_DATABASE";
const JOURNAL: &str = "ENGINE_TEST_JOURNAL";
const LABEL: &str = "ENGINE_TEST_LABEL";
const SLOTS: usize = 25;

/// A job that writes down when it starts and takes a moment.
#[derive(serde::Serialize, serde::Deserialize)]
struct Linger {
    n: usize,
    ms: u64,
}

impl Job for Linger {
    const KIND: &'static str = "crash.linger";
    type Env = PathBuf;
    type Error = Failure;

    async fn run(self, cx: Cx<PathBuf>) -> Result<Outcome, Failure> {
        note(cx.env(), self.n);
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        Ok(Outcome::done())
    }
}

/// One line, in one write, so that processes do not tear each other's.
fn note(journal: &Path, n: usize) {
    use std::io::Write;
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(journal)
        .unwrap();
    file.write_all(format!("{n}\n").as_bytes()).unwrap();
}

/// Not a test by itself: the worker process of the tests below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent test says by environment what to do"
)]
async fn helper_process() {
    let Ok(url) = std::env::var(DATABASE) else {
        return;
    };
    let client = Client::connect(&url, 4).await.unwrap();
    let registry = Registry::new().with::<Linger>(PathBuf::from(std::env::var(JOURNAL).unwrap()));
    let options = WorkerOptions {
        label: std::env::var(LABEL).unwrap(),
        queues: vec![QueueOptions::new("default", SLOTS)],
        lease: Duration::from_secs(6),
        heartbeat: Duration::from_millis(500),
        service: Duration::from_millis(250),
        ..WorkerOptions::default()
    };
    Worker::new(client, registry, options)
        .run(CancellationToken::new())
        .await
        .unwrap();
}

/// A worker process. Dropping it kills it.
struct Process {
    child: Child,
    label: String,
}

impl Process {
    fn start(db: &Database, journal: &Path, label: String) -> Process {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::helper_process", "--exact", "--nocapture"])
            .env(DATABASE, db.url())
            .env(JOURNAL, journal)
            .env(LABEL, &label)
            .env("PGAPPNAME", &label)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Process { child, label }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(done.unwrap().success(), "kill -{name}");
    }

    /// How many attempts the database says it runs.
    async fn running(&self, db: &Database) -> i64 {
        sqlx::query_scalar(
            "select count(*) from engine.running r join engine.worker w on w.id = r.worker_id where w.label = $1",
        )
        .bind(&self.label)
        .fetch_one(db.pool())
        .await
        .unwrap()
    }

    /// Kills the process and waits until Postgres has noticed: a claim that was under way when it
    /// died may still commit, and is then in flight like any other.
    async fn kill(&mut self, db: &Database) {
        assert!(
            self.connections(db).await > 0,
            "{} has no connection",
            self.label
        );
        self.signal("KILL");
        let _ = self.child.wait();
        while self.connections(db).await > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn connections(&self, db: &Database) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity where application_name = $1 and datname = current_database()",
        )
        .bind(&self.label)
        .fetch_one(db.pool())
        .await
        .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already dead in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn journal() -> PathBuf {
    std::env::temp_dir().join(format!("engine-journal-{}", Uuid::now_v7()))
}

fn starts(journal: &Path) -> HashMap<usize, i64> {
    let mut starts = HashMap::new();
    for line in std::fs::read_to_string(journal).unwrap().lines() {
        *starts.entry(line.parse().unwrap()).or_insert(0) += 1;
    }
    starts
}

async fn enqueue(db: &Database, jobs: usize, ms: u64) -> Vec<Uuid> {
    let batch: Vec<NewJob> = (0..jobs)
        .map(|n| NewJob::of(&Linger { n, ms }).max_attempts(20))
        .collect();
    db.client()
        .enqueue_all(&batch)
        .await
        .unwrap()
        .iter()
        .map(|one| one.id)
        .collect()
}

#[tokio::test]
async fn twenty_kills_lose_no_job_and_double_no_more_than_was_in_flight() {
    const JOBS: usize = 5_000;
    const KILLS: usize = 20;
    let db = Database::new().await;
    let journal = journal();
    let ids = enqueue(&db, JOBS, 60).await;
    let mut workers: Vec<Process> = (0..4)
        .map(|n| Process::start(&db, &journal, format!("first-{n}")))
        .collect();

    let mut in_flight = 0;
    for kill in 0..KILLS {
        // Any will do, and each in its turn; but a kill that hits nothing shows nothing.
        let victim = (kill * 7 + kill / 4) % workers.len();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while workers[victim].running(&db).await == 0 {
            assert!(
                tokio::time::Instant::now() < deadline,
                "worker {victim} never got a job"
            );
            tokio::task::yield_now().await;
        }
        workers[victim].kill(&db).await;
        in_flight += workers[victim].running(&db).await;
        workers[victim] = Process::start(&db, &journal, format!("next-{kill}"));
    }
    let client = db.client().clone();
    for id in &ids {
        let state = client.wait(*id, Duration::from_secs(120)).await.unwrap();
        assert!(state.is_terminal(), "job {id} is {state}");
    }

    assert_eq!(
        number(&db, "select count(*) from engine.ended").await,
        JOBS as i64
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.ended where state = 'completed' or code = 'poison'"
        )
        .await,
        JOBS as i64
    );
    assert_eq!(client.verify().await.unwrap(), []);
    let crashed = number(
        &db,
        "select coalesce(sum(crashes), 0)::bigint from engine.ended",
    )
    .await;
    assert!(crashed > 0 && in_flight > 0, "no kill hit a running job");
    assert_eq!(
        crashed, in_flight,
        "attempts that died and attempts that were rescued"
    );
    let starts = starts(&journal);
    let doubles: i64 = starts.values().map(|times| times - 1).sum();
    assert!(
        doubles <= in_flight,
        "{doubles} executions too many, {in_flight} were in flight at the kills"
    );
    eprintln!(
        "kills {KILLS}, jobs {JOBS}, in flight at the kills {in_flight}, executed twice {doubles}, lost 0"
    );
    let _ = std::fs::remove_file(journal);
}

#[tokio::test]
async fn every_settle_of_a_zombie_is_refused() {
    const WANTED: i64 = 20;
    let db = Database::new().await;
    let journal = journal();
    let zombie = Process::start(&db, &journal, "zombie".into());
    let ids = enqueue(&db, SLOTS, 5_000).await;
    until_running(&db, &zombie, SLOTS as i64).await;

    zombie.signal("STOP");
    let healthy = Process::start(&db, &journal, "healthy".into());
    for id in &ids {
        let state = db
            .client()
            .wait(*id, Duration::from_secs(60))
            .await
            .unwrap();
        assert!(state.is_terminal(), "job {id} is {state}");
    }
    let before = number(&db, "select count(*) from engine.ended").await;
    let record = "select md5(string_agg(e::text, ',' order by e.id)) from engine.ended e";
    let ended_then: String = sqlx::query_scalar(record)
        .fetch_one(db.pool())
        .await
        .unwrap();
    zombie.signal("CONT");
    let refused = "select coalesce(sum(refused_settles), 0)::bigint from engine.worker where label = 'zombie'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let mut tried = 0;
    while tried < WANTED && tokio::time::Instant::now() < deadline {
        tried = number(&db, refused).await;
        tokio::task::yield_now().await;
    }

    assert!(
        tried >= WANTED,
        "only {tried} stale settles were tried: the test did not bite"
    );
    assert_eq!(before, SLOTS as i64);
    let ended_now: String = sqlx::query_scalar(record)
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(ended_now, ended_then, "a stale settle changed a record");
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.ended where attempt = 2 and crashes = 1"
        )
        .await,
        SLOTS as i64
    );
    assert_eq!(db.client().verify().await.unwrap(), []);
    drop(healthy);
    let _ = std::fs::remove_file(journal);
}

async fn until_running(db: &Database, worker: &Process, wanted: i64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while worker.running(db).await < wanted {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the worker never ran {wanted} jobs"
        );
        tokio::task::yield_now().await;
    }
}
