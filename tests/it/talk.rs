//! A handler that talks, for what its logs look like from outside, and the worker that runs it.

use std::sync::Arc;
use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Client, Cx, Failure, Job, LogOptions, Logs, NewJob, Outcome, Registry};
use engine::{QueueOptions, WorkerOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Longer than anything here takes on a busy machine; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Says each of its lines, and waits to be let on behind one that ends in dots.
#[derive(Serialize, Deserialize)]
struct Talk {
    lines: Vec<String>,
    failures: u32,
}

impl Job for Talk {
    const KIND: &'static str = "demo.talk";
    type Env = Arc<Semaphore>;
    type Error = Failure;

    async fn run(self, cx: Cx<Self::Env>) -> Result<Outcome, Failure> {
        let attempt = cx.fence().attempt;
        for line in self.lines {
            tracing::info!("try {attempt}: {line}");
            if line.ends_with("...") {
                let Ok(permit) = cx.env().acquire().await else {
                    return Ok(Outcome::done());
                };
                permit.forget();
            }
        }
        if cx.failed() < self.failures {
            let again = engine::Again::After(Duration::ZERO);
            return Err(Failure::new("http_500", "not yet").again(again));
        }
        Ok(Outcome::done())
    }
}

/// A job that says so, in one attempt more than it fails.
pub(crate) fn talk(lines: &[&str], failures: u32) -> NewJob {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    NewJob::of(&Talk { lines, failures })
}

/// A worker process that keeps what its handlers say. A test's runtime has one thread, and so one
/// subscriber.
pub(crate) struct Talker {
    door: Arc<Semaphore>,
    worker: WorkerGuard,
    _subscriber: DefaultGuard,
}

impl Talker {
    pub(crate) async fn start(database: &Database, options: LogOptions) -> Talker {
        let logs = Logs::new();
        let subscriber = tracing_subscriber::registry()
            .with(logs.layer().filtered())
            .set_default();
        logs.start(options);
        let client = Client::connect(database.url(), 8).await;
        let client = client.expect("a client").with_logs(logs);
        let door = Arc::new(Semaphore::new(0));
        let registry = Registry::new().with::<Talk>(door.clone());
        let options = WorkerOptions {
            queues: vec![QueueOptions::new("default", 10)],
            poll: Duration::from_millis(100),
            ..WorkerOptions::default()
        };
        Talker {
            door,
            worker: run_worker(&client, registry, options),
            _subscriber: subscriber,
        }
    }

    /// Lets one attempt say its next line.
    pub(crate) fn go_on(&self) {
        self.door.add_permits(1);
    }

    /// Leaves; all that was said is then written.
    pub(crate) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// The job's end, and then all that was said of it.
pub(crate) async fn said(database: &Database, talker: Talker, job: NewJob) -> uuid::Uuid {
    let id = job.id();
    database.client().enqueue(job).await.expect("a job");
    let state = database.client().wait(id, PATIENCE).await.expect("its end");
    assert!(state.is_terminal(), "{state}");
    talker.stop().await;
    id
}
