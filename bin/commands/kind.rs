//! `lockstep kind`: look at kinds and their policies, pause and resume them.

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::PauseScope;

use super::pause::{self, Subject, unknown};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::kinds;
use crate::output::{Exit, Row, instant, short};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// List kinds with their policies and whether they are paused
    #[command(
        before_help = "Examples:\n  lockstep kind list -o json",
        visible_alias = "ls"
    )]
    List,
    /// Claim none of a kind's jobs, on every node; what runs goes on
    #[command(
        before_help = "Examples:\n  lockstep kind pause soundtrack.sync_zones --reason 'bad deploy'"
    )]
    Pause(Named),
    /// Claim its jobs again
    #[command(before_help = "Examples:\n  lockstep kind resume soundtrack.sync_zones")]
    Resume(Named),
}

/// One kind.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The kind
    name: String,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, kind: Kind) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match kind {
        Kind::List => list(app, &session).await,
        Kind::Pause(named) => match subject(&session, &named.name).await {
            Ok(subject) => pause::pause(app, &session, &subject, &named.change).await,
            Err(error) => Err(error),
        },
        Kind::Resume(named) => match subject(&session, &named.name).await {
            Ok(subject) => pause::resume(app, &session, &subject, &named.change).await,
            Err(error) => Err(error),
        },
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session) -> anyhow::Result<()> {
    let kinds = kinds::all(&session.client).await?;
    app.out.list(
        &kinds,
        "No kinds yet: a worker registers them when it starts. Start one: lockstep serve",
    )?;
    Ok(())
}

/// A kind of this program, or one that some worker has registered or somebody has paused.
async fn subject<'a>(session: &Session, name: &'a str) -> anyhow::Result<Subject<'a>> {
    let mut names = session.registry.kinds();
    let known = kinds::all(&session.client).await?;
    names.extend(known.into_iter().map(|kind| kind.name));
    if !names.iter().any(|known| known == name) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(unknown("kind", name, &names).into());
    }
    Ok(Subject {
        scope: PauseScope::Kind,
        name,
        holds: String::new(),
        next: "See them all: lockstep kind list".into(),
    })
}

impl Row for kinds::Kind {
    const COLUMNS: &'static [&'static str] = &[
        "KIND",
        "QUEUE",
        "PRIORITY",
        "MAX_ATTEMPTS",
        "TIMEOUT",
        "BACKOFF",
        "LIMITS",
        "KEPT",
        "PAUSED",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone()];
        cells.extend(match &self.policy {
            Some(policy) => {
                let span = |ms| short(Duration::from_millis(ms));
                let backoff = &policy.backoff;
                let (base, max) = (span(backoff.base_ms), span(backoff.max_ms));
                [
                    policy.queue.clone(),
                    policy.priority.to_string(),
                    policy.max_attempts.to_string(),
                    span(policy.timeout_ms),
                    format!("{base} × {} up to {max}", backoff.factor),
                    limits(&policy.limits),
                    kept(&policy.retention),
                ]
            }
            None => [const { String::new() }; 7].map(|_| "-".to_owned()),
        });
        cells.push(paused(self));
        cells
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// As `5 running, 1 of a partition, in order (block)`.
fn limits(limits: &kinds::KindLimits) -> String {
    let partition = &limits.partition;
    let said = [
        limits.running.map(|n| format!("{n} running")),
        partition.running.map(|n| format!("{n} of a partition")),
        partition.order.map(|order| format!("in order ({order})")),
        limits
            .connection
            .running
            .map(|n| format!("{n} of a connection")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    match said.is_empty() {
        true => "-".to_owned(),
        false => said.join(", "),
    }
}

/// As `completed 1d, dead forever`: what is not as for all kinds.
fn kept(kept: &kinds::KindKept) -> String {
    let said = [
        ("completed", kept.completed),
        ("cancelled", kept.cancelled),
        ("dead", kept.dead),
    ];
    let said: Vec<String> = said
        .into_iter()
        .filter_map(|(state, kept)| match kept? {
            kinds::Kept::Forever => Some(format!("{state} forever")),
            kinds::Kept::ForMs(ms) => Some(format!("{state} {}", short(Duration::from_millis(ms)))),
        })
        .collect();
    match said.is_empty() {
        true => "-".to_owned(),
        false => said.join(", "),
    }
}

fn paused(kind: &kinds::Kind) -> String {
    let (Some(at), Some(by)) = (kind.paused_at, &kind.paused_by) else {
        return "-".to_owned();
    };
    let why = kind.pause_reason.as_ref();
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    format!("since {} by {by}{why}", instant(at))
}
