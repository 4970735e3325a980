//! The engine as a contestant of a job engine benchmark: the command line and the one line of JSON
//! that such a harness expects.
//!
//! ```text
//! setup | enqueue1 JOBS PRODUCERS | bulk JOBS | work JOBS CONC [noop|sleep20|flaky] | latency JOBS MS CONC
//! ```
//!
//! `DATABASE_URL` names the database. `EXECLOG` is a file that gets a line at the start and at the end
//! of every handler. `MAXSECS`, `UNTIL_EMPTY` and `STOP_AT` end a drain early or late. `MIXED=1` gives bulk jobs
//! priorities by chance, and half of them a time days ahead. Fence, attempt history and dead letters are on, as always.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a harness program: it stops at the first surprise"
)]

mod account;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use account::{Account, Mode, now_us, number, usage};
use engine::{
    Backoff, Client, Cx, Failure, Job, NewJob, Outcome, Policy, QueueOptions, Registry, When,
    Worker, WorkerOptions,
};
use tokio_util::sync::CancellationToken;

/// Jobs that are held in memory to be enqueued.
const MOST_AT_A_TIME: usize = 100_000;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Noop {
    n: u64,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Env = Arc<Account>;
    type Error = Failure;

    fn policy() -> Policy {
        // No wait between attempts: what is measured is the engine, not its patience.
        Policy {
            backoff: Backoff {
                base_ms: 0,
                factor: 1.0,
                max_ms: 0,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Arc<Account>>) -> Result<Outcome, Failure> {
        cx.env()
            .handle(self.n)
            .await
            .map(|()| Outcome::done())
            .map_err(|error| Failure::new("flaky", error))
    }
}

fn arg(place: usize, default: u64) -> u64 {
    std::env::args()
        .nth(place)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

async fn connect(connections: u32) -> Client {
    Client::connect(&std::env::var("DATABASE_URL").unwrap(), connections)
        .await
        .unwrap()
}

fn worker(client: &Client, account: &Arc<Account>, slots: u64) -> Worker {
    let options = WorkerOptions {
        label: "bench".into(),
        queues: vec![QueueOptions::new(
            "default",
            usize::try_from(slots).unwrap(),
        )],
        ..WorkerOptions::default()
    };
    Worker::new(
        client.clone(),
        Registry::new().with::<Noop>(account.clone()),
        options,
    )
}

async fn enqueue_singly(jobs: u64, producers: u64) {
    let client = connect(u32::try_from(producers).unwrap() + 1).await;
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..producers {
        let (client, next) = (client.clone(), next.clone());
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, SeqCst);
                if n >= jobs {
                    return;
                }
                client.enqueue(NewJob::of(&Noop { n })).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    report_enqueue(jobs, started);
}

async fn enqueue_in_bulk(jobs: u64) {
    let client = connect(4).await;
    let new = match number("MIXED", 0) {
        0 => |n| NewJob::of(&Noop { n }),
        _ => mixed,
    };
    let started = Instant::now();
    for first in (0..jobs).step_by(MOST_AT_A_TIME) {
        let last = jobs.min(first + MOST_AT_A_TIME as u64);
        let some: Vec<NewJob> = (first..last).map(new).collect();
        client.enqueue_in_parts(&some).await.unwrap();
    }
    report_enqueue(jobs, started);
}

/// Due within the last hour, or one to six days ahead.
fn mixed(n: u64) -> NewJob {
    let due = match n % 2 {
        0 => jiff::SignedDuration::from_secs(-rand::random_range(0..3_600)),
        _ => jiff::SignedDuration::from_secs(rand::random_range(24 * 3_600..6 * 24 * 3_600)),
    };
    NewJob::of(&Noop { n })
        .priority(rand::random_range(0..10))
        .when(When::At(jiff::Timestamp::now() + due))
}

async fn work(jobs: u64, slots: u64, mode: Mode) {
    let account = Arc::new(Account::new(jobs, mode));
    let client = connect(6).await;
    let (cpu_before, _) = usage();
    let started = Instant::now();
    let worker = worker(&client, &account, slots);
    // What it has completed is in the database, and to know it costs the drain nothing.
    let counts = worker.counts();
    tokio::spawn(worker.run(CancellationToken::new()));
    let longest = Duration::from_secs(number("MAXSECS", 45));
    let (until_empty, stop_at) = (number("UNTIL_EMPTY", 0) == 1, number("STOP_AT", u64::MAX));
    let mut remaining = -1;
    while started.elapsed() < longest {
        if account.ok() >= stop_at {
            remaining = 0;
            break;
        }
        if counts.completed() >= jobs {
            break;
        }
        if until_empty {
            remaining = count_live(&client).await;
            if remaining == 0 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(if until_empty { 190 } else { 5 })).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    if remaining < 0 {
        remaining = count_live(&client).await;
    }
    let (cpu, memory) = usage();
    account.report(jobs, seconds, (cpu - cpu_before, memory), remaining);
}

async fn count_live(client: &Client) -> i64 {
    client
        .queues()
        .await
        .unwrap()
        .iter()
        .map(|q| q.available + q.scheduled + q.running + q.waiting)
        .sum()
}

async fn latency(jobs: u64, every_ms: u64, slots: u64) {
    let account = Arc::new(Account::new(jobs, Mode::Latency));
    let client = connect(6).await;
    tokio::spawn(worker(&client, &account, slots).run(CancellationToken::new()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut tick = tokio::time::interval(Duration::from_millis(every_ms));
    let mut sent = Vec::new();
    for n in 0..jobs {
        tick.tick().await;
        let before = now_us();
        client.enqueue(NewJob::of(&Noop { n })).await.unwrap();
        sent.push((before, now_us()));
    }
    account.report_latency(&sent).await;
}

fn report_enqueue(jobs: u64, started: Instant) {
    let (cpu, memory) = usage();
    let seconds = started.elapsed().as_secs_f64();
    println!("{{\"jobs\":{jobs},\"secs\":{seconds:.4},\"cpu\":{cpu:.3},\"rss\":{memory:.1}}}");
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match std::env::args().nth(1).as_deref() {
        Some("setup") => connect(2).await.migrate().await.unwrap(),
        Some("enqueue1") => enqueue_singly(arg(2, 8_000), arg(3, 8)).await,
        Some("bulk") => enqueue_in_bulk(arg(2, 100_000)).await,
        Some("work") => {
            let mode = std::env::args()
                .nth(4)
                .map_or(Mode::Noop, |word| Mode::parse(&word));
            work(arg(2, 100_000), arg(3, 100), mode).await;
        }
        Some("latency") => latency(arg(2, 500), arg(3, 20), arg(4, 10)).await,
        other => panic!("unknown command {other:?}: see the head of this file"),
    }
}
