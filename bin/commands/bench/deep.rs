//! A drain far down: jobs of mixed priorities, half of them in the future, of which few are drained. Those that are due next
//! lie anywhere in the table.

use std::time::Duration;

use clap::Args;
use engine::{Client, NewJob, When};

use super::Figures;
use super::jobs::{self, Meter};

/// Jobs that are enqueued at a time, so that a million are not held in memory.
const AT_A_TIME: u64 = 50_000;
/// The future begins after every drain has ended.
const FUTURE: Duration = Duration::from_secs(24 * 3600);
/// How many priorities the jobs have.
const PRIORITIES: u64 = 5;

/// How deep.
#[derive(Debug, Args)]
pub(crate) struct Deep {
    /// Jobs that are pending, half of them in the future
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(4..))]
    pending: u64,
    /// How many of them to drain: a quarter at the most
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// How many run at a time
    #[arg(long, default_value_t = 500)]
    slots: usize,
}

fn job(n: u64) -> NewJob {
    // Neighbours differ, and no priority is all due or all in the future.
    let priority = i16::try_from(n / 2 % PRIORITIES).unwrap_or(0);
    let job = jobs::noop(n).priority(priority);
    match n % 2 {
        0 => job,
        _ => job.when(When::After(FUTURE + Duration::from_millis(n))),
    }
}

/// From the worker's start until so many jobs have begun, and all that have are settled.
pub(super) async fn drain(client: &Client, how: &Deep) -> anyhow::Result<Figures> {
    anyhow::ensure!(
        how.jobs <= how.pending / 4,
        "--jobs {} is more than a quarter of --pending {}: what is left would not be deep",
        how.jobs,
        how.pending
    );
    for first in (0..how.pending).step_by(AT_A_TIME as usize) {
        let some: Vec<NewJob> = (first..how.pending.min(first + AT_A_TIME))
            .map(job)
            .collect();
        client.enqueue_in_parts(&some).await?;
    }
    let meter = Meter::start(client).await?;
    let (worker, mut started) = jobs::worker(client, how.slots);
    started.count(how.jobs).await?;
    worker.stop().await?;
    // Those that had been claimed when the last one counted began.
    let drained = how.jobs + started.rest();
    meter.stop(client, "deep", drained, Vec::new()).await
}
