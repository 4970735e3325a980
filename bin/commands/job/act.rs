//! What can be done to jobs: by their ids one by one, by a filter as one bulk act.

use clap::Args;
use engine::{BulkAct, State};
use serde_json::json;
use uuid::Uuid;

use super::found;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::commands::bulk::{Many, Verb, act_on_many};
use crate::commands::{dry, each, may};
use crate::output::{Exit, Fault};

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

pub(super) async fn cancel(app: &App, session: &Session, it: &Which) -> anyhow::Result<Exit> {
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

pub(super) async fn retry_those(
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
pub(in crate::commands) async fn retry(
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

pub(super) async fn again(app: &App, session: &Session, again: Again) -> anyhow::Result<Exit> {
    let read = |text: &Option<String>| {
        text.as_deref()
            .map(crate::commands::enqueue::args)
            .transpose()
    };
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

pub(super) async fn delete(app: &App, session: &Session, it: &Which) -> anyhow::Result<Exit> {
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
