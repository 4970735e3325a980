//! `lockstep sync creatio`: contacts, leads and activities, both ways.

pub(in crate::commands) mod plan;
mod status;
pub(in crate::commands) mod told;

use std::time::Duration;

use clap::{Args, Subcommand};
use connectors::reach::Service;
use engine::{Enqueued, JobView, NewJob};
use jobs::connection::ops;
use jobs::creatio::{Sort, SyncAll, meeting, sync_all_of, sync_lead_of};
use serde_json::json;
use uuid::Uuid;

use self::told::{tell, tell_lead};
use super::super::{asked, conflict, connection, dry, id};
use super::follow::{Follow, follow};
use super::{duration, no_credential, put_in};
use crate::app::{App, Session};
use crate::audited::{Told, creatio as audited};
use crate::cli::Change;
use crate::output::{Exit, Fault, plural};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Creatio {
    /// Sync everything, both ways
    #[command(
        before_help = "Examples:\n  lockstep sync creatio sync-all\n  lockstep sync creatio sync-all --dry-run -o jsonl      every change, field by field\n  lockstep sync creatio sync-all --changed --connection creatio/acme",
        after_help = "Exit codes: 0 synced; 3 no such connection; 5 no credential, or refused; 8 some records failed; \
                      10 the sync itself failed; 124 it goes on after --timeout."
    )]
    SyncAll(All),
    /// Sync one lead, and before it the contact that it names
    #[command(
        before_help = "Examples:\n  lockstep sync creatio sync-lead --lead-id 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88",
        after_help = "Exit codes: 0 both sides say the same; 3 no such lead; 4 a person must settle something; \
                      8 it failed and is tried again; 10 the sync itself failed; 124 it goes on after --timeout."
    )]
    SyncLead(Lead),
    /// Show how many records stand how, what waits, and how it went in the last day
    #[command(
        before_help = "Examples:\n  lockstep sync creatio status\n  lockstep sync creatio status --connection creatio/acme -o json"
    )]
    Status(Which),
    /// List what a person must settle: `lockstep conflict list`
    #[command(
        before_help = "Examples:\n  lockstep sync creatio conflicts\n  lockstep sync creatio conflicts --sort lead --field budget"
    )]
    Conflicts(conflict::List),
    /// Settle a conflict, or all of one field: `lockstep conflict resolve`
    #[command(
        before_help = "Examples:\n  lockstep sync creatio resolve 7 --take local\n  lockstep sync creatio resolve 7 --value 1200.50 --dry-run"
    )]
    Resolve(conflict::Resolve),
    /// Look at failed records again
    #[command(
        before_help = "Examples:\n  lockstep sync creatio retry-failed --dry-run\n  lockstep sync creatio retry-failed --sort lead"
    )]
    RetryFailed(Retry),
    /// Ask Creatio who we are and what it has, and sync nothing
    #[command(
        before_help = "Examples:\n  lockstep sync creatio test-connection\n  lockstep sync creatio test-connection --connection creatio/acme"
    )]
    TestConnection(Which),
}

/// Which Creatio.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The connection; all of them unless said
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

/// How much, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct All {
    #[command(flatten)]
    which: Which,
    /// Only what was modified at Creatio since last time; what is gone there is not noticed
    #[arg(long, conflicts_with = "dry_run")]
    changed: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    change: Change,
}

/// One lead.
#[derive(Debug, Args)]
pub(crate) struct Lead {
    /// Its id here
    #[arg(long, value_name = "UUID", value_parser = id)]
    lead_id: Uuid,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    change: Change,
}

/// Which failed records.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    which: Which,
    /// Only these: contact, lead, activity or participant
    #[arg(long, value_name = "SORT", value_parser = sort)]
    sort: Option<Sort>,
    #[command(flatten)]
    change: Change,
}

/// Whether to wait.
#[derive(Debug, Args)]
pub(crate) struct Patience {
    /// Enqueue it and leave
    #[arg(long)]
    no_wait: bool,
    /// How long to wait
    #[arg(long, value_parser = duration, default_value = "30m")]
    timeout: Duration,
}

