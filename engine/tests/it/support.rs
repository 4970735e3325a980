//! What the tests say over and over: a stage on which a test plays its handlers, jobs for it, short
//! leases, and waiting for conditions.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{
    Actor, Backoff, Client, Cx, Failure, Job, JobView, NewJob, Outcome, Policy, QueueOptions,
    Registry, State, WorkerOptions,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

/// No condition takes longer on a busy machine; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Answer = Result<Outcome, Failure>;
type Play = dyn Fn(String, Cx<Stage>) -> BoxFuture<'static, Answer> + Send + Sync;

/// What the handlers of one test do.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Play>);

/// The kind most tests use: its name is all it has.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Act {
    pub(crate) name: String,
}

impl Job for Act {
    const KIND: &'static str = "test.act";
    type Env = Stage;
    type Error = Failure;

    /// No test waits for a backoff.
    fn policy() -> Policy {
        let backoff = Backoff {
            base_ms: 10,
            factor: 1.0,
            max_ms: 10,
        };
        Policy {
            backoff,
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Stage>) -> Answer {
        (cx.env().0.clone())(self.name, cx).await
    }
}

/// A second kind, for whatever holds of kinds.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Extra {
    pub(crate) name: String,
}

impl Job for Extra {
    const KIND: &'static str = "test.extra";
    type Env = Stage;
    type Error = Failure;

    fn policy() -> Policy {
        Act::policy()
    }

    async fn run(self, cx: Cx<Stage>) -> Answer {
        (cx.env().0.clone())(self.name, cx).await
    }
}

/// Both kinds, played by `play`.
pub(crate) fn playing<F, R>(play: F) -> Registry
where
    F: Fn(String, Cx<Stage>) -> R + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let stage = Stage(Arc::new(move |name, cx| play(name, cx).boxed()));
    Registry::new()
        .with::<Act>(stage.clone())
        .with::<Extra>(stage)
}

/// Both kinds, done at once.
pub(crate) fn done() -> Registry {
    playing(|_, _| async { Ok(Outcome::done()) })
}

/// Only [`Extra`], done at once.
pub(crate) fn extra_done() -> Registry {
    Registry::new().with::<Extra>(Stage(Arc::new(|_, _| {
        async { Ok(Outcome::done()) }.boxed()
    })))
}

/// Both kinds, done once they are through the gate.
pub(crate) fn passing(gate: &Gate) -> Registry {
    let gate = gate.clone();
    playing(move |_, _| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            Ok(Outcome::done())
        }
    })
}

/// A job of the kind [`Act`].
pub(crate) fn act(name: &str) -> NewJob {
    NewJob::of(&Act {
        name: name.to_owned(),
    })
}

/// A job whose args are not those of its kind.
pub(crate) fn garbled() -> NewJob {
    NewJob::new(Act::KIND, &json!({"nonsense": true}))
}

/// Leases so short that a test can wait for their end.
pub(crate) fn quick() -> WorkerOptions {
    WorkerOptions {
        label: "tester".into(),
        queues: vec![QueueOptions::new("default", 10)],
        lease: Duration::from_millis(1_500),
        heartbeat: Duration::from_millis(500),
        poll: Duration::from_millis(100),
        service: Duration::from_millis(100),
        grace: Duration::from_millis(500),
        shutdown: Duration::from_secs(5),
        ..WorkerOptions::default()
    }
}

/// As [`quick`], with so many slots.
pub(crate) fn slots(concurrency: usize) -> WorkerOptions {
    WorkerOptions {
        queues: vec![QueueOptions::new("default", concurrency)],
        ..quick()
    }
}

/// A worker on a client of its own, as another process would have it.
pub(crate) async fn elsewhere(
    db: &Database,
    registry: Registry,
    options: WorkerOptions,
) -> WorkerGuard {
    run_worker(&another_client(db).await, registry, options)
}

/// A client of its own.
pub(crate) async fn another_client(db: &Database) -> Client {
    Client::connect(db.url(), 8).await.unwrap()
}

/// The person of all tests.
pub(crate) fn somebody() -> Actor {
    Actor::new("ada", "test")
}

