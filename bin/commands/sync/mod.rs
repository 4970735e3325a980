//! `lockstep sync`: sync now, and wait for the result.

pub(in crate::commands) mod creatio;
mod follow;
mod packages;
mod plan;
mod wait;
mod zoho;

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{Enqueued, JobView, State};
use jobs::company;
use jobs::connection::{View, ops};
use jobs::soundtrack::{CONNECTION, Summary, Totals, sync_all_of, sync_of};
use serde_json::json;

use self::follow::{Follow, follow};
pub(in crate::commands) use self::wait::{Watched, wait};
use super::enqueue::{duration, put_in};
use crate::app::{App, Session};
use crate::audited::Told;
use crate::cli::Change;
use crate::output::{Exit, Fault, Format, plural};

/// What is synced.
#[derive(Debug, Subcommand)]
pub(crate) enum Sync {
    /// Sync the music zones of every company, or of one
    Soundtrack(Soundtrack),
    /// Sync the packages of every profile, of one, or of those that are new
    Packages(packages::Packages),
    /// Sync the products of every Zoho organisation, of one, or some of its items
    Zoho(zoho::Zoho),
    /// Sync contacts, leads and activities with Creatio, both ways
    #[command(subcommand)]
    Creatio(creatio::Creatio),
}

/// Which, and whether to wait.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  lockstep sync soundtrack
  lockstep sync soundtrack --company-id 123
  lockstep sync soundtrack --dry-run -o json
  lockstep sync soundtrack --test-connection
  lockstep sync soundtrack --no-wait -o name",
    after_help = "\
Exit codes: 0 synced; 3 no such company; 4 the company has no account; 5 no token, or refused;
8 some companies or zones failed; 10 the sync itself failed; 124 it goes on after --timeout."
)]
pub(crate) struct Soundtrack {
    /// Only this company
    #[arg(long, value_name = "ID")]
    company_id: Option<i64>,
    /// Ask Soundtrack who we are, and sync nothing
    #[arg(long, conflicts_with_all = ["company_id", "no_wait", "dry_run"])]
    test_connection: bool,
    /// Enqueue it and leave
    #[arg(long)]
    no_wait: bool,
    /// How long to wait
    #[arg(long, value_parser = duration, default_value = "10m")]
    timeout: Duration,
    /// What --dry-run does by itself now
    #[arg(long = "plan", requires = "dry_run", hide = true)]
    _plan: bool,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, sync: Sync) -> anyhow::Result<Exit> {
    let soundtrack = match sync {
        Sync::Soundtrack(it) => it,
        Sync::Packages(it) => return packages::run(app, it).await,
        Sync::Zoho(it) => return zoho::run(app, it).await,
        Sync::Creatio(it) => return Box::pin(creatio::run(app, it)).await,
    };
    if soundtrack.test_connection {
        return test_connection(app).await;
    }
    let session = app.connect().await?;
    let exit = Box::pin(sync_with(app, &session, &soundtrack)).await;
    session.close().await?;
    exit
}

async fn test_connection(app: &App) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let probe = probe(&session).await;
    session.close().await?;
    let probe = probe?;
    let more = if probe.more_accounts { "at least " } else { "" };
    let accounts = plural(probe.accounts_visible as usize, "account");
    let tokens = probe
        .tokens_available
        .map(|left| format!("; {left} tokens left in the rate limit"))
        .unwrap_or_default();
    let words = format!(
        "Soundtrack answers: the token is a {} and sees {more}{accounts}{tokens}.",
        probe.viewer_kind
    );
    let value = json!({
        "ok": true,
        "viewer_kind": probe.viewer_kind,
        "accounts_visible": probe.accounts_visible,
        "more_accounts": probe.more_accounts,
        "cost": probe.cost,
        "tokens_available": probe.tokens_available,
        "clock_offset_ms": probe.server_clock_offset.map(|offset| offset.as_millis() as i64),
    });
    app.out.done(&words, "ok", &value)?;
    Ok(Exit::Ok)
}

async fn probe(session: &Session) -> anyhow::Result<connectors::soundtrack::Probe> {
    let client = session.env.connections.soundtrack(CONNECTION).await;
    let client = client.map_err(|error| match error {
        jobs::Error::NoSecret { .. } => no_token().into(),
        other => anyhow::Error::from(other),
    })?;
    Ok(client.test_connection().await?)
}

fn no_token() -> Fault {
    Fault::new(Exit::Forbidden, "there is no Soundtrack token")
        .why("Soundtrack answers nobody without one")
        .fix(format!(
            "export {}=…, or seal it in the database: lockstep credential set {CONNECTION}",
            crate::config::DEFAULT_TOKEN_ENV
        ))
}

