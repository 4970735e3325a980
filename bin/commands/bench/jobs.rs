//! What writing costs: enqueue, drain, pickup; and what all measurements share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use engine::{
    Again, Client, Cx, Failure, Filter, Job, JobQuery, NewJob, Outcome, QueueOptions, Registry,
    State, Worker, WorkerOptions,
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Drain, Enqueue, Figures, Pickup, quantile};

pub(super) const QUEUE: &str = "bench";
/// Postgres shows the commits of other sessions this late at most.
const STATISTICS_LAG: Duration = Duration::from_millis(1_200);
/// A worker that has just started is listening after this.
const WARM_UP: Duration = Duration::from_millis(500);

/// Who is told when handlers start.
pub(super) type Env = mpsc::UnboundedSender<(u64, Instant)>;

/// Nobody listens any more once the figures are taken.
pub(super) fn started(env: &Env, n: u64) {
    let _ = env.send((n, Instant::now()));
}

/// A job that says when it started and does nothing.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Noop {
    n: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    padding: String,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Env = Env;
    type Error = Failure;

    async fn run(self, cx: Cx<Self::Env>) -> Result<Outcome, Failure> {
        started(cx.env(), self.n);
        Ok(Outcome::done())
    }
}

pub(super) fn noop(n: u64) -> NewJob {
    padded(n, 0)
}

/// A job whose args are so many bytes longer, of letters that do not compress to nothing.
pub(super) fn padded(n: u64, bytes: usize) -> NewJob {
    let mut state = n;
    let padding = (0..bytes)
        .map(|_| {
            // The steps of a linear congruential generator: Knuth, MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from(state >> 33 & 15).unwrap_or(0))
        })
        .collect();
    NewJob::of(&Noop { n, padding }).queue(QUEUE)
}

/// A job that fails once, and says when it started again.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Flaky {
    n: u64,
}

impl Job for Flaky {
    const KIND: &'static str = "bench.flaky";
    type Env = Env;
    type Error = Failure;

    async fn run(self, cx: Cx<Self::Env>) -> Result<Outcome, Failure> {
        if cx.failed() == 0 {
            let failure = Failure::new("bench", "it fails once, to be measured");
            return Err(failure.again(Again::After(Duration::ZERO)));
        }
        started(cx.env(), self.n);
        Ok(Outcome::done())
    }
}

/// Enqueues, and then drains outside the measurement, since only ended jobs are forgotten.
pub(super) async fn enqueue(client: &Client, url: &str, how: &Enqueue) -> anyhow::Result<Figures> {
    let meter = Meter::start(client).await?;
    let (name, spans) = match how.bulk {
        true => (
            "enqueue --bulk",
            fill(client, how.jobs, 0).await.map(|()| Vec::new())?,
        ),
        false => ("enqueue", produce(url, how).await?),
    };
    let figures = meter.stop(client, name, how.jobs, spans).await?;
    run_out(client).await?;
    Ok(figures)
}

/// Runs all jobs that wait in the bench's queue.
pub(super) async fn run_out(client: &Client) -> anyhow::Result<()> {
    let (worker, _started) = worker(client, 500);
    let waiting = JobQuery {
        filter: Filter::new().kind(Noop::KIND).state(State::Available),
        limit: Some(1),
        ..JobQuery::default()
    };
    while !client.jobs(waiting.clone()).await?.data.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    worker.stop().await
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

/// Enqueues so many, whose args are so many bytes longer.
pub(super) async fn fill(client: &Client, jobs: u64, bytes: usize) -> anyhow::Result<()> {
    let all: Vec<NewJob> = (0..jobs).map(|n| padded(n, bytes)).collect();
    client.enqueue_in_parts(&all).await?;
    Ok(())
}

/// From the worker's start until the last job is settled.
pub(super) async fn drain(client: &Client, how: &Drain) -> anyhow::Result<Figures> {
    let (name, job): (_, fn(u64) -> NewJob) = match how.fail_once {
        true => ("drain --fail-once", |n| {
            NewJob::of(&Flaky { n }).queue(QUEUE)
        }),
        false => ("drain", noop),
    };
    let all: Vec<NewJob> = (0..how.jobs).map(job).collect();
    client.enqueue_in_parts(&all).await?;
    drop(all);
    let meter = Meter::start(client).await?;
    let (env, mut started) = Started::channel();
    let kinds = Registry::new().with::<Noop>(env.clone()).with::<Flaky>(env);
    let worker = work(client, how.slots, kinds);
    started.count(how.jobs).await?;
    worker.stop().await?;
    meter.stop(client, name, how.jobs, Vec::new()).await
}

pub(super) async fn pickup(client: &Client, how: &Pickup) -> anyhow::Result<Figures> {
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
pub(super) fn worker(client: &Client, slots: usize) -> (Running, Started) {
    let (env, started) = Started::channel();
    (
        work(client, slots, Registry::new().with::<Noop>(env)),
        started,
    )
}

/// A worker of other kinds.
pub(super) fn work(client: &Client, slots: usize, kinds: Registry) -> Running {
    let options = WorkerOptions {
        label: "bench".into(),
        queues: vec![QueueOptions::new(QUEUE, slots.max(1))],
        ..WorkerOptions::default()
    };
    let worker = Worker::new(client.clone(), kinds, options);
    let stop = CancellationToken::new();
    let task = tokio::spawn(worker.run(stop.clone()));
    Running { stop, task }
}

pub(super) struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<engine::Result<()>>,
}

impl Running {
    /// Ends once everything is settled.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.context("the worker panicked")??;
        Ok(())
    }
}

pub(super) struct Started(mpsc::UnboundedReceiver<(u64, Instant)>);

impl Started {
    pub(super) fn channel() -> (Env, Started) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Started(receiver))
    }

    /// The next start, of whichever job.
    pub(super) async fn next(&mut self) -> anyhow::Result<Instant> {
        let (_, at) = self.0.recv().await.context("the worker ended early")?;
        Ok(at)
    }

    /// How many more there have been, once the worker has ended.
    pub(super) fn rest(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) async fn count(&mut self, jobs: u64) -> anyhow::Result<()> {
        for _ in 0..jobs {
            self.next().await?;
        }
        Ok(())
    }
}

/// What the database has written, from one moment to another.
pub(super) struct Meter {
    wal: i64,
    commits: i64,
    started: Instant,
}

impl Meter {
    pub(super) async fn start(client: &Client) -> anyhow::Result<Meter> {
        tokio::time::sleep(STATISTICS_LAG).await;
        let (wal, commits) = client.written().await?;
        Ok(Meter {
            wal,
            commits,
            started: Instant::now(),
        })
    }

    pub(super) async fn stop(
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
