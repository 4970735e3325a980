//! What a drain loses where queues usually lose: beside a long history and many future jobs, under a
//! snapshot that is held open, with several processes, with large args, and one after the other.

use std::time::Instant;

use clap::Args;
use engine::{
    Actor, Client, Cx, Failure, Job, Limits, NewJob, Outcome, PartitionOrder, Policy, Registry,
    Seed,
};
use serde::Serialize;

use super::fleet;
use super::jobs::{self, Env, QUEUE, Started};
use crate::app::{App, Session};
use crate::output::Row;

/// How to be hostile. The invented jobs stay, so give it a database of its own.
#[derive(Debug, Args)]
pub(crate) struct Hostile {
    /// How many jobs a drain
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..))]
    jobs: u64,
    /// How many run at a time
    #[arg(long, default_value_t = 500)]
    slots: usize,
    /// Completed jobs to invent
    #[arg(long, default_value_t = 1_000_000)]
    finished: u32,
    /// Future jobs to invent
    #[arg(long, default_value_t = 200_000)]
    future: u32,
    /// Drains under one snapshot; the last is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    under_snapshot: u32,
}

/// A job that runs after the one before it.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Serial {
    n: u64,
}

impl Job for Serial {
    const KIND: &'static str = "bench.serial";
    type Env = Env;
    type Error = Failure;

    fn policy() -> Policy {
        let limits = Limits {
            order: Some(PartitionOrder::Skip),
            ..Limits::default()
        };
        Policy {
            limits,
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Failure> {
        jobs::started(cx.env(), self.n);
        Ok(Outcome::done())
    }
}

/// What was measured of a cell.
#[derive(Debug, Serialize)]
pub(super) struct Survived {
    cell: String,
    jobs: u64,
    jobs_per_second: f64,
    /// By the drain of small args in an empty database with one worker.
    of_first: f64,
}

impl Row for Survived {
    const COLUMNS: &'static [&'static str] = &["CELL", "JOBS", "JOBS/S", "OF_FIRST"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.cell.clone(),
            self.jobs.to_string(),
            format!("{:.0}", self.jobs_per_second),
            format!("{:.2}", self.of_first),
        ]
    }

    fn name(&self) -> String {
        self.cell.clone()
    }
}

/// Every cell, the plain drain first and last, since machines change meanwhile.
pub(super) async fn survive(
    app: &App,
    session: &Session,
    how: &Hostile,
) -> anyhow::Result<Vec<Survived>> {
    let client = &session.client;
    super::nothing_is_left(client, jobs::Noop::KIND).await?;
    let mut cells: Vec<Survived> = Vec::new();
    let mut note = |cell: &str, jobs: u64, jobs_per_second: f64| {
        let first = cells
            .first()
            .map_or(jobs_per_second, |one| one.jobs_per_second);
        cells.push(Survived {
            cell: cell.into(),
            jobs,
            jobs_per_second,
            of_first: jobs_per_second / first,
        });
    };
    // A drain that warms up plans, caches and the disk.
    drain(client, how, how.jobs, 0).await?;
    note("plain", how.jobs, drain(client, how, how.jobs, 0).await?);
    for (cell, processes) in [("one process", 1), ("four processes", 4)] {
        jobs::fill(client, how.jobs, 0).await?;
        let speed = fleet::drain((app, session), how.jobs, how.slots, processes).await?;
        note(cell, how.jobs, speed);
    }
    for (bytes, fewer) in [(256, 1), (4 << 10, 4), (64 << 10, 40)] {
        let jobs = how.jobs / fewer;
        let speed = drain(client, how, jobs, bytes).await?;
        note(&format!("args of {bytes} bytes"), jobs, speed);
    }
    let (jobs, speed) = one_by_one(client, how, &app.actor()).await?;
    note("two serial keys", jobs, speed);
    let snapshot = client.hold_snapshot_for_bench().await?;
    let mut speed = 0.0;
    for _ in 0..how.under_snapshot {
        speed = drain(client, how, how.jobs, 0).await?;
    }
    snapshot.rollback().await?;
    note("under a snapshot", how.jobs, speed);
    client
        .seed_for_bench(Seed {
            finished: how.finished,
            dead: 0,
            future: how.future,
            ..Seed::default()
        })
        .await?;
    let speed = drain(client, how, how.jobs, 0).await?;
    note("beside history and future", how.jobs, speed);
    note(
        "plain again",
        how.jobs,
        drain(client, how, how.jobs, 0).await?,
    );
    Ok(cells)
}

/// Jobs a second, from the worker's start until the last job is settled.
async fn drain(client: &Client, how: &Hostile, jobs: u64, bytes: usize) -> anyhow::Result<f64> {
    jobs::fill(client, jobs, bytes).await?;
    let begun = Instant::now();
    let (worker, mut started) = jobs::worker(client, how.slots);
    started.count(jobs).await?;
    worker.stop().await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

/// All jobs on two keys that keep their order; a fiftieth of them is waited for, the rest cancelled.
async fn one_by_one(client: &Client, how: &Hostile, actor: &Actor) -> anyhow::Result<(u64, f64)> {
    let all: Vec<NewJob> = (0..how.jobs)
        .map(|n| {
            NewJob::of(&Serial { n })
                .queue(QUEUE)
                .partition_key(format!("bench serial {}", n % 2))
        })
        .collect();
    let jobs = how.jobs / 50;
    let (env, mut started) = Started::channel();
    // Registers the order of the kind before its jobs come.
    let begun_before = jobs::work(
        client,
        how.slots,
        Registry::new().with::<Serial>(env.clone()),
    );
    begun_before.stop().await?;
    client.enqueue_in_parts(&all).await?;
    let begun = Instant::now();
    let worker = jobs::work(client, how.slots, Registry::new().with::<Serial>(env));
    started.count(jobs).await?;
    let speed = jobs as f64 / begun.elapsed().as_secs_f64();
    worker.stop().await?;
    super::cancel(client, Serial::KIND, actor).await?;
    Ok((jobs, speed))
}
