//! `lockstep sync zoho`: the products of Zoho's organisations.

use std::time::Duration;

use clap::Args;
use connectors::reach::Service;
use engine::{Enqueued, JobView, NewJob, State};
use jobs::connection::ops;
use jobs::zoho::{Summary, SyncProducts, preview, sync_all_of, sync_items_of, sync_of};
use serde_json::json;

use super::follow::{Follow, follow};
use super::{duration, ended_badly, no_credential, plan, plural_i32, put_in};
use crate::app::{App, Session};
use crate::audited::Told;
use crate::cli::Change;
use crate::output::{Exit, Fault};

/// Which, and whether to wait.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  lockstep sync zoho
  lockstep sync zoho --connection zoho/10234695 --changed
  lockstep sync zoho --item 4815000000044208 --item 4815000000044210
  lockstep sync zoho --dry-run -o json",
    after_help = "\
Exit codes: 0 synced; 3 no such connection; 5 no credential, or refused; 8 some items or organisations
failed; 10 the sync itself failed; 124 it goes on after --timeout."
)]
pub(crate) struct Zoho {
    /// Only the organisation of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only this item, by its id at Zoho; may be said again
    #[arg(long = "item", value_name = "ID", conflicts_with = "changed")]
    items: Vec<String>,
    /// Only what was modified since last time; what is gone is not noticed
    #[arg(long)]
    changed: bool,
    /// Enqueue it and leave
    #[arg(long)]
    no_wait: bool,
    /// How long to wait
    #[arg(long, value_parser = duration, default_value = "30m")]
    timeout: Duration,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(super) async fn run(app: &App, sync: Zoho) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = Box::pin(sync_with(app, &session, &sync)).await;
    session.close().await?;
    exit
}

async fn sync_with(app: &App, session: &Session, sync: &Zoho) -> anyhow::Result<Exit> {
    let declared = organisations(session);
    let one = match (&sync.connection, declared.as_slice()) {
        (_, []) => return Err(nothing_declared().into()),
        (Some(name), _) => Some(session.env.connections.find(name)?.name.clone()),
        (None, [only]) => Some(only.clone()),
        (None, _) if !sync.items.is_empty() => return Err(which(&declared).into()),
        (None, _) => None,
    };
    session.env.connections.declare().await?;
    if sync.change.dry_run {
        return preview_each(app, session, sync, one.map_or(declared, |one| vec![one])).await;
    }
    let is_manned = session.client.workers_alive().await? > 0;
    if !is_manned && let Some(name) = &one {
        needs_credential(session, name).await?;
    }
    let (job, target) = job(app, sync, one.as_deref());
    let told = |one: Enqueued| Told {
        action: "sync.zoho",
        target: target.clone(),
        detail: json!({"job": one.id, "items": sync.items.len(), "changed": sync.changed}),
    };
    let made = put_in(app, session, job, &sync.change, told).await?;
    let how = Follow {
        is_manned,
        no_wait: sync.no_wait,
        over: one.map_or(declared, |one| vec![one]),
        patience: sync.timeout,
    };
    match follow(app, session, &made, how).await? {
        Some(job) => tell(app, &job),
        None => Ok(Exit::Ok),
    }
}

/// One organisation that cannot be looked at keeps no other from being shown.
async fn preview_each(
    app: &App,
    session: &Session,
    sync: &Zoho,
    names: Vec<String>,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for name in &names {
        match preview(&session.env, &asked_for(sync, name)).await {
            Ok(preview) => plan::show(app, &preview)?,
            Err(error) if names.len() == 1 => return Err(error.into()),
            Err(error) => {
                app.out.note(&format!("✗ {name}: {error}"));
                exit = Exit::Partial;
            }
        }
    }
    Ok(exit)
}

fn organisations(session: &Session) -> Vec<String> {
    let declared = session.env.connections.declared().iter();
    let zoho = declared.filter(|one| one.service == Service::Zoho);
    zoho.map(|one| one.name.clone()).collect()
}

fn asked_for(sync: &Zoho, connection: &str) -> SyncProducts {
    SyncProducts {
        connection: connection.to_owned(),
        items: sync.items.clone(),
        changed: sync.changed,
    }
}

fn job(app: &App, sync: &Zoho, one: Option<&str>) -> (NewJob, String) {
    let who = app.env.user();
    let job = match one {
        None => sync_all_of(sync.changed, who),
        Some(name) if sync.items.is_empty() => sync_of(name, sync.changed, who),
        Some(name) => sync_items_of(name, sync.items.clone(), who),
    };
    (job, one.unwrap_or("zoho").to_owned())
}

async fn needs_credential(session: &Session, name: &str) -> anyhow::Result<()> {
    let view = ops::show(&session.env.connections, name).await?;
    if view.is_usable_here() {
        return Ok(());
    }
    let fix = format!(
        "lockstep credential set {name} refresh_token --from-stdin; also client_id and client_secret"
    );
    Err(no_credential(&view, "Zoho answers nobody without one", fix).into())
}

fn nothing_declared() -> Fault {
    Fault::new(Exit::NotFound, "no Zoho connection is declared")
        .why("an organisation is synced over a connection")
        .fix("declare it in workers.toml: [connections.\"zoho/ORGANISATION\"]")
}

fn which(declared: &[String]) -> Fault {
    Fault::new(Exit::Usage, "items of which organisation?")
        .why(format!("there are {}", declared.join(", ")))
        .fix(format!("add --connection {}", declared[0]))
}

fn tell(app: &App, job: &JobView) -> anyhow::Result<Exit> {
    if job.state != State::Completed {
        return Err(ended_badly(job).into());
    }
    let result = job.result.clone().unwrap_or_default();
    let summary: Summary = serde_json::from_value(result.clone())?;
    for error in &summary.errors {
        app.out.note(&format!("✗ {error}"));
    }
    let words = format!(
        "Synced {} with {}: {} new, {} changed.",
        plural_i32(summary.total, "item"),
        plural_i32(summary.failed, "error"),
        summary.created,
        summary.updated,
    );
    app.out.done(&words, &job.id.to_string(), &result)?;
    if summary.failed > 0 {
        app.out.next("See why: lockstep quarantine list");
        return Ok(Exit::Partial);
    }
    Ok(Exit::Ok)
}
