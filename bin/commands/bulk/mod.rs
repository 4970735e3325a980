//! `lockstep bulk`: acts on many jobs, watched, stopped and resumed. They are begun by the verbs of jobs
//! and dead letters: see `ask`.

mod ask;
mod rate;
mod view;
mod wait;

use clap::{Args, Subcommand};
use engine::Cursor;
use serde_json::json;
use uuid::Uuid;

use super::dry;
use super::job::list::more;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::Exit;
pub(super) use ask::{Many, Verb, act_on_many};
use view::Whole;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Bulk {
    /// List acts on many jobs, newest first
    #[command(
        before_help = "Examples:\n  lockstep bulk list\n  lockstep job cancel --filter 'kind:zoho.* age>2h' --dry-run      begins one",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one with how far it is and what it could not be done to, by error
    #[command(before_help = "Examples:\n  lockstep bulk show 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88")]
    Show(One),
    /// Wait until one is over, with a bar
    #[command(
        before_help = "Examples:\n  lockstep bulk watch 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88"
    )]
    Watch(One),
    /// Stop one after the chunk that is under way; what was done stays done
    #[command(
        before_help = "Examples:\n  lockstep bulk abort 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --reason 'wrong filter'"
    )]
    Abort(Turn),
    /// Let one that was aborted, or stopped by its canary, go on where it stopped
    #[command(
        before_help = "Examples:\n  lockstep bulk resume 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88 --reason 'the remote is back'"
    )]
    Resume(Turn),
}

/// Which part of the list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Made before this one: the next page
    #[arg(long, value_name = "ID")]
    before: Option<Cursor>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One act.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The act
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
}

/// One act that is to stop or go on.
#[derive(Debug, Args)]
pub(crate) struct Turn {
    /// The act
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, bulk: Bulk) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match bulk {
        Bulk::List(it) => list(app, &session, &it).await,
        Bulk::Show(it) => show(app, &session, it.id).await,
        Bulk::Watch(it) => wait::watch(app, &session, it.id).await,
        Bulk::Abort(it) => abort(app, &session, &it).await,
        Bulk::Resume(it) => resume(app, &session, &it).await,
    };
    session.close().await?;
    done
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<Exit> {
    let page = session
        .client
        .bulks(list.before.as_ref(), list.limit)
        .await?;
    let nothing = "No acts on many jobs yet: verbs with --filter begin them.";
    app.out.list(&page.data, nothing)?;
    more(app, &page, "--before");
    Ok(Exit::Ok)
}

async fn show(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let bulk = session.client.bulk(id).await?;
    let refusals = session.client.bulk_results(id).await?;
    let (state, act) = (bulk.state, bulk.act);
    app.out.item(&Whole { bulk, refusals })?;
    if !state.is_over() {
        app.out.next(&format!("Watch it: lockstep bulk watch {id}"));
        app.out.next(&format!("Stop it: lockstep bulk abort {id}"));
    }
    if state.can_resume() {
        app.out
            .next(&format!("Let it go on: lockstep bulk resume {id}"));
    }
    if let Some(found) = view::found_again(id, act) {
        app.out.next(&format!(
            "What it made of them: lockstep job list --filter '{found}'"
        ));
    }
    Ok(Exit::Ok)
}

async fn abort(app: &App, session: &Session, turn: &Turn) -> anyhow::Result<Exit> {
    let Turn { id, change } = turn;
    let bulk = session.client.bulk(*id).await?;
    if bulk.state.is_over() {
        return Err(not_so(&bulk, "abort").into());
    }
    let what = format!("stop bulk act {id} after {} jobs", bulk.handled());
    if dry(app, change, &what)? {
        return Ok(Exit::Ok);
    }
    let reason = change.reason.as_deref();
    let bulk = session.client.abort_bulk(*id, &app.actor(), reason).await?;
    let words = format!(
        "Stopped bulk act {id} after {} jobs. Let it go on: lockstep bulk resume {id}",
        bulk.handled()
    );
    app.out.done(&words, &id.to_string(), &json!(bulk))?;
    Ok(Exit::Ok)
}

async fn resume(app: &App, session: &Session, turn: &Turn) -> anyhow::Result<Exit> {
    let Turn { id, change } = turn;
    let bulk = session.client.bulk(*id).await?;
    if !bulk.state.can_resume() {
        return Err(not_so(&bulk, "resume").into());
    }
    let what = format!("let bulk act {id} go on after {} jobs", bulk.handled());
    if dry(app, change, &what)? {
        return Ok(Exit::Ok);
    }
    let reason = change.reason.as_deref();
    let bulk = session
        .client
        .resume_bulk(*id, &app.actor(), reason)
        .await?;
    let words = format!("Bulk act {id} goes on. Watch it: lockstep bulk watch {id}");
    app.out.done(&words, &id.to_string(), &json!(bulk))?;
    Ok(Exit::Ok)
}

fn not_so(bulk: &engine::BulkView, verb: &'static str) -> engine::Error {
    engine::Error::BulkState {
        id: bulk.id,
        state: bulk.state,
        verb,
    }
}
