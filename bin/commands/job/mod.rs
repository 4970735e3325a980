//! `lockstep job`: look at jobs and act on them.

mod act;
pub(super) mod list;
mod logs;
mod signal;
mod steps;
mod view;
mod why;

use clap::{Args, Subcommand};
use engine::{BulkAct, JobView, State};
use uuid::Uuid;

use crate::app::{App, Session};
use crate::flows;
use crate::output::{Exit, Fault};
pub(super) use act::retry;
use act::{Again, Which};
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
    Show(One),
    /// Say why a job stands where it stands, and what happens next
    #[command(before_help = "Examples:\n  lockstep job why 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")]
    Why(One),
    /// List the attempts of a job, oldest first
    #[command(
        before_help = "Examples:\n  lockstep job attempts 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 -o json"
    )]
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
    #[command(
        before_help = "Examples:\n  lockstep job delete 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88\n  lockstep job delete --filter \"state:completed age>90d\" --dry-run"
    )]
    Delete(Which),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
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
        Job::Cancel(it) => act::cancel(app, &session, &it).await,
        Job::Steps(which) => steps::run(app, &session, which).await,
        Job::Signal(it) => signal::tell(app, &session, &it).await,
        Job::Retry(it) => act::retry_those(app, &session, &it, BulkAct::Retry).await,
        Job::RunNow(it) => act::retry_those(app, &session, &it, BulkAct::RunNow).await,
        Job::Again(again) => act::again(app, &session, again).await,
        Job::Delete(it) => act::delete(app, &session, &it).await,
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
    let has_bad_args = job.code.as_deref() == Some("bad_args");
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
        // With the same args it would die again.
        State::Dead if has_bad_args => app.out.next(&format!(
            "Run it again with others: lockstep job again {id} --args '{{…}}'"
        )),
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

/// A fault for a job that is not what a command is for.
pub(super) fn not_dead(job: &JobView) -> Fault {
    Fault::new(Exit::Conflict, format!("job {} is not dead", job.id))
        .why(format!("it is {}", job.label))
        .fix(format!("lockstep job show {}", job.id))
}