/// Of a connection that this process cannot use, while no other runs its jobs.
fn no_credential(view: &View, why: &str, fix: String) -> Fault {
    let name = &view.name;
    if view.lacking.is_empty() {
        let what = format!("{name} has no credential");
        return Fault::new(Exit::Forbidden, what).why(why).fix(fix);
    }
    let what = format!("{name} has its credential elsewhere");
    Fault::new(Exit::Forbidden, what)
        .why(format!(
            "{} is not set here, and no worker is alive that could have it",
            view.lacking.join(", ")
        ))
        .fix("set it, or start a worker where it is set: lockstep work")
}

async fn has_token(session: &Session) -> anyhow::Result<bool> {
    let view = ops::show(&session.env.connections, CONNECTION).await?;
    Ok(view.is_usable_here())
}

async fn sync_with(app: &App, session: &Session, sync: &Soundtrack) -> anyhow::Result<Exit> {
    let one = match sync.company_id {
        Some(id) => Some(company::syncable(&session.env.pool, id).await?),
        None => None,
    };
    if sync.change.dry_run {
        return match &one {
            Some(company) => plan::of_companies(app, session, &[company.id]).await,
            None => {
                plan::of_companies(
                    app,
                    session,
                    &company::with_account(&session.env.pool).await?,
                )
                .await
            }
        };
    }
    let is_manned = session.client.workers_alive().await? > 0;
    if !is_manned && !has_token(session).await? {
        return Err(no_token().into());
    }
    let who = app.env.user();
    let (job, action) = match &one {
        Some(company) => (sync_of(company.id, who), "sync.company"),
        None => (sync_all_of(who), "sync.all"),
    };
    let target = sync.company_id.map(|id| id.to_string());
    let told = |one: Enqueued| Told {
        action,
        target: target.clone().unwrap_or_else(|| "soundtrack".into()),
        detail: json!({"job": one.id}),
    };
    let made = put_in(app, session, job, &sync.change, told).await?;
    let how = Follow {
        is_manned,
        no_wait: sync.no_wait,
        over: vec![CONNECTION.to_owned()],
        patience: sync.timeout,
    };
    match follow(app, session, &made, how).await? {
        Some(job) => tell(app, &job, one.is_some()),
        None => Ok(Exit::Ok),
    }
}

/// The success and error lines.
fn tell(app: &App, job: &JobView, one_company: bool) -> anyhow::Result<Exit> {
    if job.state != State::Completed {
        return Err(ended_badly(job).into());
    }
    let result = job.result.clone().unwrap_or_default();
    let (words, failed) = if one_company {
        let summary: Summary = serde_json::from_value(result.clone())?;
        (of_company(&summary), summary.errors > 0)
    } else {
        let totals: Totals = serde_json::from_value(result.clone())?;
        for company in &totals.failed {
            app.out.note(&format!(
                "✗ Company {} failed: {}",
                company.company_id, company.code
            ));
        }
        (of_all(&totals), totals.errors > 0)
    };
    app.out.done(&words, &job.id.to_string(), &result)?;
    if failed && app.out.format == Format::Table {
        app.out.next("See why: lockstep dead list");
    }
    Ok(if failed { Exit::Partial } else { Exit::Ok })
}

pub(in crate::commands) fn ended_badly(job: &JobView) -> Fault {
    let mut fault = Fault::new(
        Exit::JobFailed,
        format!("the sync failed: its job is {}", job.state),
    );
    if let Some(error) = &job.error {
        fault = fault.why(error.clone());
    }
    fault.fix(format!("lockstep job show {}", job.id))
}

fn of_company(summary: &Summary) -> String {
    format!(
        "Synced {} for {} with {}: {} new, {} changed, {} orphaned.",
        plural_i32(summary.synced, "zone"),
        summary.company_name,
        plural_i32(summary.errors, "error"),
        summary.created,
        summary.updated,
        summary.orphaned,
    )
}

/// The whole sync in one line.
pub(in crate::commands) fn of_all(totals: &Totals) -> String {
    let skipped = match totals.skipped {
        0 => String::new(),
        n => format!(" ({n} without an account skipped)"),
    };
    format!(
        "Synced {} with {}: {}{skipped}, {} new, {} changed, {} orphaned.",
        plural_i32(totals.synced, "zone"),
        plural_i32(totals.errors, "error"),
        plural_i32(totals.companies, "company"),
        totals.created,
        totals.updated,
        totals.orphaned,
    )
}

fn plural_i32(count: i32, one: &str) -> String {
    plural(usize::try_from(count).unwrap_or(0), one)
}
