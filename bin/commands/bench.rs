//! `lockstep bench`: what this database does on this machine. Runs against any database, in a queue and
//! with a kind of its own, and forgets its jobs afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use engine::{
    Client, Cx, Failure, Job, NewJob, Outcome, QueueOptions, Registry, Worker, WorkerOptions,
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::output::{Exit, Row};

const QUEUE: &str = "bench";
/// Jobs a statement of a bulk enqueue.
const BULK: usize = 5_000;
/// Postgres shows the commits of other sessions this late at most.
const STATISTICS_LAG: Duration = Duration::from_millis(1_200);
/// A worker that has just started is listening after this.
const WARM_UP: Duration = Duration::from_millis(500);

/// The measurements.
#[derive(Debug, Subcommand)]
#[command(
    before_help = "Examples:\n  lockstep bench drain --jobs 100000 --slots 500\n  lockstep bench pickup -o json"
)]
pub(crate) enum Bench {
    /// Enqueue jobs one by one, each in a commit of its own, or in bulk
    Enqueue(Enqueue),
    /// Drain a queue of jobs that do nothing
    Drain(Drain),
    /// Measure from the answer of an enqueue to the start of the handler, on an idle queue
    Pickup(Pickup),
}

/// How to enqueue.
#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    /// How many jobs
    #[arg(long, default_value_t = 8_000)]
    jobs: u64,
    /// How many at a time
    #[arg(long, default_value_t = 8)]
    producers: u32,
    /// Thousands in one statement instead of one
    #[arg(long)]
    bulk: bool,
}

/// How to drain.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// How many jobs
    #[arg(long, default_value_t = 100_000)]
    jobs: u64,
    /// How many run at a time
    #[arg(long, default_value_t = 500)]
    slots: usize,
}

/// How to trickle.
#[derive(Debug, Args)]
pub(crate) struct Pickup {
    /// How many jobs
    #[arg(long, default_value_t = 500)]
    jobs: u64,
    /// Milliseconds between two enqueues
    #[arg(long, default_value_t = 20)]
    every_ms: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    jobs: u64,
    seconds: f64,
    jobs_per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    wal_bytes_per_job: f64,
    commits_per_job: f64,
}

impl Row for Figures {
    const COLUMNS: &'static [&'static str] = &[
        "BENCH",
        "JOBS",
        "SECONDS",
        "JOBS/S",
        "P50_MS",
        "P99_MS",
        "WAL_B/JOB",
        "COMMITS/JOB",
    ];

    fn cells(&self) -> Vec<String> {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
        vec![
            self.bench.into(),
            self.jobs.to_string(),
            format!("{:.2}", self.seconds),
            format!("{:.0}", self.jobs_per_second),
            ms(self.p50_ms),
            ms(self.p99_ms),
            format!("{:.0}", self.wal_bytes_per_job),
            format!("{:.3}", self.commits_per_job),
        ]
    }

    fn name(&self) -> String {
        self.bench.into()
    }
}

/// A job that says when it started and does nothing.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Noop {
    n: u64,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Env = mpsc::UnboundedSender<(u64, Instant)>;
    type Error = Failure;

    async fn run(self, cx: Cx<Self::Env>) -> Result<Outcome, Failure> {
        // Nobody listens any more once the figures are taken.
        let _ = cx.env().send((self.n, Instant::now()));
        Ok(Outcome::done())
    }
}

fn noop(n: u64) -> NewJob {
    NewJob::of(&Noop { n }).queue(QUEUE)
}

/// Does it.
pub(crate) async fn run(app: &App, bench: Bench) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let figures = measure(&session.client, &session.database.url, bench).await;
    let forgotten = session
        .client
        .delete_ended(Noop::KIND, &app.actor())
        .await?;
    app.out
        .note(&format!("Forgot the {forgotten} jobs of the measurement."));
    app.out.list(&[figures?], "")?;
    session.close().await?;
    Ok(Exit::Ok)
}

async fn measure(client: &Client, url: &str, bench: Bench) -> anyhow::Result<Figures> {
    match bench {
        Bench::Enqueue(how) => enqueue(client, url, &how).await,
        Bench::Drain(how) => drain(client, &how).await,
        Bench::Pickup(how) => pickup(client, &how).await,
    }
}

/// Enqueues, and then drains outside the measurement, since only ended jobs are forgotten.
async fn enqueue(client: &Client, url: &str, how: &Enqueue) -> anyhow::Result<Figures> {
    let meter = Meter::start(client).await?;
    let (name, spans) = match how.bulk {
        true => (
            "enqueue --bulk",
            fill(client, how.jobs).await.map(|()| Vec::new())?,
        ),
        false => ("enqueue", produce(url, how).await?),
    };
    let figures = meter.stop(client, name, how.jobs, spans).await?;
    let (worker, mut started) = worker(client, 500);
    started.count(how.jobs).await?;
    worker.stop().await?;
    Ok(figures)
}

