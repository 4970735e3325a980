//! What reading costs: pages of lists under filters of every sort, groups, and the overview.

use std::time::Instant;

use clap::Args;
use engine::{Client, Filter, JobQuery, RollupBy, RollupQuery, Seed};
use jobs::{alert, seed as synced};
use serde::Serialize;

use super::{lists, quantile};
use crate::app::{App, Session};
use crate::output::Row;

/// How to read.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Invent rows first; they stay, so give it a database of its own
    #[arg(long)]
    seed: bool,
    /// Completed jobs to invent
    #[arg(long, default_value_t = 5_000_000, requires = "seed")]
    finished: u32,
    /// Dead letters to invent
    #[arg(long, default_value_t = 50_000, requires = "seed")]
    dead: u32,
    /// Future jobs to invent
    #[arg(long, default_value_t = 200_000, requires = "seed")]
    future: u32,
    /// Rows of the audit trail to invent; ticks, steps, tokens, breakers, budgets and workers come with them
    #[arg(long, default_value_t = 100_000, requires = "seed")]
    audit: u32,
    /// Companies to invent, with five zones each
    #[arg(long, default_value_t = 10_000, requires = "seed")]
    companies: u32,
    /// Runs of syncs to invent; history, bad records, products, profiles and Creatio's records come with them
    #[arg(long, default_value_t = 500_000, requires = "seed")]
    runs: u32,
    /// How often each is read, within twenty seconds
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

/// How long one sort of reading took.
#[derive(Debug, Serialize)]
pub(super) struct Timing {
    read: String,
    rows: usize,
    /// Rows that were looked at, when the search was stopped.
    searched: Option<u64>,
    p50_ms: f64,
    p99_ms: f64,
}

impl Row for Timing {
    const COLUMNS: &'static [&'static str] = &["READ", "ROWS", "SEARCHED", "P50_MS", "P99_MS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.read.clone(),
            self.rows.to_string(),
            self.searched
                .map_or_else(|| "-".into(), |rows| rows.to_string()),
            format!("{:.2}", self.p50_ms),
            format!("{:.2}", self.p99_ms),
        ]
    }

    fn name(&self) -> String {
        self.read.clone()
    }
}

/// One of every way to walk, dense and sparse.
const FILTERS: [&str; 14] = [
    "",
    "state:dead",
    "state:dead kind:bench.seed_3",
    "error:\"answered 504\"",
    "state:dead args.company_id:7",
    "state:scheduled queue:bench_slow",
    "state:available,running",
    "state:running",
    "state:completed tag:vip",
    "kind:bench.seed_1 age>1m",
    "key:company-50",
    "-state:completed",
    "args.company_id:7",
    "tag:nowhere",
];

pub(super) async fn run(app: &App, session: &Session, how: &Read) -> anyhow::Result<Vec<Timing>> {
    let client = &session.client;
    if how.seed {
        let begun = Instant::now();
        let seed = Seed {
            finished: how.finished,
            dead: how.dead,
            future: how.future,
            audit: how.audit,
        };
        client.seed_for_bench(seed).await?;
        let seed = synced::Seed {
            companies: how.companies,
            runs: how.runs,
        };
        synced::seed_for_bench(&session.env.pool, seed).await?;
        let seconds = begun.elapsed().as_secs_f64();
        app.out
            .note(&format!("Invented the rows in {seconds:.0} s; they stay."));
    }
    let mut reads = Reads {
        rounds: how.rounds,
        timings: Vec::new(),
    };
    for text in FILTERS {
        let filter = Filter::parse(text).map_err(engine::Error::from)?;
        let name = format!("jobs {text}");
        let read = async || {
            let page = client.jobs(filter.clone()).await?;
            Ok((page.data.len(), page.searched.map(|searched| searched.rows)))
        };
        reads.search(name.trim_end(), read).await?;
    }
    deep(&mut reads, client).await?;
    glances(&mut reads, client).await?;
    month(&mut reads, client).await?;
    Box::pin(lists::of_work(&mut reads, client)).await?;
    Box::pin(lists::of_syncs(&mut reads, &session.env.pool)).await?;
    Box::pin(lists::of_creatio(&mut reads, &session.env.pool)).await?;
    Ok(reads.timings)
}

/// Later pages cost what the first does.
async fn deep(reads: &mut Reads, client: &Client) -> anyhow::Result<()> {
    let mut query = JobQuery::default();
    for _ in 0..20 {
        query.before = client.jobs(query.clone()).await?.next;
    }
    let read = async || Ok(client.jobs(query.clone()).await?.data.len());
    reads.list("jobs, page 21", read).await
}

/// What people look at first.
async fn glances(reads: &mut Reads, client: &Client) -> anyhow::Result<()> {
    let read = async || Ok(client.overview().await?.shares.len());
    reads.list("overview", read).await?;
    let read = async || Ok(client.queues().await?.len());
    reads.list("queues", read).await?;
    let read = async || Ok(alert::list(client).await?.len());
    reads.list("alerts", read).await
}

/// A month, hour by hour and kind by kind.
async fn month(reads: &mut Reads, client: &Client) -> anyhow::Result<()> {
    let now = client.server().await?.now;
    let hour = std::time::Duration::from_secs(3_600);
    let query = RollupQuery {
        from: Some(now.checked_sub(hour * 24 * 30)?),
        step: hour,
        by: RollupBy {
            kind: true,
            ..RollupBy::default()
        },
        ..RollupQuery::default()
    };
    let read = async || Ok(client.rollups(&query).await?.len());
    reads.list("rollups of a month", read).await
}

/// What was read so far, each sort up to `rounds` times.
pub(super) struct Reads {
    rounds: u32,
    timings: Vec<Timing>,
}

impl Reads {
    /// Times what answers with so many rows.
    pub(super) async fn list<F>(&mut self, name: &str, mut read: F) -> anyhow::Result<()>
    where
        F: AsyncFnMut() -> anyhow::Result<usize>,
    {
        self.search(name, async || Ok((read().await?, None))).await
    }

    /// Times what may stop before all is searched: it answers with the rows that it looked at, too.
    async fn search<F>(&mut self, name: &str, mut read: F) -> anyhow::Result<()>
    where
        F: AsyncFnMut() -> anyhow::Result<(usize, Option<u64>)>,
    {
        let mut spans = Vec::new();
        let mut seen = (0, None);
        let begun = Instant::now();
        for _ in 0..self.rounds.max(1) {
            let asked = Instant::now();
            seen = read().await?;
            spans.push(asked.elapsed().as_secs_f64() * 1_000.0);
            // A slow one need not be read a hundred times.
            if begun.elapsed().as_secs() >= 20 {
                break;
            }
        }
        spans.sort_by(f64::total_cmp);
        self.timings.push(Timing {
            read: name.to_owned(),
            rows: seen.0,
            searched: seen.1,
            p50_ms: quantile(&spans, 0.50).unwrap_or_default(),
            p99_ms: quantile(&spans, 0.99).unwrap_or_default(),
        });
        Ok(())
    }
}
