//! What reading costs: pages of lists under filters of every sort, groups, and the overview.

use std::time::Instant;

use clap::Args;
use engine::{Client, Filter, JobQuery, RollupBy, RollupQuery, Seed};
use jobs::{company, zone};
use serde::Serialize;
use sqlx::PgPool;

use super::quantile;
use crate::app::{App, Session};
use crate::output::Row;

/// Rows a page, where a list says nothing else.
const PAGE: u16 = 50;

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
    /// Rows of the audit trail to invent; ticks, tokens and workers come with them
    #[arg(long, default_value_t = 100_000, requires = "seed")]
    audit: u32,
    /// Companies to invent, with five zones each
    #[arg(long, default_value_t = 10_000, requires = "seed")]
    companies: u32,
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
        company::seed_for_bench(&session.env.pool, how.companies).await?;
        let seconds = begun.elapsed().as_secs_f64();
        app.out
            .note(&format!("Invented the rows in {seconds:.0} s; they stay."));
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
    timings.extend(Box::pin(glances(client, how.rounds)).await?);
    timings.push(month(client, how.rounds).await?);
    timings.extend(Box::pin(lists(client, how.rounds)).await?);
    timings.extend(synced(&session.env.pool, how.rounds).await?);
    Ok(timings)
}

/// What people look at first.
async fn glances(client: &Client, rounds: u32) -> anyhow::Result<Vec<Timing>> {
    let overview = timed("overview", rounds, async || {
        Ok((client.overview().await?.shares.len(), None))
    });
    let groups = timed("dead groups", rounds, async || {
        Ok((client.dead_groups(None, PAGE).await?.data.len(), None))
    });
    let queues = timed("queues", rounds, async || {
        Ok((client.queues().await?.len(), None))
    });
    let alerts = timed("alerts", rounds, async || {
        Ok((client.alerts().await?.len(), None))
    });
    Ok(vec![
        overview.await?,
        groups.await?,
        queues.await?,
        alerts.await?,
    ])
}

/// Lists that are not of jobs.
async fn lists(client: &Client, rounds: u32) -> anyhow::Result<Vec<Timing>> {
    let workers = timed("workers", rounds, async || {
        Ok((client.workers(None, PAGE).await?.data.len(), None))
    });
    let tokens = timed("tokens", rounds, async || {
        Ok((client.tokens(None, PAGE).await?.data.len(), None))
    });
    let ticks = timed("ticks of a schedule", rounds, async || {
        let page = client.ticks(engine::SEEDED_SCHEDULE, None, PAGE).await;
        // Without a seed there is no such schedule.
        Ok((page.map_or(0, |page| page.data.len()), None))
    });
    let audit = timed("audit trail", rounds, async || {
        Ok((client.audit_page(None, None, PAGE).await?.data.len(), None))
    });
    let target = timed("audit trail of a job", rounds, async || {
        let page = client.audit_page(Some("job 7"), None, PAGE).await?;
        Ok((page.data.len(), None))
    });
    let acts = timed("acts on many", rounds, async || {
        Ok((client.bulks(None, PAGE).await?.data.len(), None))
    });
    let kinds = timed("kinds", rounds, async || {
        Ok((client.kinds().await?.len(), None))
    });
    let schedules = timed("schedules", rounds, async || {
        Ok((client.schedules().await?.len(), None))
    });
    let partitions = timed("blocked partitions", rounds, async || {
        Ok((
            client.blocked_partitions(None, PAGE).await?.data.len(),
            None,
        ))
    });
    Ok(vec![
        workers.await?,
        tokens.await?,
        ticks.await?,
        audit.await?,
        target.await?,
        acts.await?,
        kinds.await?,
        schedules.await?,
        partitions.await?,
    ])
}

/// Lists of what was synced.
async fn synced(pool: &PgPool, rounds: u32) -> anyhow::Result<Vec<Timing>> {
    let companies = company::Filter::default();
    let companies = timed("companies", rounds, async || {
        let page = company::list(pool, &companies, PAGE).await?;
        Ok((page.data.len(), None))
    });
    let all = zone::Filter::default();
    let offline = zone::Filter {
        status: Some(zone::Status::Offline),
        ..all
    };
    let orphans = zone::Filter {
        orphaned: Some(true),
        ..all
    };
    let mut timings = vec![companies.await?];
    for (name, filter) in [
        ("zones", all),
        ("zones that are offline", offline),
        ("zones that are orphaned", orphans),
    ] {
        let read = timed(name, rounds, async || {
            Ok((zone::list(pool, &filter, PAGE).await?.data.len(), None))
        });
        timings.push(read.await?);
    }
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
