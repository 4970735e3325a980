//! `lockstep dead`: what was given up, why, and trying it once more.

use clap::{Args, Subcommand};
use engine::{JobFilter, JobView, State};
use serde_json::json;
use uuid::Uuid;

use super::job::{found, not_dead, retry, show};
use super::{each, may};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::{Exit, Fault, Progress, Row, instant_or_dash, long, plural};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// List dead letters, newest first
    #[command(
        before_help = "Examples:\n  lockstep dead list\n  lockstep dead list --kind 'soundtrack.*' -o json",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one dead letter with its attempts
    Show(Show),
    /// Let dead letters try on
    #[command(
        before_help = "Examples:\n  lockstep dead replay 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88\n  lockstep dead replay --all --kind soundtrack.sync_zones --dry-run"
    )]
    Replay(Replay),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this kind, or of all of a system: 'soundtrack.*'
    #[arg(long)]
    kind: Option<String>,
    /// Of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Older than this job: the next page
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One dead letter.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The job
    id: Uuid,
}

/// Which dead letters try on.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The jobs
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    ids: Vec<Uuid>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Of all, only those of this kind, or of a system: 'soundtrack.*'
    #[arg(long, requires = "all")]
    kind: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, dead: Dead) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = match dead {
        Dead::List(list) => self::list(app, &session, list).await,
        Dead::Show(one) => show_dead(app, &session, one.id).await,
        Dead::Replay(replay) if replay.all => replay_all(app, &session, &replay).await,
        Dead::Replay(replay) => replay_some(app, &session, &replay).await,
    };
    session.close().await?;
    exit
}

async fn list(app: &App, session: &Session, list: List) -> anyhow::Result<Exit> {
    let filter = JobFilter {
        state: Some(State::Dead),
        kind: list.kind,
        queue: list.queue,
        before: list.before,
        limit: Some(list.limit),
        ..JobFilter::default()
    };
    let page = session.client.jobs(&filter).await?;
    let letters: Vec<Letter> = page.data.into_iter().map(Letter).collect();
    app.out.list(&letters, "No dead letters.")?;
    if let Some(next) = page.next {
        app.out.next(&format!("More: add --before {next}"));
    } else if let Some(Letter(job)) = letters.first() {
        app.out
            .next(&format!("Look closer: lockstep dead show {}", job.id));
    }
    Ok(Exit::Ok)
}

async fn show_dead(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let job = found(session, id).await?;
    if job.state != State::Dead {
        return Err(not_dead(&job).into());
    }
    show(app, session, id).await
}

async fn replay_some(app: &App, session: &Session, replay: &Replay) -> anyhow::Result<Exit> {
    each(app, &replay.ids, async |id| {
        let job = found(session, id).await?;
        if job.state != State::Dead {
            return Err(not_dead(&job).into());
        }
        retry(app, session, &[id], &replay.change).await.map(|_| ())
    })
    .await
}

async fn replay_all(app: &App, session: &Session, replay: &Replay) -> anyhow::Result<Exit> {
    let ids = all_dead(session, replay.kind.as_deref()).await?;
    if ids.is_empty() {
        app.out
            .done("No dead letters.", "", &json!({"replayed": 0, "failed": 0}))?;
        return Ok(Exit::Ok);
    }
    let of_kind = replay
        .kind
        .as_deref()
        .map(|kind| format!(" of {kind}"))
        .unwrap_or_default();
    let letters = plural(ids.len(), "dead letter");
    if !may(app, &replay.change, &format!("replay {letters}{of_kind}"))? {
        return Ok(Exit::Ok);
    }
    let mut progress = Progress::new(&app.out);
    let mut failed = 0_usize;
    for (index, id) in ids.iter().enumerate() {
        if let Err(error) = session.client.retry(*id, &app.actor()).await {
            failed += 1;
            Fault::of(&error.into()).report(&app.out);
        }
        progress.at(index as u64 + 1, ids.len() as u64, "replayed");
    }
    progress.finish();
    session
        .note_reason(app, &replay.change, "dead --all")
        .await?;
    let done = ids.len() - failed;
    let words = format!("{} on now. Watch: lockstep job list", trying(done));
    app.out.done(
        &words,
        &done.to_string(),
        &json!({"replayed": done, "failed": failed}),
    )?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Partial })
}

fn trying(done: usize) -> String {
    let verb = if done == 1 { "tries" } else { "try" };
    format!("{} {verb}", plural(done, "dead letter"))
}

/// All ids are read before the first is replayed: what dies again meanwhile is not tried twice.
async fn all_dead(session: &Session, kind: Option<&str>) -> anyhow::Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    let mut filter = JobFilter {
        state: Some(State::Dead),
        kind: kind.map(str::to_owned),
        limit: Some(500),
        ..JobFilter::default()
    };
    loop {
        let page = session.client.jobs(&filter).await?;
        ids.extend(page.data.iter().map(|job| job.id));
        filter.before = page.next;
        if page.next.is_none() {
            return Ok(ids);
        }
    }
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Letter(JobView);

impl Row for Letter {
    const COLUMNS: &'static [&'static str] = &["ID", "KIND", "ARGS", "DIED_AT", "CODE", "ERROR"];

    fn cells(&self) -> Vec<String> {
        let job = &self.0;
        vec![
            job.id.to_string(),
            job.kind.clone(),
            long(&job.args.to_string(), 40),
            instant_or_dash(job.ended_at),
            job.code.clone().unwrap_or_else(|| "-".into()),
            long(job.error.as_deref().unwrap_or("-"), 100),
        ]
    }

    fn name(&self) -> String {
        self.0.id.to_string()
    }
}
