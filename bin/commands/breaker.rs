//! `lockstep breaker`: whether connections are thought to work, and a person's word on it.

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{BreakerRules, BreakerState, BreakerView, PauseScope};
use serde_json::json;

use super::dry;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::config::parse_duration;
use crate::config::suggest::nearest;
use crate::output::{Exit, Fault, Row, instant, instant_or_dash, short};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Breaker {
    /// List the breakers of connections
    #[command(
        before_help = "Examples:\n  lockstep breaker list",
        visible_alias = "ls"
    )]
    List,
    /// Run no job of a connection, on any node; they are put off and lose no attempt
    #[command(
        before_help = "Examples:\n  lockstep breaker open soundtrack/default --for 1h --reason 'maintenance at the vendor'"
    )]
    Open(Open),
    /// Run its jobs again, at once; the breaker opens by itself when calls fail again
    #[command(
        before_help = "Examples:\n  lockstep breaker close soundtrack/default --reason 'they are back'"
    )]
    Close(Close),
    /// Try a connection again that was suspended since it had been failing for days
    #[command(
        before_help = "Examples:\n  lockstep breaker resume soundtrack/default --reason 'a new token'"
    )]
    Resume(Close),
}

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct Open {
    /// The connection
    connection: String,
    /// For how long; until somebody closes it, unless said
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_duration)]
    span: Option<Duration>,
    /// Even if nothing has named the connection yet: its first job is still to come
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

/// What to close.
#[derive(Debug, Args)]
pub(crate) struct Close {
    /// The connection
    connection: String,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, breaker: Breaker) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match breaker {
        Breaker::List => list(app, &session).await,
        Breaker::Open(it) => open(app, &session, &it).await,
        Breaker::Close(it) => close(app, &session, &it).await,
        Breaker::Resume(it) => resume(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session) -> anyhow::Result<()> {
    let breakers = session.client.breakers().await?;
    let none = "No breakers yet: they appear with the first call.";
    app.out.list(&breakers, none)?;
    app.out.note(&rules(&session.config.breaker));
    Ok(())
}

/// As `Rules ([breaker] in workers.toml): opens at 5 failed calls …`.
fn rules(rules: &BreakerRules) -> String {
    let or_never = |span: Option<Duration>| {
        span.map_or_else(
            || "never".to_owned(),
            |span| format!("after {}", short(span)),
        )
    };
    format!(
        "Rules ([breaker] in workers.toml): opens at {} failed calls and {} % of all within {}, for {} and up to {}; a probe has {}; warns {}, suspends {}.",
        rules.least_bad,
        (rules.share * 100.0).round(),
        short(rules.window),
        short(rules.first_open),
        short(rules.longest_open),
        short(rules.probe_lease),
        or_never(rules.warn_after),
        or_never(rules.suspend_after),
    )
}

async fn open(app: &App, session: &Session, it: &Open) -> anyhow::Result<()> {
    let name = &it.connection;
    let mut known = session.client.connections().await?;
    // Those that workers.toml declares are connections before their first job.
    let declared = session.env.connections.declared().iter();
    known.extend(declared.map(|one| one.name.clone()));
    if !it.force && !known.contains(name) {
        return Err(unknown(name, &known).into());
    }
    let span = match it.span {
        Some(span) => format!("for {}", short(span)),
        None => "until somebody closes it".to_owned(),
    };
    if dry(
        app,
        &it.change,
        &format!("open the breaker of {name} {span}"),
    )? {
        return Ok(());
    }
    let reason = it.change.reason.as_deref();
    session
        .client
        .open_breaker(name, it.span, reason, &app.actor())
        .await?;
    let words =
        format!("Opened the breaker of {name} {span}. Close it: lockstep breaker close {name}");
    app.out
        .done(&words, name, &json!({"connection": name, "state": "open"}))?;
    Ok(())
}

async fn close(app: &App, session: &Session, it: &Close) -> anyhow::Result<()> {
    // One that nobody has heard of is mostly a typing mistake.
    let breaker = session.client.breaker(&it.connection).await?;
    let name = &breaker.connection;
    if breaker.suspended_at.is_some() {
        return Err(suspended(&breaker).into());
    }
    if dry(app, &it.change, &format!("close the breaker of {name}"))? {
        return Ok(());
    }
    let reason = it.change.reason.as_deref();
    session
        .client
        .close_breaker(name, reason, &app.actor())
        .await?;
    let words = format!("Closed the breaker of {name}. Jobs that were put off come now.");
    app.out.done(
        &words,
        name,
        &json!({"connection": name, "state": "closed"}),
    )?;
    Ok(())
}

async fn resume(app: &App, session: &Session, it: &Close) -> anyhow::Result<()> {
    let breaker = session.client.breaker(&it.connection).await?;
    let name = &breaker.connection;
    if dry(app, &it.change, &format!("resume connection {name}"))? {
        return Ok(());
    }
    let actor = app.actor_of(&it.change);
    let client = &session.client;
    let changed = client.resume(PauseScope::Connection, name, &actor).await?;
    let words = match changed {
        true => format!("Resumed connection {name}. Jobs that were put off come now."),
        false => format!("Connection {name} was not suspended."),
    };
    let value = json!({"connection": name, "suspended": false, "changed": changed});
    app.out.done(&words, name, &value)?;
    Ok(())
}

/// A fault for a connection that nothing has named, which is mostly a typing mistake.
fn unknown(name: &str, known: &[String]) -> Fault {
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    Fault::new(Exit::NotFound, format!("no connection is called {name:?}"))
        .why("workers.toml declares none, and no breaker, budget or recent job names it")
        .fix(format!("{meant}If its first job is still to come: --force"))
}

fn suspended(breaker: &BreakerView) -> Fault {
    let name = &breaker.connection;
    let why = breaker
        .suspended_for
        .as_deref()
        .unwrap_or("no reason given");
    Fault::new(Exit::Conflict, format!("connection {name} is suspended"))
        .why(why)
        .fix(format!("lockstep breaker resume {name}"))
}

impl Row for BreakerView {
    const COLUMNS: &'static [&'static str] = &[
        "CONNECTION",
        "STATE",
        "GOOD",
        "BAD",
        "OPENS",
        "OPEN_UNTIL",
        "FAILING_SINCE",
        "CHANGED_AT",
        "FORCED",
    ];

    fn cells(&self) -> Vec<String> {
        let until = match (self.state, self.open_until) {
            (BreakerState::Open, None) => "closed by hand".to_owned(),
            (_, until) => instant_or_dash(until),
        };
        let forced = match (&self.forced_by, &self.reason) {
            (Some(by), Some(reason)) => format!("by {by} ({reason})"),
            (Some(by), None) => format!("by {by}"),
            (None, _) => "-".to_owned(),
        };
        vec![
            self.connection.clone(),
            match self.suspended_at {
                Some(_) => "suspended".to_owned(),
                None => self.state.as_str().to_owned(),
            },
            self.good.to_string(),
            self.bad.to_string(),
            self.opens.to_string(),
            until,
            instant_or_dash(self.failing_since),
            instant(self.changed_at),
            forced,
        ]
    }

    fn name(&self) -> String {
        self.connection.clone()
    }
}
