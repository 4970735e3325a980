//! `lockstep doctor`: is everything as it should be, and what to do where it is not.

use std::time::{Duration, Instant};

use clap::Args;
use engine::PauseScope;
use serde::Serialize;
use sqlx::Connection;

use crate::app::{App, Session};
use crate::database::Owner;
use crate::output::{Exit, Fault, Format, Row, plural, short};

/// Older than this, due jobs wait for a reason.
const LATE_S: f64 = 300.0;
/// A database that is farther away makes every job slow.
const SLOW: Duration = Duration::from_millis(50);
/// The oldest server that the engine's SQL is written for.
const OLDEST_SERVER: u32 = 140_000;

/// What to look at.
#[derive(Debug, Args)]
#[command(before_help = "Examples:\n  lockstep doctor\n  lockstep doctor -o json", after_help = "Exit code 9 when something is wrong (✗). Remarks (!) end with 0.")]
pub(crate) struct Doctor {}

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Good,
    Remark,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    health: Health,
    check: &'static str,
    found: String,
    fix: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { health: Health::Good, check, found: found.into(), fix: None }
    }

    fn remark(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { health: Health::Remark, check, found: found.into(), fix: Some(fix.into()) }
    }

    fn bad(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { health: Health::Bad, check, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Does it.
pub(crate) async fn run(app: &App, _: Doctor) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    match app.open(2, Owner::Borrow).await {
        Ok(session) => {
            if session.database.is_private() {
                // Ours alone: nobody else could be surprised.
                session.migrate().await?;
            }
            examine(app, &session, &mut findings).await?;
            session.close().await?;
        }
        Err(error) => {
            let fault = Fault::of(&error);
            if fault.exit == Exit::BadConfig {
                return Err(error);
            }
            let found = fault.why.map_or(fault.what.clone(), |why| format!("{}: {why}", fault.what));
            findings.push(Finding::bad("database", found, fault.fix.unwrap_or_default()));
        }
    }
    show(app, &findings)?;
    let is_bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if is_bad { Exit::Findings } else { Exit::Ok })
}

fn show(app: &App, findings: &[Finding]) -> anyhow::Result<()> {
    if app.out.format != Format::Table {
        app.out.list(findings, "")?;
        return Ok(());
    }
    let mut text = String::new();
    for finding in findings {
        let (mark, color) = match finding.health {
            Health::Good => ("✓", "32"),
            Health::Remark => ("!", "33"),
            Health::Bad => ("✗", "31"),
        };
        let mark = if app.out.color_out { format!("\u{1b}[{color};1m{mark}\u{1b}[0m") } else { mark.to_owned() };
        text.push_str(&format!("{mark} {:<12} {}\n", finding.check, crate::output::clean(&finding.found)));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("  {:<12} → {}\n", "", crate::output::clean(fix)));
        }
    }
    app.out.data(&text)?;
    Ok(())
}

async fn examine(app: &App, session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    findings.push(database(session).await?);
    let engine = session.client.pending_migrations().await?;
    let sync = jobs::pending_migrations(session.client.pool()).await?;
    let pending = engine.len() + sync.len();
    if pending > 0 {
        let found = format!("{} to apply", plural(pending, "migration"));
        findings.push(Finding::bad("migrations", found, "lockstep migrate"));
        // Without its tables nothing below could be asked.
        return Ok(());
    }
    findings.push(Finding::good("migrations", "none to apply"));
    findings.push(workers(session).await?);
    queues(session, findings).await?;
    schedules(session, findings).await?;
    alerts(session, findings).await?;
    findings.push(soundtrack(app, session)?);
    Ok(())
}

async fn database(session: &Session) -> anyhow::Result<Finding> {
    let mut conn = session.client.pool().acquire().await?;
    let start = Instant::now();
    conn.ping().await?;
    let latency = start.elapsed();
    let number = conn.server_version_num().unwrap_or(OLDEST_SERVER);
    let found = format!("{} answers in {}, PostgreSQL {}", session.database.origin, short_latency(latency), number / 10_000);
    if number < OLDEST_SERVER {
        return Ok(Finding::bad("database", found, "use PostgreSQL 14 or newer"));
    }
    if latency > SLOW {
        return Ok(Finding::remark("database", found, "run workers nearer to the database"));
    }
    Ok(Finding::good("database", found))
}

fn short_latency(latency: Duration) -> String {
    format!("{:.1}ms", latency.as_secs_f64() * 1000.0)
}

