//! `lockstep connection`: the remote accounts, whether they can be used, and what to do when not.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use connectors::check::Finding;
use jobs::connection::{View, ops};
use serde::Serialize;
use serde_json::json;

use super::credential::read_secret;
use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::output::{Exit, Format, Row, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Connection {
    /// List the connections with their credentials
    #[command(
        visible_alias = "ls",
        before_help = "Examples:\n  lockstep connection list\n  lockstep connection list -o json"
    )]
    List,
    /// Show one connection
    #[command(before_help = "Examples:\n  lockstep connection show zoho/10234695")]
    Show(Name),
    /// Try a connection: credential, rights, clock, price, one record; changes nothing at the remote
    #[command(before_help = "Examples:\n  lockstep connection test zoho/10234695")]
    Test(Name),
    /// Run none of a connection's jobs, on any node; they are put off and lose no attempt
    #[command(
        before_help = "Examples:\n  lockstep connection pause zoho/10234695 --reason 'stock-taking'"
    )]
    Pause(Turn),
    /// Run its jobs again
    #[command(
        before_help = "Examples:\n  lockstep connection resume zoho/10234695 --reason 'the stock is counted'"
    )]
    Resume(Turn),
    /// Give a connection another credential, or another chance with the one it has, and resume it
    #[command(
        before_help = "Examples:\n  lockstep connection reauthorise zoho/10234695 --file /run/secrets/zoho-refresh-token\n  lockstep connection reauthorise zoho/10234695 --reason 'the vendor restored the grant'"
    )]
    Reauthorise(Reauthorise),
}

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The connection, as zoho/10234695
    connection: String,
}

/// Which, and why.
#[derive(Debug, Args)]
pub(crate) struct Turn {
    /// The connection, as zoho/10234695
    connection: String,
    #[command(flatten)]
    change: Change,
}

/// Another credential.
#[derive(Debug, Args)]
pub(crate) struct Reauthorise {
    /// The connection, as zoho/10234695
    connection: String,
    /// Read the new token, key or refresh token from stdin
    #[arg(long, conflicts_with = "file")]
    from_stdin: bool,
    /// Read it from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, connection: Connection) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match connection {
        Connection::List => list(app, &session).await,
        Connection::Show(it) => show(app, &session, &it.connection).await,
        Connection::Test(it) => test(app, &session, &it.connection).await,
        Connection::Pause(it) => pause(app, &session, &it).await,
        Connection::Resume(it) => resume(app, &session, &it).await,
        Connection::Reauthorise(it) => reauthorise(app, &session, &it).await,
    };
    session.close().await?;
    done
}

async fn list(app: &App, session: &Session) -> anyhow::Result<Exit> {
    let all = ops::list(&session.env.connections).await?;
    app.out.list(
        &all,
        "No connections. Declare one in workers.toml: [connections.\"zoho/ID\"]",
    )?;
    Ok(Exit::Ok)
}

async fn show(app: &App, session: &Session, name: &str) -> anyhow::Result<Exit> {
    let view = ops::show(&session.env.connections, name).await?;
    app.out.item(&view)?;
    if !view.lacking.is_empty() {
        app.out.note(&format!(
            "This process does not have {}. That proves nothing of the workers: they may.",
            view.lacking.join(", ")
        ));
    }
    app.out
        .next(&format!("Try it: lockstep connection test {name}"));
    Ok(Exit::Ok)
}

pub(in crate::commands) async fn test(
    app: &App,
    session: &Session,
    name: &str,
) -> anyhow::Result<Exit> {
    session.env.connections.declare().await?;
    let findings = ops::test(&session.env.connections, name).await?;
    let lines: Vec<Line> = findings.iter().map(Line::of).collect();
    let is_good = lines.iter().all(|line| line.ok);
    if app.out.format == Format::Table {
        let mut text = String::new();
        for line in &lines {
            text.push_str(&crate::output::clean(&line.words()));
            text.push('\n');
        }
        app.out.data(&text)?;
    } else {
        app.out.list(&lines, "")?;
    }
    Ok(if is_good { Exit::Ok } else { Exit::Findings })
}

