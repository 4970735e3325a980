//! Processes of this program beside the one that measures: some are killed, some do nothing.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use crate::app::{App, Session};

/// Whoever was asked to begin or to end has done so by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Begins one with the same settings and database. It ends by force with whoever drops it.
pub(super) fn spawn(app: &App, session: &Session, words: &[&str]) -> anyhow::Result<Child> {
    let spawned = command(app, session, words)?.spawn();
    spawned.context("could not begin another process")
}

/// As [`spawn`], for one that is talked to: its input and output are pipes.
pub(super) fn spawn_to_talk(app: &App, session: &Session, words: &[&str]) -> anyhow::Result<Child> {
    let mut command = command(app, session, words)?;
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    spawned.context("could not begin another process")
}

fn command(app: &App, session: &Session, words: &[&str]) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    if let Some(config) = &app.flags.config {
        command.arg("--config").arg(config);
    }
    command
        .args(words)
        // Not an argument, which every user of the machine could read.
        .env("LOCKSTEP_DATABASE_URL", &session.database.url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// Fails if it has ended by itself.
pub(super) fn is_running(child: &mut Child) -> anyhow::Result<()> {
    match child.try_wait()? {
        None => Ok(()),
        Some(status) => anyhow::bail!("a process beside this one ended early ({status})"),
    }
}

/// Asks them to end, and ends by force who does not.
pub(super) async fn end_all(mut children: Vec<Child>) -> anyhow::Result<()> {
    for child in &children {
        if let Some(process) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended meanwhile.
            let _ = kill_process(process, Signal::TERM);
        }
    }
    let end = Instant::now() + PATIENCE;
    for child in &mut children {
        if timeout_at(end, child.wait()).await.is_err() {
            child.kill().await?;
        }
    }
    Ok(())
}

/// What of it is in memory, where the system tells.
pub(super) fn resident_mb(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kb: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kb / 1024.0)
}
