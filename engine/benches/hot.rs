//! The verbs every job goes through, timed one by one: `cargo bench -p lockstep-engine`, with
//! `DATABASE_URL` for a database of your own (its schema `engine` is migrated and filled). Without one
//! it takes a test's, whose commits do not reach the disk. Whole-program figures and peers are in
//! docs/performance.md; these tell which verb has moved.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring program: it stops at the first surprise"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use engine::testing::{Database, run_worker};
use engine::{
    Backoff, Client, Cx, Failure, Job, NewJob, Outcome, QueueOptions, Registry, WorkerOptions,
};

fn main() {
    divan::main();
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Noop {
    n: u64,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Env = &'static AtomicU64;
    type Error = Failure;

    async fn run(self, cx: Cx<&'static AtomicU64>) -> Result<Outcome, Failure> {
        cx.env().fetch_add(1, SeqCst);
        Ok(Outcome::done())
    }
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    client: Client,
    /// Lives as long as the process.
    _database: Option<Database>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (client, database) = runtime.block_on(async {
            if let Ok(url) = std::env::var("DATABASE_URL") {
                let client = Client::connect(&url, 10).await.unwrap();
                client.migrate().await.unwrap();
                return (client, None);
            }
            let database = Database::new().await;
            (database.client().clone(), Some(database))
        });
        Bench {
            runtime,
            client,
            _database: database,
        }
    })
}

fn jobs(count: u64, queue: &str) -> Vec<NewJob> {
    (0..count)
        .map(|n| NewJob::of(&Noop { n }).queue(queue))
        .collect()
}

/// One durable enqueue.
#[divan::bench]
fn enqueue_one(bencher: Bencher<'_, '_>) {
    let bench = bench();
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| NewJob::of(&Noop { n: 1 }).queue("enqueue"))
        .bench_values(|job| bench.runtime.block_on(bench.client.enqueue(job)).unwrap());
}

/// Many in one statement.
#[divan::bench(args = [100, 1_000, 10_000])]
fn enqueue_many(bencher: Bencher<'_, '_>, count: u64) {
    let bench = bench();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| jobs(count, "enqueue"))
        .bench_values(|jobs| {
            bench
                .runtime
                .block_on(bench.client.enqueue_all(&jobs))
                .unwrap()
        });
}

/// Claim, run and settle by one worker, from its start to the last end it has written.
#[divan::bench(args = [1_000, 10_000], sample_count = 10)]
fn drain(bencher: Bencher<'_, '_>, count: u64) {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let bench = bench();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| {
            let batch = jobs(count, "drain");
            bench
                .runtime
                .block_on(bench.client.enqueue_all(&batch))
                .unwrap();
        })
        .bench_values(|()| {
            bench.runtime.block_on(async {
                let options = WorkerOptions {
                    queues: vec![QueueOptions::new("drain", 1_000)],
                    ..WorkerOptions::default()
                };
                let worker = run_worker(&bench.client, Registry::new().with::<Noop>(&RUN), options);
                while worker.counts().completed() < count {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                worker.stop().await;
            });
        });
}

/// The rule of retries: pure.
#[divan::bench]
fn backoff() -> Duration {
    divan::black_box(Backoff::default()).wait(divan::black_box(7), None, divan::black_box(0.3))
}
