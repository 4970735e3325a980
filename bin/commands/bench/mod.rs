//! `lockstep bench`: what this database does on this machine. Runs against any database, in a queue and
//! with kinds of its own, and forgets its jobs afterwards. `bench idle` alone begins workers of the real kinds.

mod api;
mod crash;
mod deep;
mod fleet;
mod hostile;
mod idle;
mod jobs;
mod limits;
mod lists;
mod process;
mod read;

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use engine::{Actor, BulkAct, Client, Filter, Job, JobQuery, NewBulk};
use serde::Serialize;

use crate::app::{App, Session};
use crate::output::{Exit, Row};
use crate::signals;

/// Those whose jobs are forgotten.
const KINDS: [&str; 6] = [
    jobs::Noop::KIND,
    jobs::Flaky::KIND,
    limits::Counted::KIND,
    limits::Held::KIND,
    hostile::Serial::KIND,
    crash::Lost::KIND,
];

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
    #[command(
        before_help = "Examples:\n  lockstep bench drain --jobs 100000 --slots 500\n  lockstep bench drain --fail-once --jobs 20000"
    )]
    Drain(Drain),
    /// Drain a few of very many jobs of mixed priorities, half of them in the future
    #[command(before_help = "Examples:\n  lockstep bench deep --pending 1000000 --jobs 50000")]
    Deep(deep::Deep),
    /// Compare drains without keys, beside kinds with limits, of keyed jobs and of jobs held to a limit
    #[command(before_help = "Examples:\n  lockstep bench limits -o json")]
    Limits(limits::Compare),
    /// Drain where queues usually slow down: long history, held snapshot, large args, serial keys, four processes
    #[command(before_help = "Examples:\n  lockstep bench hostile")]
    Hostile(hostile::Hostile),
    /// Kill a worker process, and measure until its jobs run again
    #[command(before_help = "Examples:\n  lockstep bench crash --jobs 100")]
    Crash(crash::Crash),
    /// Hold jobs until somebody kills this process: the other half of `bench crash`
    #[command(
        hide = true,
        before_help = "Examples:\n  lockstep bench hang --slots 100"
    )]
    Hang(crash::Hang),
    /// Work until the input ends: a process of `bench hostile`
    #[command(
        hide = true,
        before_help = "Examples:\n  lockstep bench member --slots 125"
    )]
    Member(fleet::Member),
    /// Begin processes of `lockstep work` that have nothing to do, and count their statements
    #[command(before_help = "Examples:\n  lockstep bench idle --processes 10 --seconds 60")]
    Idle(idle::Idle),
    /// Measure reading: pages of lists, groups and the overview
    #[command(before_help = "Examples:\n  lockstep bench read --seed --rounds 200")]
    Read(read::Read),
    /// Serve the HTTP API to a thousand clients, and measure how long answers take
    #[command(
        before_help = "Examples:\n  lockstep bench api --clients 1000\n  lockstep bench api --clients 100 --every-ms 0"
    )]
    Api(api::Api),
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
    /// Let each job fail once, and try it again at once
    #[arg(long)]
    fail_once: bool,
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
    let client = &session.client;
    match &bench {
        Bench::Read(how) => {
            let timings = Box::pin(read::run(app, &session, how)).await?;
            app.out.list(&timings, "")?;
        }
        Bench::Limits(how) => tell(app, &session, limits::compare(client, how).await).await?,
        Bench::Hostile(how) => {
            let survived = unless_stopped(hostile::survive(app, &session, how)).await;
            tell(app, &session, survived).await?;
        }
        Bench::Api(how) => {
            let served = Box::pin(api::ask(app, &session, how)).await;
            tell(app, &session, served).await?;
        }
        Bench::Enqueue(how) => {
            let figures = jobs::enqueue(client, &session.database.url, how).await;
            tell(app, &session, figures.map(|one| vec![one])).await?;
        }
        Bench::Drain(how) => {
            let figures = jobs::drain(client, how).await;
            tell(app, &session, figures.map(|one| vec![one])).await?;
        }
        Bench::Deep(how) => {
            let figures = deep::drain(client, how).await;
            tell(app, &session, figures.map(|one| vec![one])).await?;
        }
        Bench::Crash(how) => {
            let figures = unless_stopped(crash::kill(app, &session, how)).await;
            tell(app, &session, figures.map(|one| vec![one])).await?;
        }
        Bench::Hang(how) => crash::hang(client, how).await?,
        Bench::Member(how) => fleet::join(client, how).await?,
        Bench::Idle(how) => {
            let rested = unless_stopped(idle::rest(app, &session, how)).await?;
            app.out.list(&[rested], "")?;
        }
        Bench::Pickup(how) => {
            let figures = jobs::pickup(client, how).await;
            tell(app, &session, figures.map(|one| vec![one])).await?;
        }
    }
    session.close().await?;
    Ok(Exit::Ok)
}

/// Shows what was measured, once its jobs are gone.
async fn tell<T: Row + Serialize>(
    app: &App,
    session: &Session,
    measured: anyhow::Result<Vec<T>>,
) -> anyhow::Result<()> {
    forget(app, session).await?;
    Ok(app.out.list(&measured?, "")?)
}

/// A measurement with processes of its own, which end with it, also when this one is told to.
async fn unless_stopped<T>(measure: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let stop = signals::stop_token()?;
    stop.run_until_cancelled(Box::pin(measure))
        .await
        .unwrap_or_else(|| bail!("stopped before it was measured"))
}

/// Takes the jobs of the measurement away again, those that it has left undone too.
async fn forget(app: &App, session: &Session) -> anyhow::Result<()> {
    let (client, actor) = (&session.client, app.actor());
    let mut forgotten = 0;
    for kind in KINDS {
        cancel(client, kind, &actor).await?;
        forgotten += client.delete_ended(kind, &actor).await?;
    }
    app.out
        .note(&format!("Forgot the {forgotten} jobs of the measurement."));
    Ok(())
}

/// Jobs of a kind that wait or run: at most so many.
async fn under_way(client: &Client, kind: &str, most: u16) -> anyhow::Result<usize> {
    let of_them = JobQuery {
        filter: Filter::new().kind(kind).and(live()?),
        limit: Some(most),
        ..JobQuery::default()
    };
    Ok(client.jobs(of_them).await?.data.len())
}

/// Jobs of a process that was killed run until their lease ends, whoever cancels them.
async fn nothing_is_left(client: &Client, kind: &str) -> anyhow::Result<()> {
    ensure!(
        under_way(client, kind, 1).await? == 0,
        "jobs of an earlier measurement are still under way: try again in half a minute"
    );
    Ok(())
}

fn live() -> anyhow::Result<Filter> {
    Ok(Filter::parse("state:available,scheduled,running").map_err(engine::Error::from)?)
}

async fn cancel(client: &Client, kind: &str, actor: &Actor) -> anyhow::Result<()> {
    if under_way(client, kind, 1).await? == 0 {
        return Ok(());
    }
    let theirs = Filter::new().kind(kind).and(live()?);
    let (bulk, _) = client
        .start_bulk(&NewBulk::new(BulkAct::Cancel, theirs), actor)
        .await?;
    while !client.bulk(bulk.id).await?.state.is_over() {
        client.advance_bulk(bulk.id).await?;
    }
    Ok(())
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied()
}
