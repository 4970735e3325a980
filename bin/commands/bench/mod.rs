//! `lockstep bench`: what this database does on this machine. Runs against any database, in a queue and
//! with a kind of its own, and forgets its jobs afterwards.

mod hostile;
mod jobs;
mod limits;
mod read;

use clap::{Args, Subcommand};
use engine::{Client, Job};
use serde::Serialize;

use crate::app::{App, Session};
use crate::output::{Exit, Row};

/// The measurements.
#[derive(Debug, Subcommand)]
#[command(
    before_help = "Examples:\n  lockstep bench drain --jobs 100000 --slots 500\n  lockstep bench pickup -o json"
)]
pub(crate) enum Bench {
    /// Enqueue jobs one by one, each in a commit of its own, or in bulk
    #[command(
        before_help = "Examples:\n  lockstep bench enqueue --jobs 8000 --producers 8\n  lockstep bench enqueue --bulk --jobs 100000"
    )]
    Enqueue(Enqueue),
    /// Drain a queue of jobs that do nothing
    #[command(before_help = "Examples:\n  lockstep bench drain --jobs 100000 --slots 500")]
    Drain(Drain),
    /// Compare drains without limits, beside kinds that have some, and of jobs held to some
    #[command(before_help = "Examples:\n  lockstep bench limits -o json")]
    Limits(limits::Compare),
    /// Drain where queues usually slow down: long history, held snapshot, large args, serial keys
    #[command(before_help = "Examples:\n  lockstep bench hostile")]
    Hostile(hostile::Hostile),
    /// Measure reading: pages of lists, groups and the overview
    #[command(before_help = "Examples:\n  lockstep bench read --seed --rounds 200")]
    Read(read::Read),
    /// Measure from the answer of an enqueue to the start of the handler, on an idle queue
    #[command(before_help = "Examples:\n  lockstep bench pickup --jobs 500 --every-ms 20")]
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

/// Does it.
pub(crate) async fn run(app: &App, bench: Bench) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    if let Bench::Read(how) = &bench {
        let timings = Box::pin(read::run(app, &session, how)).await?;
        app.out.list(&timings, "")?;
        session.close().await?;
        return Ok(Exit::Ok);
    }
    if let Bench::Limits(how) = &bench {
        let compared = limits::compare(&session.client, how).await;
        forget(app, &session).await?;
        app.out.list(&compared?, "")?;
        session.close().await?;
        return Ok(Exit::Ok);
    }
    if let Bench::Hostile(how) = &bench {
        let survived = hostile::survive(&session.client, how, &app.actor()).await;
        forget(app, &session).await?;
        app.out.list(&survived?, "")?;
        session.close().await?;
        return Ok(Exit::Ok);
    }
    let figures = measure(&session.client, &session.database.url, bench).await;
    forget(app, &session).await?;
    app.out.list(&[figures?], "")?;
    session.close().await?;
    Ok(Exit::Ok)
}

/// Takes the jobs of the measurement away again.
async fn forget(app: &App, session: &Session) -> anyhow::Result<()> {
    let mut forgotten = 0;
    for kind in [jobs::Noop::KIND, limits::Keyed::KIND, hostile::Serial::KIND] {
        forgotten += session.client.delete_ended(kind, &app.actor()).await?;
    }
    app.out
        .note(&format!("Forgot the {forgotten} jobs of the measurement."));
    Ok(())
}

async fn measure(client: &Client, url: &str, bench: Bench) -> anyhow::Result<Figures> {
    match bench {
        Bench::Enqueue(how) => jobs::enqueue(client, url, &how).await,
        Bench::Drain(how) => jobs::drain(client, &how).await,
        Bench::Pickup(how) => jobs::pickup(client, &how).await,
        Bench::Read(_) | Bench::Limits(_) | Bench::Hostile(_) => {
            anyhow::bail!("it is measured apart")
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied()
}