/// A sort as an argument.
pub(in crate::commands) fn sort(word: &str) -> Result<Sort, String> {
    let known: Vec<&str> = Sort::ALL.iter().map(|one| one.as_str()).collect();
    Sort::parse(word).ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

/// Does it.
pub(super) async fn run(app: &App, creatio: Creatio) -> anyhow::Result<Exit> {
    match creatio {
        Creatio::Conflicts(it) => return conflict::run(app, conflict::Conflicts::List(it)).await,
        Creatio::Resolve(it) => return conflict::run(app, conflict::Conflicts::Resolve(it)).await,
        _ => {}
    }
    let session = app.connect().await?;
    let done = Box::pin(run_with(app, &session, &creatio)).await;
    session.close().await?;
    done
}

async fn run_with(app: &App, session: &Session, creatio: &Creatio) -> anyhow::Result<Exit> {
    match creatio {
        Creatio::SyncAll(it) => sync_all(app, session, it).await,
        Creatio::SyncLead(it) => sync_lead(app, session, it).await,
        Creatio::Status(it) => status::show(app, session, it.connection.as_deref()).await,
        Creatio::RetryFailed(it) => retry_failed(app, session, it).await,
        Creatio::TestConnection(it) => test_connection(app, session, it).await,
        Creatio::Conflicts(_) | Creatio::Resolve(_) => Ok(Exit::Ok),
    }
}

async fn sync_all(app: &App, session: &Session, it: &All) -> anyhow::Result<Exit> {
    let over = it.which.names(session)?;
    session.env.connections.declare().await?;
    if it.change.dry_run {
        return plan::show(app, session, &over).await;
    }
    let sync = SyncAll {
        connection: it.which.one(&over),
        changed: it.changed,
    };
    let job = sync_all_of(&sync, app.env.user());
    let what = ("sync.creatio", over.join(", "));
    let asked = (job, what, over.clone());
    match enqueue_and_wait(app, session, asked, (&it.patience, &it.change)).await? {
        Some(job) => tell(app, session, (&over, &job)).await,
        None => Ok(Exit::Ok),
    }
}

async fn sync_lead(app: &App, session: &Session, it: &Lead) -> anyhow::Result<Exit> {
    let name = meeting::connection_of_lead(&session.env.pool, it.lead_id).await?;
    session.env.connections.find(&name)?;
    session.env.connections.declare().await?;
    if it.change.dry_run {
        return plan::show_lead(app, session, &name, it.lead_id).await;
    }
    let job = sync_lead_of(&name, it.lead_id, app.env.user());
    let what = ("sync.creatio_lead", it.lead_id.to_string());
    let asked = (job, what, vec![name]);
    match enqueue_and_wait(app, session, asked, (&it.patience, &it.change)).await? {
        Some(job) => tell_lead(app, &job, it.lead_id),
        None => Ok(Exit::Ok),
    }
}

async fn enqueue_and_wait(
    app: &App,
    session: &Session,
    (job, (action, target), over): (NewJob, (&'static str, String), Vec<String>),
    (patience, change): (&Patience, &Change),
) -> anyhow::Result<Option<JobView>> {
    let is_manned = session.client.workers_alive().await? > 0;
    if !is_manned {
        need_credentials(session, &over).await?;
    }
    let told = |one: Enqueued| Told {
        action,
        target: target.clone(),
        detail: json!({"job": one.id}),
    };
    let made = put_in(app, session, job, change, told).await?;
    let how = Follow {
        is_manned,
        no_wait: patience.no_wait,
        over,
        patience: patience.timeout,
    };
    follow(app, session, &made, how).await
}

async fn need_credentials(session: &Session, over: &[String]) -> anyhow::Result<()> {
    for name in over {
        let view = ops::show(&session.env.connections, name).await?;
        if !view.is_usable_here() {
            let fix = format!(
                "lockstep credential set {name} client_id --from-stdin; also client_secret"
            );
            return Err(no_credential(&view, "Creatio answers nobody without one", fix).into());
        }
    }
    Ok(())
}

async fn retry_failed(app: &App, session: &Session, it: &Retry) -> anyhow::Result<Exit> {
    let over = it.which.names(session)?;
    let by = asked(app, &it.change);
    let records = audited::retry_failed(&session.client, &over, it.sort, &by).await?;
    let told = plural(usize::try_from(records).unwrap_or(0), "failed record");
    if dry(app, &it.change, &format!("look at {told} again"))? {
        return Ok(Exit::Ok);
    }
    let words = match records {
        0 => "No record has failed.".to_owned(),
        _ => {
            format!("{told} will be looked at again. See how it goes: lockstep sync creatio status")
        }
    };
    app.out
        .done(&words, &records.to_string(), &json!({"records": records}))?;
    Ok(Exit::Ok)
}

async fn test_connection(app: &App, session: &Session, it: &Which) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for name in it.names(session)? {
        match connection::test(app, session, &name).await? {
            Exit::Ok => {}
            other => exit = other,
        }
    }
    Ok(exit)
}

impl Which {
    /// Those that are meant: at least one.
    fn names(&self, session: &Session) -> anyhow::Result<Vec<String>> {
        let all = &session.env.connections;
        let creatios = all.declared().iter();
        let creatios = creatios.filter(|one| one.service == Service::Creatio);
        let names: Vec<String> = creatios.map(|one| one.name.clone()).collect();
        match &self.connection {
            Some(name) if names.contains(name) => Ok(vec![name.clone()]),
            Some(name) => {
                all.find(name)?;
                let what = format!("{name} is no connection to a Creatio");
                let mut fault = Fault::new(Exit::Usage, what);
                if !names.is_empty() {
                    fault = fault.fix(format!("one of {}", names.join(", ")));
                }
                Err(fault.into())
            }
            None if names.is_empty() => Err(nothing_declared().into()),
            None => Ok(names),
        }
    }

    /// The one that is meant; none for all of several.
    fn one(&self, names: &[String]) -> Option<String> {
        match (&self.connection, names) {
            (Some(name), _) => Some(name.clone()),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }
}

/// The only one that is declared, or the one that is named.
pub(in crate::commands) fn the_one(
    session: &Session,
    named: Option<&str>,
) -> anyhow::Result<String> {
    let which = Which {
        connection: named.map(str::to_owned),
    };
    let names = which.names(session)?;
    which.one(&names).ok_or_else(|| {
        Fault::new(Exit::Usage, "which Creatio?")
            .why(format!("there are {}", names.join(", ")))
            .fix(format!("add --connection {}", names[0]))
            .into()
    })
}

fn nothing_declared() -> Fault {
    Fault::new(Exit::NotFound, "no Creatio connection is declared")
        .fix("declare it in workers.toml: [connections.\"creatio/SITE\"]; see docs/connections.md")
}
