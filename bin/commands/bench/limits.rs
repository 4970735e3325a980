//! What keys and limits cost: the same drain without them, beside kinds that have limits, of jobs that share
//! partition keys, of jobs that have one each, of a kind held to so many running over the whole fleet, and of jobs held to so
//! many running of a key. The cells take turns in one run, so that a machine that grows slower is so for all of them.

use clap::Args;
use engine::{Client, Cx, Failure, Job, Limits, NewJob, Outcome, Policy, Registry};
use serde::Serialize;

use super::jobs::{self, Env, Noop, QUEUE, Started};
use crate::output::Row;

/// Partitions of the cells whose jobs share keys.
const TENANTS: u64 = 100;
/// Jobs of one partition that run at a time: together more than there are slots.
const OF_A_TENANT: u32 = 10;
/// Jobs of a kind that run at a time, over the whole fleet.
const OF_A_KIND: u32 = 1_000;

/// How to compare.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How many jobs a drain
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// How many run at a time
    #[arg(long, default_value_t = 500)]
    slots: usize,
    /// Drains of each cell
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

fn held_to(limits: Limits) -> Policy {
    Policy {
        limits,
        ..Policy::default()
    }
}

/// A job that does nothing, of a tenant that may run a few at a time.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Held {
    n: u64,
}

impl Job for Held {
    const KIND: &'static str = "bench.held";
    type Env = Env;
    type Error = Failure;

    fn policy() -> Policy {
        held_to(Limits {
            per_partition: Some(OF_A_TENANT),
            ..Limits::default()
        })
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Failure> {
        jobs::started(cx.env(), self.n);
        Ok(Outcome::done())
    }
}

/// A job that does nothing, of a kind of which so many may run at a time.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Counted {
    n: u64,
}

impl Job for Counted {
    const KIND: &'static str = "bench.counted";
    type Env = Env;
    type Error = Failure;

    fn policy() -> Policy {
        held_to(Limits {
            running: Some(OF_A_KIND),
            ..Limits::default()
        })
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Failure> {
        jobs::started(cx.env(), self.n);
        Ok(Outcome::done())
    }
}

/// A kind with limits of which there are no jobs.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Limited {}

impl Job for Limited {
    const KIND: &'static str = "bench.limited";
    type Env = Env;
    type Error = Failure;

    fn policy() -> Policy {
        held_to(Limits {
            running: Some(5),
            per_partition: Some(1),
            ..Limits::default()
        })
    }

    async fn run(self, _: Cx<Env>) -> Result<Outcome, Failure> {
        Ok(Outcome::done())
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Plain,
    Unused,
    Keyed,
    Alone,
    Counted,
    Held,
}

impl Cell {
    const ALL: [Cell; 6] = [
        Cell::Plain,
        Cell::Unused,
        Cell::Keyed,
        Cell::Alone,
        Cell::Counted,
        Cell::Held,
    ];

    fn name(self) -> &'static str {
        match self {
            Cell::Plain => "plain",
            Cell::Unused => "unused",
            Cell::Keyed => "keyed",
            Cell::Alone => "alone",
            Cell::Counted => "counted",
            Cell::Held => "held",
        }
    }

    /// The least share of the plain drain's speed. None for keys that gain nothing.
    fn bar(self) -> Option<f64> {
        match self {
            Cell::Plain => Some(1.0),
            Cell::Unused => Some(0.95),
            Cell::Keyed | Cell::Held => Some(0.75),
            // What River Pro says of its global limits.
            Cell::Counted => Some(0.5),
            Cell::Alone => None,
        }
    }

    fn job(self, n: u64) -> NewJob {
        match self {
            Cell::Plain | Cell::Unused => jobs::noop(n),
            Cell::Keyed => jobs::noop(n).partition_key(tenant(n)),
            Cell::Alone => jobs::noop(n).partition_key(format!("bench job {n}")),
            Cell::Counted => NewJob::of(&Counted { n }).queue(QUEUE),
            Cell::Held => NewJob::of(&Held { n })
                .queue(QUEUE)
                .partition_key(tenant(n)),
        }
    }

    fn registry(self, env: Env) -> Registry {
        match self {
            Cell::Plain | Cell::Keyed | Cell::Alone => Registry::new().with::<Noop>(env),
            Cell::Unused => Registry::new()
                .with::<Noop>(env.clone())
                .with::<Limited>(env),
            Cell::Counted => Registry::new().with::<Counted>(env),
            Cell::Held => Registry::new().with::<Held>(env),
        }
    }
}

fn tenant(n: u64) -> String {
    format!("bench tenant {}", n % TENANTS)
}

/// What was measured of a cell.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    cell: &'static str,
    jobs: u64,
    rounds: usize,
    /// The median.
    jobs_per_second: f64,
    slowest: f64,
    fastest: f64,
    /// The median of each round's speed by that of its plain drain.
    of_plain: f64,
    bar: Option<f64>,
}

impl Row for Compared {
    const COLUMNS: &'static [&'static str] = &[
        "CELL", "JOBS", "ROUNDS", "JOBS/S", "SLOWEST", "FASTEST", "OF_PLAIN", "BAR",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.cell.into(),
            self.jobs.to_string(),
            self.rounds.to_string(),
            format!("{:.0}", self.jobs_per_second),
            format!("{:.0}", self.slowest),
            format!("{:.0}", self.fastest),
            format!("{:.3}", self.of_plain),
            self.bar
                .map_or_else(|| "-".into(), |bar| format!("{bar:.2}")),
        ]
    }

    fn name(&self) -> String {
        self.cell.into()
    }
}

/// Drains each cell once a round, each round beginning with another.
pub(super) async fn compare(client: &Client, how: &Compare) -> anyhow::Result<Vec<Compared>> {
    let mut rounds: Vec<[f64; Cell::ALL.len()]> = Vec::new();
    for round in 0..usize::try_from(how.rounds)? {
        let mut speeds = [0.0; Cell::ALL.len()];
        for turn in 0..Cell::ALL.len() {
            let place = (round + turn) % Cell::ALL.len();
            speeds[place] = drain(client, how, Cell::ALL[place]).await?;
        }
        rounds.push(speeds);
    }
    let compared = Cell::ALL.iter().enumerate().map(|(place, cell)| {
        let speeds = sorted(rounds.iter().map(|round| round[place]));
        let ratios = sorted(rounds.iter().map(|round| round[place] / round[0]));
        Compared {
            cell: cell.name(),
            jobs: how.jobs,
            rounds: rounds.len(),
            jobs_per_second: median(&speeds),
            slowest: speeds.first().copied().unwrap_or_default(),
            fastest: speeds.last().copied().unwrap_or_default(),
            of_plain: median(&ratios),
            bar: cell.bar(),
        }
    });
    Ok(compared.collect())
}

/// Jobs a second, from the worker's start until the last job is settled.
async fn drain(client: &Client, how: &Compare, cell: Cell) -> anyhow::Result<f64> {
    let all: Vec<NewJob> = (0..how.jobs).map(|n| cell.job(n)).collect();
    client.enqueue_in_parts(&all).await?;
    let (env, mut started) = Started::channel();
    let begun = std::time::Instant::now();
    let worker = jobs::work(client, how.slots, cell.registry(env));
    started.count(how.jobs).await?;
    worker.stop().await?;
    Ok(how.jobs as f64 / begun.elapsed().as_secs_f64())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    super::quantile(sorted, 0.5).unwrap_or_default()
}
