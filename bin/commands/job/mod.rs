//! `lockstep job`: look at jobs and act on them.

pub(super) mod list;
mod logs;
mod signal;
mod steps;
mod view;
mod why;

use clap::{Args, Subcommand};
use engine::{BulkAct, JobView, State};
use serde_json::json;
use uuid::Uuid;

use super::bulk::{Many, Verb, act_on_many};
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
        before_help = "Examples:\n  lockstep job cancel 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --reason 'wrong account'\n  lockstep job cancel --filter 'kind:zoho.* args.company_id:42' --dry-run"
    )]
    Cancel(Which),
    /// Tell a job something that it waits for, or will
    #[command(
        before_help = "Examples:\n  lockstep job signal 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 approved --payload '{\"by\": \"ann\"}'"
    )]
    Signal(signal::Signal),
    /// List the steps a job has behind it, oldest first, with what they gave if you like
    #[command(
        before_help = "Examples:\n  lockstep job steps 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --results -o json"
    )]
    Steps(steps::Steps),
    /// Let the same job try on now: a dead, cancelled, scheduled or retrying one
    #[command(
        before_help = "Examples:\n  lockstep job retry 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88\n  lockstep job retry --filter 'error:\"401\" ended<1d' --canary --rate 50/s\n\nA filter means dead and cancelled jobs; `job run-now` is for those that wait for their time."
    )]
    Retry(Which),
    /// Let scheduled and retrying jobs run without waiting for their time
    #[command(
        before_help = "Examples:\n  lockstep job run-now --filter 'state:retrying kind:zoho.*' --dry-run"
    )]
    RunNow(Which),
    /// Make a new job from an old one, with the same args or others
    #[command(
        before_help = "Examples:\n  lockstep job again 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --args '{\"company_id\": 42}'\n  lockstep job again --filter 'state:dead kind:zoho.*' --patch '{\"full\": true}' --canary"
    )]
    Again(Again),
    /// Forget ended jobs altogether
    Delete(Which),
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

/// Some jobs, or many.
#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    change: Change,
}

/// Jobs and new args.
#[derive(Debug, Args)]
pub(crate) struct Again {
    #[command(flatten)]
    many: Many,
    /// Other args, of one job: JSON, @file, or - for stdin
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// A JSON merge patch (RFC 7396) for the args of many: JSON, @file, or - for stdin
    #[arg(long, value_name = "JSON", conflicts_with = "args")]
    patch: Option<String>,
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
        Job::Cancel(it) => cancel(app, &session, &it).await,
        Job::Steps(which) => steps::run(app, &session, which).await,
        Job::Signal(it) => signal::tell(app, &session, &it).await,
        Job::Retry(it) => retry_those(app, &session, &it, BulkAct::Retry).await,
        Job::RunNow(it) => retry_those(app, &session, &it, BulkAct::RunNow).await,
        Job::Again(again) => self::again(app, &session, again).await,
        Job::Delete(it) => delete(app, &session, &it).await,
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
    let (state, parent, more) = (job.state, job.parent_id, flow.has_more_steps);
    let signal = job.waiting_for.as_deref().unwrap_or_default();
    let signal = signal.strip_prefix("signal:").map(str::to_owned);
    app.out.item(&Whole {
        job,
        attempts,
        flow,
        last_said,
    })?;
    if more {
        app.out
            .next(&format!("All its steps: lockstep job steps {id}"));
    }
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

async fn cancel(app: &App, session: &Session, it: &Which) -> anyhow::Result<Exit> {
    let Which { many, change } = it;
    if !many.by_ids()? {
        let verb = Verb::new(BulkAct::Cancel, "cancel");
        return act_on_many(app, session, many, verb, change).await;
    }
    let reason = change
        .reason
        .as_deref()
        .unwrap_or("cancelled at the command line");
    each(app, &many.ids, async |id| {
        let job = found(session, id).await?;
        if dry(
            app,
            change,
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

async fn retry_those(
    app: &App,
    session: &Session,
    it: &Which,
    act: BulkAct,
) -> anyhow::Result<Exit> {
    let Which { many, change } = it;
    if many.by_ids()? {
        return retry(app, session, &many.ids, change).await;
    }
    let word = match act {
        BulkAct::RunNow => "run at once",
        _ => "retry",
    };
    act_on_many(app, session, many, Verb::new(act, word), change).await
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
        session.client.retry(id, &app.actor_of(change)).await?;
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
    let read = |text: &Option<String>| text.as_deref().map(super::enqueue::args).transpose();
    let (args, patch) = (read(&again.args)?, read(&again.patch)?);
    let by_ids = again.many.by_ids()?;
    let id = match again.many.ids.as_slice() {
        [id] if patch.is_none() => *id,
        [] if args.is_none() && !by_ids => {
            let verb = Verb {
                patch,
                ..Verb::new(BulkAct::RunAgain, "run again")
            };
            return act_on_many(app, session, &again.many, verb, &again.change).await;
        }
        _ => {
            let what = "--args is for one job by its id, --patch for many by a filter";
            return Err(Fault::new(Exit::Usage, what)
                .fix("lockstep job again --filter 'id:…,…' --patch JSON")
                .into());
        }
    };
    let job = found(session, id).await?;
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
        .run_again(id, args, &app.actor_of(&again.change))
        .await?;
    let words = format!(
        "Enqueued job {} with {with}. See how it goes: lockstep job show {}",
        made.id, made.id
    );
    app.out.done(&words, &made.id.to_string(), &json!(made))?;
    Ok(Exit::Ok)
}

async fn delete(app: &App, session: &Session, it: &Which) -> anyhow::Result<Exit> {
    let Which { many, change } = it;
    if !many.by_ids()? {
        let verb = Verb::new(BulkAct::Delete, "delete for good");
        return act_on_many(app, session, many, verb, change).await;
    }
    let what = match many.ids.as_slice() {
        [one] => format!("delete job {one} for good"),
        all => format!("delete {} jobs for good", all.len()),
    };
    for id in &many.ids {
        found(session, *id).await?;
    }
    if !may(app, change, &what)? {
        return Ok(Exit::Ok);
    }
    each(app, &many.ids, async |id| {
        let actor = app.actor_of(change);
        session.client.delete(id, &actor).await?;
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