async fn workers(session: &Session) -> anyhow::Result<Finding> {
    let workers = session.client.workers().await?;
    let alive: Vec<_> = workers.iter().filter(|worker| worker.alive).collect();
    let refused: i64 = workers.iter().map(|worker| worker.refused_settles).sum();
    if alive.is_empty() {
        return Ok(Finding::bad("workers", "none is alive: no job runs", "lockstep serve"));
    }
    let found = format!("{} alive", alive.len());
    if refused > 0 {
        let found = format!("{found}; {refused} late settles were refused");
        return Ok(Finding::remark("workers", found, "harmless each; many mean stalls longer than the lease"));
    }
    Ok(Finding::good("workers", found))
}

async fn queues(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let queues = session.client.queues().await?;
    let dead: i64 = queues.iter().map(|queue| queue.dead).sum();
    let oldest = queues.iter().filter_map(|queue| Some((queue.oldest_age_s?, &queue.name)));
    let oldest = oldest.max_by(|one, other| one.0.total_cmp(&other.0));
    match oldest {
        Some((age, name)) if age > LATE_S => {
            let age = short(Duration::from_secs_f64(age));
            let found = format!("the oldest due job of {name} has waited {age}");
            findings.push(Finding::bad("queues", found, "lockstep queue list; add workers, or resume what is paused"));
        }
        _ => findings.push(Finding::good("queues", "no due job waits long")),
    }
    if dead > 0 {
        let letters = plural(usize::try_from(dead).unwrap_or(0), "dead letter");
        findings.push(Finding::remark("dead letters", letters, "lockstep dead list"));
    } else {
        findings.push(Finding::good("dead letters", "none"));
    }
    for scope in [PauseScope::Queue, PauseScope::Kind, PauseScope::Schedule] {
        for pause in session.client.pauses(scope).await? {
            let why = pause.reason.unwrap_or_else(|| "no reason given".into());
            let found = format!("{} {} is paused by {}: {why}", scope.as_str(), pause.name, pause.paused_by);
            let fix = match scope {
                PauseScope::Kind => "resume it over the API when it may run again".to_owned(),
                _ => format!("lockstep {} resume {}", scope.as_str(), pause.name),
            };
            findings.push(Finding::remark("paused", found, fix));
        }
    }
    Ok(())
}

async fn schedules(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let schedules = session.client.schedules().await?;
    let declared: Vec<&str> = schedules.iter().map(|view| view.schedule.name.as_str()).collect();
    let missing: Vec<&str> = session.config.schedules.iter().map(|schedule| schedule.name.as_str())
        .filter(|name| !declared.contains(name)).collect();
    if missing.is_empty() {
        findings.push(Finding::good("schedules", format!("{} declared", schedules.len())));
    } else {
        let found = format!("{} of workers.toml not declared yet", missing.join(", "));
        findings.push(Finding::remark("schedules", found, "lockstep serve declares them; running ones reread the file"));
    }
    Ok(())
}

async fn alerts(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let alerts = session.client.alerts().await?;
    if alerts.is_empty() {
        findings.push(Finding::good("alerts", "none"));
    }
    for alert in alerts {
        let fix = match alert.alert.as_str() {
            "unknown_kind" => "deploy a worker that knows this kind, or cancel its jobs",
            "schedule_overdue" => "lockstep schedule list; see that a worker is alive",
            "no_worker" => "lockstep serve",
            _ => "lockstep job list",
        };
        findings.push(Finding::bad("alerts", format!("{} {}: {}", alert.alert, alert.subject, alert.message), fix));
    }
    Ok(())
}

fn soundtrack(app: &App, session: &Session) -> anyhow::Result<Finding> {
    let given = crate::secrets::soundtrack_token(&session.config.soundtrack.token, &app.env)?;
    Ok(match given {
        Some(_) => Finding::good("soundtrack", "a token is given; try it with `lockstep sync soundtrack --test-connection`"),
        None => Finding::remark("soundtrack", "no token here", format!("export {}=…, or [soundtrack] token_file", crate::config::DEFAULT_TOKEN_ENV)),
    })
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["HEALTH", "CHECK", "FOUND", "FIX"];

    fn cells(&self) -> Vec<String> {
        let health = match self.health {
            Health::Good => "good",
            Health::Remark => "remark",
            Health::Bad => "bad",
        };
        let fix = self.fix.clone().unwrap_or_else(|| "-".into());
        vec![health.to_owned(), self.check.to_owned(), self.found.clone(), fix]
    }

    fn name(&self) -> String {
        self.check.to_owned()
    }
}