/// Waits until `check` holds.
pub(crate) async fn until<R>(what: &str, mut check: impl FnMut() -> R)
where
    R: Future<Output = bool>,
{
    let deadline = Instant::now() + PATIENCE;
    while !check().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the job has ended, and shows it.
pub(crate) async fn ended(client: &Client, id: Uuid) -> JobView {
    client.wait(id, PATIENCE).await.unwrap();
    let job = job(client, id).await;
    assert!(
        job.state.is_terminal(),
        "waited in vain for the end of {job:?}"
    );
    job
}

/// Waits until the job is in `state`.
pub(crate) async fn reaches(client: &Client, id: Uuid, state: State) {
    until(&format!("job is {state}"), || async {
        job(client, id).await.state == state
    })
    .await;
}

/// The job, which exists. A connection that a test has cut is no reason to give up.
pub(crate) async fn job(client: &Client, id: Uuid) -> JobView {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.job(id).await {
            Err(error) if error.is_unavailable() && Instant::now() < deadline => {}
            answer => return answer.unwrap().expect("the job"),
        }
    }
}

/// One number out of the database.
pub(crate) async fn number(db: &Database, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
}

/// Waits until a count is `wanted`.
pub(crate) async fn until_count(db: &Database, what: &str, sql: &'static str, wanted: i64) {
    until(what, || async { number(db, sql).await == wanted }).await;
}

/// Waits until so many workers hear hints.
pub(crate) async fn listening(db: &Database, workers: i64) {
    until_count(
        db,
        "workers listen",
        "select count(*) from pg_stat_activity \
         where datname = current_database() and query ilike 'listen %'",
        workers,
    )
    .await;
}

/// Waits until the leases that run now would be over if nobody had renewed them.
pub(crate) async fn outlive_leases(db: &Database) {
    let over = sqlx::query_scalar("select max(lease_until)::text from engine.running");
    let over: String = over.fetch_one(db.pool()).await.unwrap();
    until("the leases would be over", || async {
        sqlx::query_scalar("select now() > $1::timestamptz")
            .bind(&over)
            .fetch_one(db.pool())
            .await
            .unwrap()
    })
    .await;
}

/// Changes what no API changes, as time and accidents do; returns the rows it met.
pub(crate) async fn meddle(db: &Database, sql: &'static str) -> u64 {
    sqlx::query(sql)
        .execute(db.pool())
        .await
        .unwrap()
        .rows_affected()
}

/// Keeps autovacuum from the tables as they are, where a test counts pages or takes locks that give up soon.
pub(crate) async fn without_autovacuum(db: &Database) {
    let switch = "do $$
        declare
            one regclass;
        begin
            for one in select oid from pg_class where relkind = 'r' and relnamespace = 'engine'::regnamespace loop
                execute format('alter table %s set (autovacuum_enabled = false)', one);
            end loop;
        end $$";
    meddle(db, switch).await;
}

/// The outcomes of a job's attempts, oldest first.
pub(crate) async fn outcomes(client: &Client, id: Uuid) -> Vec<String> {
    client
        .attempts(id)
        .await
        .unwrap()
        .into_iter()
        .map(|attempt| attempt.outcome)
        .collect()
}

/// Fails unless every job has a row in exactly one of the three tables.
pub(crate) async fn assert_each_job_is_in_one_place(db: &Database) {
    let astray = number(
        db,
        "select count(*) from engine.job j where 1 <> \
             (select count(*) from engine.pending p where (p.shard, p.id) = (j.shard, j.id)) \
             + (select count(*) from engine.running r where (r.shard, r.id) = (j.shard, j.id)) \
             + (select count(*) from engine.ended e where (e.shard, e.id) = (j.shard, j.id))",
    )
    .await;
    assert_eq!(astray, 0, "jobs in no place or in two");
}

/// A door that handlers wait at. Each opening lets one through.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Gate {
        Gate(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self, times: usize) {
        self.0.add_permits(times);
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// What handlers have noted, in order.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, note: &str) -> usize {
        self.all().iter().filter(|other| *other == note).count()
    }

    /// Waits until `note` was added so many times.
    pub(crate) async fn reach(&self, note: &str, times: usize) {
        until(&format!("{note} × {times}"), || async {
            self.count(note) >= times
        })
        .await;
    }
}
