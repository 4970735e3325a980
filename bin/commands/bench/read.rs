//! What reading costs: pages of lists under filters of every sort, groups, and the overview.

use std::time::Instant;

use clap::Args;
use engine::{Client, Filter, JobQuery, RollupBy, RollupQuery, Seed};
use serde::Serialize;

use super::quantile;
use crate::app::App;
use crate::output::Row;

/// How to read.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Invent jobs first; they stay, so give it a database of its own
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
    /// How often each is read
    #[arg(long, default_value_t = 100)]
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

pub(super) async fn run(app: &App, client: &Client, how: &Read) -> anyhow::Result<Vec<Timing>> {
    if how.seed {
        let begun = Instant::now();
        let seed = Seed {
            finished: how.finished,
            dead: how.dead,
            future: how.future,
        };
        client.seed_for_bench(seed).await?;
        let seconds = begun.elapsed().as_secs_f64();
        app.out
            .note(&format!("Invented the jobs in {seconds:.0} s; they stay."));
    }
    let mut timings = Vec::new();
    for text in FILTERS {
        let filter = Filter::parse(text).map_err(engine::Error::from)?;
        timings.push(
            timed(&format!("jobs {text}"), how.rounds, async || {
                let page = client.jobs(filter.clone()).await?;
                Ok((page.data.len(), page.searched.map(|searched| searched.rows)))
            })
            .await?,
        );
    }
    timings.push(deep(client, how.rounds).await?);
    let groups = timed("dead groups", how.rounds, async || {
        Ok((client.dead_groups(None, 50).await?.data.len(), None))
    });
    timings.push(groups.await?);
    let queues = timed("queues", how.rounds, async || {
        Ok((client.queues().await?.len(), None))
    });
    timings.push(queues.await?);
    let overview = timed("overview", how.rounds, async || {
        Ok((client.overview().await?.shares.len(), None))
    });
    timings.push(overview.await?);
    timings.push(month(client, how.rounds).await?);
    let alerts = timed("alerts", how.rounds, async || {
        Ok((client.alerts().await?.len(), None))
    });
    timings.push(alerts.await?);
    Ok(timings)
}

/// A month, hour by hour and kind by kind.
async fn month(client: &Client, rounds: u32) -> anyhow::Result<Timing> {
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
    let read = timed("rollups of a month", rounds, async || {
        Ok((client.rollups(&query).await?.len(), None))
    });
    read.await
}

/// Later pages cost what the first does.
async fn deep(client: &Client, rounds: u32) -> anyhow::Result<Timing> {
    let mut query = JobQuery::default();
    for _ in 0..20 {
        query.before = client.jobs(query.clone()).await?.next;
    }
    let read = timed("jobs, page 21", rounds, async || {
        Ok((client.jobs(query.clone()).await?.data.len(), None))
    });
    read.await
}

async fn timed<F>(name: &str, rounds: u32, mut read: F) -> anyhow::Result<Timing>
where
    F: AsyncFnMut() -> anyhow::Result<(usize, Option<u64>)>,
{
    let mut spans = Vec::new();
    let mut seen = (0, None);
    let begun = Instant::now();
    for _ in 0..rounds.max(1) {
        let asked = Instant::now();
        seen = read().await?;
        spans.push(asked.elapsed().as_secs_f64() * 1_000.0);
        // A slow one need not be read a hundred times.
        if begun.elapsed().as_secs() >= 20 {
            break;
        }
    }
    spans.sort_by(f64::total_cmp);
    Ok(Timing {
        read: name.trim_end().to_owned(),
        rows: seen.0,
        searched: seen.1,
        p50_ms: quantile(&spans, 0.50).unwrap_or_default(),
        p99_ms: quantile(&spans, 0.99).unwrap_or_default(),
    })
}
