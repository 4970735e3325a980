//! `lockstep dead`: what was given up, why, and trying it once more.

mod groups;

use clap::{Args, Subcommand};
use engine::{JobView, State};
use serde_json::json;
use uuid::Uuid;

use super::job::list::{Part, Terms, all, dead as only_dead, more};
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
        before_help = "Examples:\n  lockstep dead list\n  lockstep dead list --kind 'soundtrack.*' -o json\n  lockstep dead list --filter 'error:\"401\" ended<1d'",
        visible_alias = "ls"
    )]
    List(List),
    /// List groups of dead letters of one cause, the newest letter first
    #[command(
        before_help = "Examples:\n  lockstep dead groups\n  lockstep dead replay --all --filter fingerprint:5f0c1d2e3a4b5c6d --dry-run"
    )]
    Groups(groups::Groups),
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
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    part: Part,
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
    /// Of all, only these
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, dead: Dead) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = match dead {
        Dead::List(list) => self::list(app, &session, list).await,
        Dead::Groups(which) => groups::run(app, &session, &which).await,
        Dead::Show(one) => show_dead(app, &session, one.id).await,
        Dead::Replay(replay) if replay.all => replay_all(app, &session, &replay).await,
        Dead::Replay(replay) => replay_some(app, &session, &replay).await,
    };
    session.close().await?;
    exit
}

async fn list(app: &App, session: &Session, list: List) -> anyhow::Result<Exit> {
    let filter = only_dead(list.terms.filter());
    let page = session.client.jobs(list.part.of(filter)).await?;
    more(app, &page);
    let letters: Vec<Letter> = page.data.into_iter().map(Letter).collect();
    app.out.list(&letters, "No dead letters.")?;
    if let Some(Letter(job)) = letters.first() {
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
    if !replay.terms.filter().terms().is_empty() {
        let fault = Fault::new(
            Exit::Usage,
            "a filter chooses among all, and ids were given",
        );
        return Err(fault.fix("add --all, or leave out the filter").into());
    }
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
    let filter = replay.terms.filter();
    // All are read before the first is replayed: what dies again meanwhile is not tried twice.
    let letters = all(session, only_dead(filter.clone())).await?;
    let ids: Vec<Uuid> = letters.iter().map(|job| job.id).collect();
    if ids.is_empty() {
        app.out
            .done("No dead letters.", "", &json!({"replayed": 0, "failed": 0}))?;
        return Ok(Exit::Ok);
    }
    let which = match filter.terms() {
        [] => String::new(),
        _ => format!(" of {filter}"),
    };
    let letters = plural(ids.len(), "dead letter");
    if !may(app, &replay.change, &format!("replay {letters}{which}"))? {
        return Ok(Exit::Ok);
    }
    let actor = app.actor_of(&replay.change);
    let mut progress = Progress::new(&app.out);
    let mut failed = 0_usize;
    for (index, id) in ids.iter().enumerate() {
        if let Err(error) = session.client.retry(*id, &actor).await {
            failed += 1;
            Fault::of(&error.into()).report(&app.out);
        }
        progress.at(index as u64 + 1, ids.len() as u64, "replayed");
    }
    progress.finish();
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
