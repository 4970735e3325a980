//! `lockstep sync packages`: the packages of a booking site's profiles.

use std::time::Duration;

use clap::Args;
use engine::{Enqueued, JobView, NewJob, State};
use jobs::connection::ops;
use jobs::packages::{self, Summary, SyncAll, Totals, sync_all_of, sync_profile_of};
use serde_json::json;
use uuid::Uuid;

use super::super::id;
use super::follow::{Follow, follow};
use super::{duration, ended_badly, no_credential, plan, put_in};
use crate::app::{App, Session};
use crate::audited::Told;
use crate::cli::Change;
use crate::output::{Exit, Fault, plural};

/// Which, and whether to wait.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  lockstep sync packages
  lockstep sync packages --profile 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88
  lockstep sync packages --only-new --max-profiles 500
  lockstep sync packages --batch-size 50 --pause 0s --no-wait
  lockstep sync packages --max-profiles 100 --dry-run -o json",
    after_help = "\
Exit codes: 0 synced; 3 no such profile or connection; 4 its customer is not known; 5 no credential, or
refused; 8 some profiles failed; 10 the sync itself failed; 124 it goes on after --timeout."
)]
pub(crate) struct Packages {
    /// Only this profile, by the booking site's id; its customer is looked for
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with_all = ["only_new", "max_profiles", "batch_size", "pause", "connection"])]
    profile: Option<Uuid>,
    /// Those that were never synced, instead of those whose customer is known
    #[arg(long)]
    only_new: bool,
    /// No more than so many; those that have waited longest come first
    #[arg(long, value_name = "N")]
    max_profiles: Option<u32>,
    /// Profiles a batch, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 20)]
    batch_size: u16,
    /// Between the beginnings of two batches
    #[arg(long, value_name = "SPAN", value_parser = duration, default_value = "500ms")]
    pause: Duration,
    /// Only profiles whose customers are in this CRM
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Enqueue it and leave
    #[arg(long)]
    no_wait: bool,
    /// How long to wait
    #[arg(long, value_parser = duration, default_value = "30m")]
    timeout: Duration,
    #[command(flatten)]
    change: Change,
}

/// A sync that is asked for.
struct Asked {
    job: NewJob,
    /// For the trail.
    target: String,
    connections: Vec<String>,
}

/// Does it.
pub(super) async fn run(app: &App, sync: Packages) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let exit = Box::pin(sync_with(app, &session, &sync)).await;
    session.close().await?;
    exit
}

async fn sync_with(app: &App, session: &Session, sync: &Packages) -> anyhow::Result<Exit> {
    let asked = asked_for(app, session, sync).await?;
    session.env.connections.declare().await?;
    if sync.change.dry_run {
        let chosen = match sync.profile {
            Some(id) => vec![id],
            None => packages::chosen(&session.env.pool, &bulk_of(sync)?).await?,
        };
        return plan::of_profiles(app, session, &chosen).await;
    }
    let is_manned = session.client.workers_alive().await? > 0;
    if !is_manned {
        need_credentials(session, &asked.connections).await?;
    }
    let told = |one: Enqueued| Told {
        action: "sync.packages",
        target: asked.target.clone(),
        detail: json!({"job": one.id, "only_new": sync.only_new, "max_profiles": sync.max_profiles}),
    };
    let made = put_in(app, session, asked.job.clone(), &sync.change, told).await?;
    let how = Follow {
        is_manned,
        no_wait: sync.no_wait,
        over: asked.connections,
        patience: sync.timeout,
    };
    match follow(app, session, &made, how).await? {
        Some(job) => tell(app, &job, sync.profile),
        None => Ok(Exit::Ok),
    }
}

async fn asked_for(app: &App, session: &Session, sync: &Packages) -> anyhow::Result<Asked> {
    let all = &session.env.connections;
    if let Some(id) = sync.profile {
        let (profile, _) = packages::show(&session.env.pool, id).await?;
        all.find(&profile.connection)?;
        return Ok(Asked {
            job: sync_profile_of(&profile, app.env.user()),
            target: id.to_string(),
            connections: vec![profile.connection],
        });
    }
    let connections = match &sync.connection {
        Some(name) => vec![packages::shop(all, Some(name))?],
        None => packages::shops(all),
    };
    if connections.is_empty() {
        return Err(nothing_declared().into());
    }
    Ok(Asked {
        job: sync_all_of(&bulk_of(sync)?, app.env.user()),
        target: "all".to_owned(),
        connections,
    })
}

fn bulk_of(sync: &Packages) -> anyhow::Result<SyncAll> {
    let asked = SyncAll {
        connection: sync.connection.clone(),
        only_new: sync.only_new,
        max_profiles: sync.max_profiles,
        batch_size: sync.batch_size,
        pause_ms: u32::try_from(sync.pause.as_millis()).unwrap_or(u32::MAX),
    };
    asked.check()?;
    Ok(asked)
}

async fn need_credentials(session: &Session, connections: &[String]) -> anyhow::Result<()> {
    for name in connections {
        let view = ops::show(&session.env.connections, name).await?;
        if !view.is_usable_here() {
            let fix = format!("lockstep credential set {name} key --from-stdin");
            return Err(no_credential(&view, "Supabase answers nobody without one", fix).into());
        }
    }
    Ok(())
}

fn nothing_declared() -> Fault {
    Fault::new(Exit::NotFound, "no Supabase connection is declared").fix(
        "add [connections.\"supabase/shop\"] with its base_url to workers.toml; see docs/connections.md",
    )
}

fn tell(app: &App, job: &JobView, profile: Option<Uuid>) -> anyhow::Result<Exit> {
    if job.state != State::Completed {
        return Err(ended_badly(job).into());
    }
    let result = job.result.clone().unwrap_or_default();
    if let Some(id) = profile {
        let summary: Summary = serde_json::from_value(result.clone())?;
        app.out
            .done(&of_profile(&summary), &job.id.to_string(), &result)?;
        if summary.status == "synced" {
            return Ok(Exit::Ok);
        }
        app.out
            .next(&format!("Who it is: lockstep review list --profile {id}"));
        return Ok(Exit::Conflict);
    }
    let totals: Totals = serde_json::from_value(result.clone())?;
    for error in &totals.errors {
        app.out.note(&format!("✗ {error}"));
    }
    let words = format!(
        "Synced {} of {}: {}; {} failed.",
        totals.successful_profiles,
        plural(
            usize::try_from(totals.total_profiles).unwrap_or(0),
            "profile"
        ),
        plural(
            usize::try_from(totals.total_packages).unwrap_or(0),
            "package"
        ),
        totals.failed_profiles,
    );
    app.out.done(&words, &job.id.to_string(), &result)?;
    if totals.failed_profiles == 0 {
        return Ok(Exit::Ok);
    }
    app.out.next("Who waits for a person: lockstep review list");
    Ok(Exit::Partial)
}

fn of_profile(summary: &Summary) -> String {
    let changes = summary.changes;
    match summary.status.as_str() {
        "synced" => format!(
            "Synced {} of profile {}: {} new, {} changed, {} missing, {} gone.",
            plural(usize::try_from(changes.packages).unwrap_or(0), "package"),
            summary.profile_id,
            changes.created,
            changes.updated,
            changes.missing,
            changes.gone,
        ),
        "unmatched" => format!("No customer of the CRM is profile {}.", summary.profile_id),
        "in_review" => format!(
            "Not synced: a person must say who profile {} is.",
            summary.profile_id
        ),
        other => format!("Not synced: {other}."),
    }
}
