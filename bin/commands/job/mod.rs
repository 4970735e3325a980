//! `lockstep job`: look at jobs and act on them.

pub(super) mod list;
mod logs;
mod signal;
mod view;
mod why;

use clap::{Args, Subcommand};
use engine::{JobView, State};
use serde_json::json;
use uuid::Uuid;

use super::{dry, each, may};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::flows;
use crate::output::{Exit, Fault};
pub(super) use view::Pairs;
use view::Whole;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// List jobs, newest first
    #[command(
        before_help = "Examples:\n  lockstep job list --state dead --kind 'soundtrack.*'\n  lockstep job list --filter 'state:retrying error:\"401\" args.company_id:991'\n  lockstep job list --limit 200 -o csv",
        visible_alias = "ls"
    )]
    List(list::List),
    /// Show one job with its attempts, how far it is and what it waits for
    #[command(before_help = "Examples:\n  lockstep job show 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")]
    Show(Show),
    /// Say why a job stands where it stands, and what happens next
    #[command(before_help = "Examples:\n  lockstep job why 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")]
    Why(One),
    /// List the attempts of a job, oldest first
    Attempts(One),
    /// Show what the handler said in each attempt
    #[command(
        before_help = "Examples:\n  lockstep job logs 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --attempt 2\n  lockstep job logs 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --follow"
    )]
    Logs(logs::Logs),
    /// End queued jobs at once, and ask running ones to stop
    #[command(
        before_help = "Examples:\n  lockstep job cancel 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --reason 'wrong account'"
    )]
    Cancel(Many),
    /// Tell a job something that it waits for, or will
    #[command(
        before_help = "Examples:\n  lockstep job signal 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 approved --payload '{\"by\": \"ann\"}'"
    )]
    Signal(signal::Signal),
    /// Let the same job try on now: a dead, cancelled, scheduled or retrying one
    Retry(Many),
    /// Make a new job from an old one, with the same args or others
    #[command(
        before_help = "Examples:\n  lockstep job again 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --args '{\"company_id\": 42}'"
    )]
    Again(Again),
    /// Forget ended jobs altogether
    Delete(Many),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job
    id: Uuid,
}

/// One job, whole.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The job
    id: Uuid,
}

/// Some jobs.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// The jobs
    #[arg(required = true, value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    change: Change,
}

/// A job and new args.
#[derive(Debug, Args)]
pub(crate) struct Again {
    /// The job
    id: Uuid,
    /// Other args: JSON, @file, or - for stdin
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, job: Job) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = match job {
        Job::List(list) => list::run(app, &session, list).await,
        Job::Show(one) => show(app, &session, one.id).await,
        Job::Why(one) => why::run(app, &session, one.id).await,
        Job::Attempts(one) => attempts(app, &session, one.id).await,
        Job::Logs(it) => logs::run(app, &session, &it).await,
        Job::Cancel(many) => cancel(app, &session, &many).await,
        Job::Signal(it) => signal::tell(app, &session, &it).await,
        Job::Retry(many) => retry(app, &session, &many.ids, &many.change).await,
        Job::Again(again) => self::again(app, &session, again).await,
        Job::Delete(many) => delete(app, &session, &many).await,
    };
    session.close().await?;
    exit
}

/// One job with its attempts, how far it is and what it waits for.
pub(super) async fn show(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let job = found(session, id).await?;
    let attempts = session.client.attempts(id).await?;
    let flow = flows::of(&session.client, &job, &attempts).await?;
    let last_said = logs::last(session, id).await?;
    let has_said = !last_said.is_empty();
    let (state, parent) = (job.state, job.parent_id);
    let signal = job.waiting_for.as_deref().unwrap_or_default();
    let signal = signal.strip_prefix("signal:").map(str::to_owned);
    app.out.item(&Whole {
        job,
        attempts,
        flow,
        last_said,
    })?;
    if has_said {
        app.out
            .next(&format!("All it said: lockstep job logs {id}"));
    }
    if let Some(name) = signal {
        app.out
            .next(&format!("Tell it: lockstep job signal {id} {name}"));
    }
    match state {
        State::Dead => app
            .out
            .next(&format!("Try it again: lockstep job retry {id}")),
        State::Available | State::Waiting | State::Running => {
            app.out.next(&format!("End it: lockstep job cancel {id}"));
        }
        State::Completed | State::Cancelled => app
            .out
            .next(&format!("Run it again: lockstep job again {id}")),
    }
    if let Some(parent) = parent {
        app.out
            .next(&format!("It is a part of: lockstep job show {parent}"));
    }
    Ok(Exit::Ok)
}

