//! How long the jobs of a killed worker are without one: a process takes jobs that do not end, is killed, and a
//! worker of this process runs them again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use engine::{Client, Cx, Failure, Filter, Job, JobQuery, NewJob, Outcome, Registry, State};
use serde::Serialize;

use super::jobs::{self, Env, Meter, QUEUE, Started};
use super::{Figures, process};
use crate::app::{App, Session};

/// A process that has not taken its jobs by then will not.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any lease: whoever should have killed the process has ended itself by then.
const LONGEST: Duration = Duration::from_secs(300);

/// What to lose.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// Jobs that run when their process is killed
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    jobs: u16,
}

/// What the process that is to be killed does.
#[derive(Debug, Args)]
pub(crate) struct Hang {
    /// How many jobs to hold
    #[arg(long, default_value_t = 100)]
    slots: usize,
}

/// A job that ends only where somebody counts.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Lost {
    n: u64,
}

impl Job for Lost {
    const KIND: &'static str = "bench.lost";
    type Env = Option<Env>;
    type Error = Failure;

    async fn run(self, cx: Cx<Option<Env>>) -> Result<Outcome, Failure> {
        match cx.env() {
            Some(env) => jobs::started(env, self.n),
            None => std::future::pending().await,
        }
        Ok(Outcome::done())
    }
}

/// From the kill to the start of each job's next attempt.
pub(super) async fn kill(app: &App, session: &Session, how: &Crash) -> anyhow::Result<Figures> {
    let client = &session.client;
    let count = u64::from(how.jobs);
    super::nothing_is_left(client, Lost::KIND).await?;
    let all: Vec<NewJob> = (0..count)
        .map(|n| NewJob::of(&Lost { n }).queue(QUEUE))
        .collect();
    client.enqueue_in_parts(&all).await?;
    let slots = how.jobs.to_string();
    let mut child = process::spawn(app, session, &["bench", "hang", "--slots", &slots])?;
    let asked = Instant::now();
    while running(client, how.jobs).await? < usize::from(how.jobs) {
        process::is_running(&mut child)?;
        ensure!(
            asked.elapsed() < PATIENCE,
            "the process that is to be killed has not taken its jobs within {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (env, mut started) = Started::channel();
    let worker = jobs::work(
        client,
        how.jobs.into(),
        Registry::new().with::<Lost>(Some(env)),
    );
    let meter = Meter::start(client).await?;
    let killed = Instant::now();
    child.kill().await?;
    let mut spans = Vec::new();
    for _ in 0..count {
        let next = tokio::time::timeout(LONGEST, started.next()).await;
        let at = next.context("the jobs of the killed process do not run again")??;
        spans.push(at.saturating_duration_since(killed).as_secs_f64() * 1_000.0);
    }
    worker.stop().await?;
    meter.stop(client, "crash", count, spans).await
}

async fn running(client: &Client, most: u16) -> anyhow::Result<usize> {
    let of_them = JobQuery {
        filter: Filter::new().kind(Lost::KIND).state(State::Running),
        limit: Some(most),
        ..JobQuery::default()
    };
    Ok(client.jobs(of_them).await?.data.len())
}

/// Takes jobs and holds them until the process is killed.
pub(super) async fn hang(client: &Client, how: &Hang) -> anyhow::Result<()> {
    let worker = jobs::work(client, how.slots, Registry::new().with::<Lost>(None));
    tokio::time::sleep(LONGEST).await;
    worker.stop().await
}
