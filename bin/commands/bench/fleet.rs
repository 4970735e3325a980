//! A drain by worker processes: each has begun before the clock does, and waits for the word.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use engine::{Client, Job};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use super::jobs::{self, Noop};
use super::process;
use crate::app::{App, Session};

/// Between two looks at whether all is drained.
const LOOK: Duration = Duration::from_millis(10);
/// What a process says once it is connected, and what it is told.
const WORD: u8 = b'.';

/// What a process of the fleet works with.
#[derive(Debug, Args)]
pub(crate) struct Member {
    /// How many run at a time
    #[arg(long, default_value_t = 500)]
    slots: usize,
}

/// Jobs a second of those that wait, by so many processes that share the slots.
pub(super) async fn drain(
    (app, session): (&App, &Session),
    jobs: u64,
    slots: usize,
    processes: usize,
) -> anyhow::Result<f64> {
    let slots = (slots / processes).to_string();
    let words = ["bench", "member", "--slots", &slots];
    let mut children = (0..processes)
        .map(|_| process::spawn_to_talk(app, session, &words))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for child in &mut children {
        let said = tokio::time::timeout(process::PATIENCE, hear(child)).await;
        said.context("a process beside this one does not begin")??;
    }
    let begun = Instant::now();
    for child in &mut children {
        let input = child.stdin.as_mut().context("its input is a pipe")?;
        input.write_all(&[WORD]).await?;
    }
    while super::under_way(&session.client, Noop::KIND, 1).await? > 0 {
        tokio::time::sleep(LOOK).await;
        for child in &mut children {
            process::is_running(child)?;
        }
    }
    let speed = jobs as f64 / begun.elapsed().as_secs_f64();
    for mut child in children {
        // The end of its input ends it.
        drop(child.stdin.take());
        let ended = tokio::time::timeout(process::PATIENCE, child.wait()).await;
        let status = ended.context("a process beside this one does not end")??;
        ensure!(
            status.success(),
            "a process beside this one failed ({status})"
        );
    }
    Ok(speed)
}

async fn hear(child: &mut Child) -> anyhow::Result<()> {
    let output = child.stdout.as_mut().context("its output is a pipe")?;
    output.read_u8().await.context("it ended before it began")?;
    Ok(())
}

/// Says that it is there, works from the word on, and ends with its input.
pub(super) async fn join(client: &Client, how: &Member) -> anyhow::Result<()> {
    let mut input = tokio::io::stdin();
    let mut output = tokio::io::stdout();
    output.write_all(&[WORD]).await?;
    output.flush().await?;
    if input.read(&mut [0]).await? == 0 {
        return Ok(());
    }
    let (worker, mut started) = jobs::worker(client, how.slots);
    // Nobody counts here; but a worker that ends by itself must not be waited for.
    let ended = async { while started.next().await.is_ok() {} };
    let mut rest = Vec::new();
    tokio::select! {
        end = input.read_to_end(&mut rest) => { end?; }
        () = ended => {}
    }
    worker.stop().await
}