pub(super) async fn found(session: &Session, id: Uuid) -> anyhow::Result<JobView> {
    Ok(session
        .client
        .job(id)
        .await?
        .ok_or(engine::Error::NoJob(id))?)
}

async fn attempts(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    found(session, id).await?;
    let attempts = session.client.attempts(id).await?;
    app.out.list(&attempts, "No attempts yet.")?;
    Ok(Exit::Ok)
}

async fn cancel(app: &App, session: &Session, many: &Many) -> anyhow::Result<Exit> {
    let reason = many
        .change
        .reason
        .as_deref()
        .unwrap_or("cancelled at the command line");
    each(app, &many.ids, async |id| {
        let job = found(session, id).await?;
        if dry(
            app,
            &many.change,
            &format!("cancel {} job {id} of {}", job.state, job.kind),
        )? {
            return Ok(());
        }
        let state = session.client.cancel(id, &app.actor(), reason).await?;
        let words = match state {
            State::Running => {
                format!("Asked job {id} to stop. See how it ends: lockstep job show {id}")
            }
            _ => format!("Cancelled job {id}. Let it try on: lockstep job retry {id}"),
        };
        app.out
            .done(&words, &id.to_string(), &json!({"id": id, "state": state}))?;
        Ok(())
    })
    .await
}

/// Lets jobs try on.
pub(super) async fn retry(
    app: &App,
    session: &Session,
    ids: &[Uuid],
    change: &Change,
) -> anyhow::Result<Exit> {
    each(app, ids, async |id| {
        let job = found(session, id).await?;
        if dry(
            app,
            change,
            &format!("retry {} job {id} of {}", job.label, job.kind),
        )? {
            return Ok(());
        }
        session.client.retry(id, &app.actor()).await?;
        session.note_reason(app, change, &id.to_string()).await?;
        let words = format!("Job {id} tries on now. See how: lockstep job show {id}");
        app.out.done(
            &words,
            &id.to_string(),
            &json!({"id": id, "state": "available"}),
        )?;
        Ok(())
    })
    .await
}

async fn again(app: &App, session: &Session, again: Again) -> anyhow::Result<Exit> {
    let args = again
        .args
        .as_deref()
        .map(super::enqueue::args)
        .transpose()?;
    let job = found(session, again.id).await?;
    let with = if args.is_some() {
        "other args"
    } else {
        "the same args"
    };
    if dry(
        app,
        &again.change,
        &format!("run {} job {} again with {with}", job.kind, job.id),
    )? {
        return Ok(Exit::Ok);
    }
    let made = session
        .client
        .run_again(again.id, args, &app.actor())
        .await?;
    session
        .note_reason(app, &again.change, &made.id.to_string())
        .await?;
    let words = format!(
        "Enqueued job {} with {with}. See how it goes: lockstep job show {}",
        made.id, made.id
    );
    app.out.done(&words, &made.id.to_string(), &json!(made))?;
    Ok(Exit::Ok)
}

async fn delete(app: &App, session: &Session, many: &Many) -> anyhow::Result<Exit> {
    let what = match many.ids.as_slice() {
        [one] => format!("delete job {one} for good"),
        all => format!("delete {} jobs for good", all.len()),
    };
    for id in &many.ids {
        found(session, *id).await?;
    }
    if !may(app, &many.change, &what)? {
        return Ok(Exit::Ok);
    }
    each(app, &many.ids, async |id| {
        session.client.delete(id, &app.actor()).await?;
        session
            .note_reason(app, &many.change, &id.to_string())
            .await?;
        app.out.done(
            &format!("Deleted job {id}."),
            &id.to_string(),
            &json!({"id": id, "deleted": true}),
        )?;
        Ok(())
    })
    .await
}

/// A fault for a job that is not what a command is for.
pub(super) fn not_dead(job: &JobView) -> Fault {
    Fault::new(Exit::Conflict, format!("job {} is not dead", job.id))
        .why(format!("it is {}", job.label))
        .fix(format!("lockstep job show {}", job.id))
}
