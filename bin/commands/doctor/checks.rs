//! The single checks.

use std::time::{Duration, Instant};

use engine::PauseScope;
use jobs::connection::{CredentialStatus, State};
use sqlx::Connection;

use super::finding::Finding;
use crate::app::Session;
use crate::output::{plural, short};

/// Older than this, due jobs wait for a reason.
const LATE_S: f64 = 300.0;
/// A database that is farther away makes every job slow.
const SLOW: Duration = Duration::from_millis(50);
/// The oldest server that the engine's SQL is written for.
const OLDEST_SERVER: u32 = 140_000;

pub(super) async fn database(session: &Session) -> anyhow::Result<Finding> {
    let mut conn = session.client.pool().acquire().await?;
    let start = Instant::now();
    conn.ping().await?;
    let latency = start.elapsed();
    let number = conn.server_version_num().unwrap_or(OLDEST_SERVER);
    let found = format!(
        "{} answers in {}, PostgreSQL {}",
        session.database.origin,
        short_latency(latency),
        number / 10_000
    );
    if number < OLDEST_SERVER {
        return Ok(Finding::bad(
            "database",
            found,
            "use PostgreSQL 14 or newer",
        ));
    }
    if latency > SLOW {
        return Ok(Finding::remark(
            "database",
            found,
            "run workers nearer to the database",
        ));
    }
    Ok(Finding::good("database", found))
}

fn short_latency(latency: Duration) -> String {
    format!("{:.1}ms", latency.as_secs_f64() * 1000.0)
}

pub(super) async fn durability(session: &Session) -> anyhow::Result<Finding> {
    let server = session.client.server().await?;
    let off: Vec<&str> = [
        ("fsync", &server.fsync),
        ("full_page_writes", &server.full_page_writes),
        ("synchronous_commit", &server.synchronous_commit),
    ]
    .into_iter()
    .filter(|(_, value)| *value == "off")
    .map(|(name, _)| name)
    .collect();
    if off.is_empty() {
        let found = format!(
            "fsync on, full_page_writes on, synchronous_commit {}",
            server.synchronous_commit
        );
        return Ok(Finding::good("durability", found));
    }
    let fix = format!(
        "set {} = on in postgresql.conf: a crash can lose acknowledged jobs",
        off.join(" = on, ")
    );
    Ok(Finding::bad(
        "durability",
        format!("{} off", off.join(" and ")),
        fix,
    ))
}

/// Durable instants are the database's, so a wrong clock here only misleads people.
#[expect(
    clippy::disallowed_methods,
    reason = "the host's clock is what is examined"
)]
pub(super) async fn clock(session: &Session) -> anyhow::Result<Finding> {
    let before = jiff::Timestamp::now();
    let server = session.client.server().await?;
    let trip = jiff::Timestamp::now().duration_since(before);
    let offset = server.now.duration_since(before + trip / 2).abs();
    let found = format!(
        "{} ms between this machine and the database",
        offset.as_millis()
    );
    if offset > jiff::SignedDuration::from_secs(1) + trip {
        let fix = "synchronise both with NTP; jobs follow the database's clock";
        return Ok(Finding::remark("clock", found, fix));
    }
    Ok(Finding::good("clock", found))
}

pub(super) async fn workers(session: &Session) -> anyhow::Result<Finding> {
    let workers = session.client.workers(None, 500).await?.data;
    let alive: Vec<_> = workers.iter().filter(|worker| worker.alive).collect();
    let refused: i64 = workers.iter().map(|worker| worker.refused_settles).sum();
    if alive.is_empty() {
        return Ok(Finding::bad(
            "workers",
            "none is alive: no job runs",
            "lockstep serve",
        ));
    }
    let found = format!("{} alive", alive.len());
    if refused > 0 {
        let found = format!("{found}; {refused} late settles were refused");
        return Ok(Finding::remark(
            "workers",
            found,
            "harmless each; many mean stalls longer than the lease",
        ));
    }
    Ok(Finding::good("workers", found))
}