/// Every call's span, from all producers.
async fn produce(url: &str, how: &Enqueue) -> anyhow::Result<Vec<f64>> {
    let client = Client::connect(url, how.producers + 1).await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut producers = JoinSet::new();
    for _ in 0..how.producers.max(1) {
        let (client, next, jobs) = (client.clone(), next.clone(), how.jobs);
        producers.spawn(async move {
            let mut spans = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= jobs {
                    return Ok::<_, engine::Error>(spans);
                }
                let asked = Instant::now();
                client.enqueue(noop(n)).await?;
                spans.push(asked.elapsed().as_secs_f64() * 1_000.0);
            }
        });
    }
    let mut spans = Vec::new();
    while let Some(done) = producers.join_next().await {
        spans.extend(done.context("a producer panicked")??);
    }
    client.close().await;
    Ok(spans)
}

async fn fill(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let all: Vec<u64> = (0..jobs).collect();
    for some in all.chunks(BULK) {
        let batch: Vec<NewJob> = some.iter().map(|n| noop(*n)).collect();
        client.enqueue_all(&batch).await?;
    }
    Ok(())
}

/// From the worker's start until the last job is settled.
async fn drain(client: &Client, how: &Drain) -> anyhow::Result<Figures> {
    fill(client, how.jobs).await?;
    let meter = Meter::start(client).await?;
    let (worker, mut started) = worker(client, how.slots);
    started.count(how.jobs).await?;
    worker.stop().await?;
    meter.stop(client, "drain", how.jobs, Vec::new()).await
}

async fn pickup(client: &Client, how: &Pickup) -> anyhow::Result<Figures> {
    let (worker, mut started) = worker(client, 10);
    tokio::time::sleep(WARM_UP).await;
    let meter = Meter::start(client).await?;
    let mut tick = tokio::time::interval(Duration::from_millis(how.every_ms.max(1)));
    let mut answered = Vec::new();
    for n in 0..how.jobs {
        tick.tick().await;
        client.enqueue(noop(n)).await?;
        answered.push(Instant::now());
    }
    let mut spans = Vec::new();
    for _ in 0..how.jobs {
        let (n, at) = started.0.recv().await.context("the worker ended early")?;
        let asked = usize::try_from(n).ok().and_then(|n| answered.get(n));
        // Below nothing when the handler was faster than the answer.
        spans.extend(
            asked.map(|asked| at.saturating_duration_since(*asked).as_secs_f64() * 1_000.0),
        );
    }
    let figures = meter.stop(client, "pickup", how.jobs, spans).await?;
    worker.stop().await?;
    Ok(figures)
}

/// A worker of this process, and the starts of its handlers.
fn worker(client: &Client, slots: usize) -> (Running, Started) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let options = WorkerOptions {
        label: "bench".into(),
        queues: vec![QueueOptions::new(QUEUE, slots.max(1))],
        ..WorkerOptions::default()
    };
    let worker = Worker::new(
        client.clone(),
        Registry::new().with::<Noop>(sender),
        options,
    );
    let stop = CancellationToken::new();
    let task = tokio::spawn(worker.run(stop.clone()));
    (Running { stop, task }, Started(receiver))
}

struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<engine::Result<()>>,
}

impl Running {
    /// Ends once everything is settled.
    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.context("the worker panicked")??;
        Ok(())
    }
}

struct Started(mpsc::UnboundedReceiver<(u64, Instant)>);

impl Started {
    async fn count(&mut self, jobs: u64) -> anyhow::Result<()> {
        for _ in 0..jobs {
            self.0.recv().await.context("the worker ended early")?;
        }
        Ok(())
    }
}

/// What the database has written, from one moment to another.
struct Meter {
    wal: i64,
    commits: i64,
    started: Instant,
}

impl Meter {
    async fn start(client: &Client) -> anyhow::Result<Meter> {
        tokio::time::sleep(STATISTICS_LAG).await;
        let (wal, commits) = client.written().await?;
        Ok(Meter {
            wal,
            commits,
            started: Instant::now(),
        })
    }

    async fn stop(
        self,
        client: &Client,
        bench: &'static str,
        jobs: u64,
        mut spans: Vec<f64>,
    ) -> anyhow::Result<Figures> {
        let seconds = self.started.elapsed().as_secs_f64();
        tokio::time::sleep(STATISTICS_LAG).await;
        let (wal, commits) = client.written().await?;
        let each = |before: i64, after: i64| (after - before) as f64 / jobs.max(1) as f64;
        spans.sort_by(f64::total_cmp);
        Ok(Figures {
            bench,
            jobs,
            seconds,
            jobs_per_second: jobs as f64 / seconds,
            p50_ms: quantile(&spans, 0.50),
            p99_ms: quantile(&spans, 0.99),
            wal_bytes_per_job: each(self.wal, wal),
            commits_per_job: each(self.commits, commits),
        })
    }
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied()
}