async fn pause(app: &App, session: &Session, it: &Turn) -> anyhow::Result<Exit> {
    let (all, name) = (&session.env.connections, &it.connection);
    ops::show(all, name).await?;
    if dry(app, &it.change, &format!("pause connection {name}"))? {
        return Ok(Exit::Ok);
    }
    let changed = ops::pause(all, name, &app.actor_of(&it.change)).await?;
    let words = match changed {
        true => format!("Paused {name}. Resume it: lockstep connection resume {name}"),
        false => format!("{name} was paused already."),
    };
    let value = json!({"connection": name, "paused": true, "changed": changed});
    app.out.done(&words, name, &value)?;
    Ok(Exit::Ok)
}

async fn resume(app: &App, session: &Session, it: &Turn) -> anyhow::Result<Exit> {
    let (all, name) = (&session.env.connections, &it.connection);
    ops::may_resume(all, name).await?;
    if dry(app, &it.change, &format!("resume connection {name}"))? {
        return Ok(Exit::Ok);
    }
    let changed = ops::resume(all, name, &app.actor_of(&it.change)).await?;
    let words = match changed {
        true => format!("Resumed {name}. Jobs that were put off come now."),
        false => format!("{name} was not paused."),
    };
    let value = json!({"connection": name, "paused": false, "changed": changed});
    app.out.done(&words, name, &value)?;
    Ok(Exit::Ok)
}

async fn reauthorise(app: &App, session: &Session, it: &Reauthorise) -> anyhow::Result<Exit> {
    let (all, name) = (&session.env.connections, &it.connection);
    let field = ops::renewed_field(all.find(name)?);
    let secret = match it.from_stdin || it.file.is_some() {
        true => Some(read_secret(it.file.as_deref())?),
        false => None,
    };
    let told = asked(app, &it.change);
    let given = (name.as_str(), secret.as_ref());
    let done = audited::reauthorise(&session.client, all, given, &told).await?;
    let what = match secret {
        Some(_) => format!("set the {field} of {name} and resume it"),
        None => format!("try {name} again with the credential it has"),
    };
    if dry(app, &it.change, &what)? {
        return Ok(Exit::Ok);
    }
    let state = ops::show(all, name).await?.state.as_str();
    let words = format!("{name} is {state}. Try it: lockstep connection test {name}");
    let value = json!({"connection": name, "state": state, "resumed": done.resumed});
    app.out.done(&words, name, &value)?;
    Ok(Exit::Ok)
}

/// A line of a test.
#[derive(Debug, Serialize)]
struct Line {
    question: &'static str,
    ok: bool,
    found: String,
    fix: Option<String>,
}

impl Line {
    fn of(finding: &Finding) -> Line {
        Line {
            question: finding.question.as_str(),
            ok: finding.is_good,
            found: finding.found.clone(),
            fix: finding.fix.clone(),
        }
    }

    fn words(&self) -> String {
        let mark = if self.ok { "ok    " } else { "failed" };
        let fix = self.fix.as_ref().map(|fix| format!("\n        try: {fix}"));
        format!(
            "{mark}  {:<6}  {}{}",
            self.question,
            self.found,
            fix.unwrap_or_default()
        )
    }
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["QUESTION", "OK", "FOUND", "FIX"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.question.to_owned(),
            self.ok.to_string(),
            self.found.clone(),
            self.fix.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    fn name(&self) -> String {
        self.question.to_owned()
    }
}

impl Row for View {
    const COLUMNS: &'static [&'static str] = &[
        "CONNECTION",
        "STATE",
        "CREDENTIAL",
        "EXPIRES_AT",
        "REFRESHED_AT",
        "USED_AT",
        "BY",
        "REASON",
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.name.clone(),
            self.state.as_str().to_owned(),
            self.credential.as_str().to_owned(),
            instant_or_dash(self.expires_at),
            instant_or_dash(self.refreshed_at),
            instant_or_dash(self.used_at),
            or_dash(&self.paused_by),
            or_dash(&self.reason),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