pub(super) async fn queues(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let queues = session.client.queues().await?;
    let dead: i64 = queues.iter().map(|queue| queue.dead).sum();
    let oldest = queues
        .iter()
        .filter_map(|queue| Some((queue.oldest_age_s?, &queue.name)));
    let oldest = oldest.max_by(|one, other| one.0.total_cmp(&other.0));
    match oldest {
        Some((age, name)) if age > LATE_S => {
            let age = short(Duration::from_secs_f64(age));
            let found = format!("the oldest due job of {name} has waited {age}");
            findings.push(Finding::bad(
                "queues",
                found,
                "lockstep queue list; add workers, or resume what is paused",
            ));
        }
        _ => findings.push(Finding::good("queues", "no due job waits long")),
    }
    if dead > 0 {
        let letters = plural(usize::try_from(dead).unwrap_or(0), "dead letter");
        findings.push(Finding::remark(
            "dead letters",
            letters,
            "lockstep dead list",
        ));
    } else {
        findings.push(Finding::good("dead letters", "none"));
    }
    for scope in [
        PauseScope::Queue,
        PauseScope::Kind,
        PauseScope::Schedule,
        PauseScope::Connection,
    ] {
        for pause in session.client.pauses(scope).await? {
            let why = pause.reason.unwrap_or_else(|| "no reason given".into());
            let found = format!(
                "{} {} is paused by {}: {why}",
                scope.as_str(),
                pause.name,
                pause.paused_by
            );
            let fix = match scope {
                PauseScope::Connection => format!("lockstep breaker resume {}", pause.name),
                _ => format!("lockstep {} resume {}", scope.as_str(), pause.name),
            };
            findings.push(Finding::remark("paused", found, fix));
        }
    }
    Ok(())
}

pub(super) async fn schedules(
    session: &Session,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    let schedules = session.client.schedules().await?;
    let declared: Vec<&str> = schedules
        .iter()
        .map(|view| view.schedule.name.as_str())
        .collect();
    let missing: Vec<&str> = session
        .config
        .schedules
        .iter()
        .map(|schedule| schedule.name.as_str())
        .filter(|name| !declared.contains(name))
        .collect();
    if missing.is_empty() {
        findings.push(Finding::good(
            "schedules",
            format!("{} declared", schedules.len()),
        ));
    } else {
        let found = format!("{} of workers.toml not declared yet", missing.join(", "));
        findings.push(Finding::remark(
            "schedules",
            found,
            "lockstep serve declares them; running ones reread the file",
        ));
    }
    Ok(())
}

pub(super) async fn alerts(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let alerts = jobs::alert::list(&session.client).await?;
    if alerts.is_empty() {
        findings.push(Finding::good("alerts", "none"));
    }
    for alert in alerts {
        let fix = match alert.alert.as_str() {
            "unknown_kind" => "deploy a worker that knows this kind, or cancel its jobs",
            "schedule_overdue" => "lockstep schedule list; see that a worker is alive",
            "no_worker" => "lockstep serve",
            "no_era" => {
                "let the role that runs workers own the tables; their logs say why (docs/retention.md)"
            }
            "connection_failing" | "connection_suspended" => "lockstep connection list",
            "sweep_held" => "lockstep sweep list",
            "quarantine_growing" | "quarantine_lasting" => "lockstep quarantine list",
            "runs_failing" => "lockstep run list --status failed",
            _ => "lockstep job list",
        };
        findings.push(Finding::bad(
            "alerts",
            format!("{} {}: {}", alert.alert, alert.subject, alert.message),
            fix,
        ));
    }
    Ok(())
}

pub(super) async fn connections(
    session: &Session,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    for one in jobs::connection::ops::list(&session.env.connections).await? {
        let (name, status) = (&one.name, one.credential.as_str());
        let finding = match (one.state, one.credential) {
            (State::NeedsReauthorisation, _) => Finding::bad(
                "connection",
                format!("{name} needs another credential"),
                format!("lockstep connection reauthorise {name}"),
            ),
            (_, CredentialStatus::NotHere) => Finding::remark(
                "connection",
                format!(
                    "{name} has its credential elsewhere: {} is not set here; workers may have it",
                    one.lacking.join(", ")
                ),
                format!("ask where it is set: lockstep connection test {name}"),
            ),
            (_, CredentialStatus::Missing) => Finding::remark(
                "connection",
                format!("{name} has no credential here"),
                format!("lockstep credential status {name}"),
            ),
            _ => Finding::good(
                "connection",
                format!(
                    "{name} has a credential ({status}); try it with `lockstep connection test {name}`"
                ),
            ),
        };
        findings.push(finding);
    }
    Ok(())
}

pub(super) async fn verify(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let broken = session.client.verify().await?;
    if broken.is_empty() {
        findings.push(Finding::good(
            "promises",
            "kept: nothing is lost, double or in two places",
        ));
    }
    for one in broken {
        let found = format!("{} {}: {}", one.finding, one.subject, one.detail);
        let fix = "keep a copy (lockstep db backup FILE) and report it";
        findings.push(Finding::bad("promises", found, fix));
    }
    Ok(())
}
