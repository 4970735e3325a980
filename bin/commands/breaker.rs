//! `lockstep breaker`: whether connections are thought to work, and a person's word on it.

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{BreakerState, BreakerView};
use serde_json::json;

use super::dry;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::config::parse_duration;
use crate::output::{Exit, Row, instant, instant_or_dash, short};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Breaker {
    /// List the breakers of connections
    #[command(visible_alias = "ls")]
    List,
    /// Run no job of a connection, on any node; they are put off and lose no attempt
    #[command(
        before_help = "Examples:\n  lockstep breaker open soundtrack/default --for 1h --reason 'maintenance at the vendor'"
    )]
    Open(Open),
    /// Run its jobs again; the breaker opens by itself when calls fail again
    #[command(
        before_help = "Examples:\n  lockstep breaker close soundtrack/default --reason 'they are back'"
    )]
    Close(Close),
}

/// What to open.
#[derive(Debug, Args)]
pub(crate) struct Open {
    /// The connection
    connection: String,
    /// For how long; until somebody closes it, unless said
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_duration)]
    span: Option<Duration>,
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
        Breaker::List => match session.client.breakers().await {
            Ok(breakers) => app
                .out
                .list(
                    &breakers,
                    "No breakers yet: they appear with the first call.",
                )
                .map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Breaker::Open(it) => open(app, &session, &it).await,
        Breaker::Close(it) => close(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn open(app: &App, session: &Session, it: &Open) -> anyhow::Result<()> {
    let name = &it.connection;
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
    if dry(app, &it.change, &format!("close the breaker of {name}"))? {
        return Ok(());
    }
    let reason = it.change.reason.as_deref();
    session
        .client
        .close_breaker(name, reason, &app.actor())
        .await?;
    let words = format!(
        "Closed the breaker of {name}. Jobs that were put off come back within two minutes."
    );
    app.out.done(
        &words,
        name,
        &json!({"connection": name, "state": "closed"}),
    )?;
    Ok(())
}

impl Row for BreakerView {
    const COLUMNS: &'static [&'static str] = &[
        "CONNECTION",
        "STATE",
        "GOOD",
        "BAD",
        "OPENS",
        "OPEN_UNTIL",
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
            self.state.as_str().to_owned(),
            self.good.to_string(),
            self.bad.to_string(),
            self.opens.to_string(),
            until,
            instant(self.changed_at),
            forced,
        ]
    }

    fn name(&self) -> String {
        self.connection.clone()
    }
}
