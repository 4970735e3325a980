//! `lockstep dead`: what was given up, why, and trying it once more.

mod groups;

use clap::{Args, Subcommand};
use engine::{BulkAct, Filter, JobView, State, TextKey};
use uuid::Uuid;

use super::bulk::{Many, Verb, act_on_many};
use super::each;
use super::job::list::{PATIENCE, Part, Terms, dead as only_dead, more};
use super::job::{found, not_dead, retry, show};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::{Exit, Row, instant_or_dash, long};

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
        before_help = "Examples:\n  lockstep dead groups\n  lockstep dead replay --group 5f0c1d2e3a4b5c6d --canary"
    )]
    Groups(groups::Groups),
    /// Show one dead letter with its attempts
    #[command(before_help = "Examples:\n  lockstep dead show 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")]
    Show(Show),
    /// Let dead letters try on
    #[command(
        before_help = "Examples:\n  lockstep dead replay 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88\n  lockstep dead replay --all --dry-run\n  lockstep dead replay --filter 'kind:soundtrack.* error:\"401\"' --canary --rate 50/s\n  lockstep dead replay --group 5f0c1d2e3a4b5c6d --canary"
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
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
}

/// Which dead letters try on.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    many: Many,
    /// Those of this group: `lockstep dead groups`; short for fingerprint:
    #[arg(long, value_name = "FINGERPRINT", conflicts_with_all = ["ids", "all"])]
    group: Option<String>,
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
        Dead::Replay(replay) => self::replay(app, &session, &replay).await,
    };
    session.close().await?;
    exit
}

async fn list(app: &App, session: &Session, list: List) -> anyhow::Result<Exit> {
    let filter = only_dead(list.terms.filter());
    let page = session
        .client
        .search(list.part.of(filter), PATIENCE)
        .await?;
    more(app, &page, "--before");
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

async fn replay(app: &App, session: &Session, replay: &Replay) -> anyhow::Result<Exit> {
    let Replay {
        many,
        group,
        change,
    } = replay;
    if group.is_none() && many.by_ids()? {
        return replay_some(app, session, &many.ids, change).await;
    }
    let mut letters = only_dead(Filter::new());
    if let Some(group) = group {
        letters = letters.text(TextKey::Fingerprint, group);
    }
    let verb = Verb {
        noun: "dead letter",
        also: letters,
        ..Verb::new(BulkAct::Retry, "replay")
    };
    act_on_many(app, session, many, verb, change).await
}

async fn replay_some(
    app: &App,
    session: &Session,
    ids: &[Uuid],
    change: &Change,
) -> anyhow::Result<Exit> {
    each(app, ids, async |id| {
        let job = found(session, id).await?;
        if job.state != State::Dead {
            return Err(not_dead(&job).into());
        }
        retry(app, session, &[id], change).await.map(|_| ())
    })
    .await
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
