//! `lockstep mapping`: which fields are synced with a Creatio, and by which rules.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jobs::creatio::mapping::{self, Checked, DEFAULT, Version};
use serde_json::json;

use super::job::list::more;
use super::sync::creatio::the_one;
use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited::creatio as audited;
use crate::cli::Change;
use crate::output::{Exit, Fault, Format, Row, instant, plural};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Mapping {
    /// Show the mapping in force, as a file that `set` takes
    #[command(
        before_help = "Examples:\n  lockstep mapping show > creatio.toml\n  lockstep mapping show --default\n  lockstep mapping show -o json"
    )]
    Show(Show),
    /// List those that were in force, newest first
    #[command(
        before_help = "Examples:\n  lockstep mapping versions",
        visible_alias = "list"
    )]
    Versions(Versions),
    /// Check one beside what Creatio says of itself; show everything that is wrong with it
    #[command(
        before_help = "Examples:\n  lockstep mapping check creatio.toml\n  lockstep mapping check creatio.toml --connection creatio/acme",
        after_help = "Exit codes: 0 it can be put into force; 7 it has faults; 5 or 6 Creatio could not be asked."
    )]
    Check(One),
    /// Check one and put it into force; every record is looked at once more
    #[command(
        before_help = "Examples:\n  lockstep mapping set creatio.toml --dry-run\n  lockstep mapping set creatio.toml --reason 'budgets are ours'",
        after_help = "Exit codes: 0 it is in force; 7 it has faults, and the one before stays; 5 or 6 Creatio could not be asked."
    )]
    Set(Set),
}

/// Which mapping.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Of this Creatio; the only one need not be named
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The one that holds where nobody has set another
    #[arg(long, conflicts_with = "connection")]
    default: bool,
}

/// Whose versions.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// Of this Creatio; the only one need not be named
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only those with a smaller id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

/// A file.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The mapping; - reads it from stdin
    file: PathBuf,
    /// For this Creatio; the only one need not be named
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

/// A file, and why.
#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, mapping: Mapping) -> anyhow::Result<Exit> {
    if let Mapping::Show(Show { default: true, .. }) = mapping {
        app.out.data(DEFAULT)?;
        return Ok(Exit::Ok);
    }
    let session = app.connect().await?;
    let done = Box::pin(run_with(app, &session, &mapping)).await;
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn run_with(app: &App, session: &Session, mapping: &Mapping) -> anyhow::Result<()> {
    match mapping {
        Mapping::Show(it) => show(app, session, it).await,
        Mapping::Versions(it) => versions(app, session, it).await,
        Mapping::Check(it) => {
            let (name, checked) = checked(session, it).await?;
            let words = format!("{} can be put into force for {name}.", it.file.display());
            let value = json!({"ok": true, "connection": name, "hash": checked.hash()});
            Ok(app.out.done(&words, checked.hash(), &value)?)
        }
        Mapping::Set(it) => set(app, session, it).await,
    }
}

async fn show(app: &App, session: &Session, it: &Show) -> anyhow::Result<()> {
    let name = the_one(session, it.connection.as_deref())?;
    let Some(version) = mapping::current(&session.env.pool, &name).await? else {
        app.out.note(&format!(
            "{name} has none yet: its first sync puts the default into force, which this is."
        ));
        return Ok(app.out.data(DEFAULT)?);
    };
    match app.out.format {
        Format::Table => Ok(app.out.data(&version.text)?),
        _ => Ok(app.out.item(&version)?),
    }
}

async fn versions(app: &App, session: &Session, it: &Versions) -> anyhow::Result<()> {
    let name = the_one(session, it.connection.as_deref())?;
    let page = mapping::versions(&session.env.pool, &name, it.before, it.limit).await?;
    app.out.list(&page.data, "None was in force yet.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn set(app: &App, session: &Session, it: &Set) -> anyhow::Result<()> {
    let (name, checked) = checked(session, &it.one).await?;
    let what = format!("put {} into force for {name}", it.one.file.display());
    let by = asked(app, &it.change);
    let enabled = audited::enable_mapping(&session.client, &checked, &by).await?;
    let version = enabled.version;
    if !enabled.is_new {
        let words = format!(
            "Version {} of {name} is this mapping and in force already: there is nothing to change.",
            version.id
        );
        app.out
            .done(&words, &version.id.to_string(), &json!(version))?;
        return Ok(());
    }
    if dry(app, &it.change, &what)? {
        return Ok(());
    }
    let words = format!(
        "The mapping of {name} is version {}. Every record is looked at once more.",
        version.id
    );
    app.out
        .done(&words, &version.id.to_string(), &json!(version))?;
    Ok(())
}

async fn checked(session: &Session, it: &One) -> anyhow::Result<(String, Checked)> {
    let name = the_one(session, it.connection.as_deref())?;
    let file = it.file.display();
    let text = read(&it.file).with_context(|| format!("cannot read {file}"))?;
    session.env.connections.declare().await?;
    match mapping::check(&session.env, &name, &text).await? {
        Ok(checked) => Ok((name, checked)),
        Err(faults) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
            let many = plural(faults.len(), "fault");
            let what = format!("{file} has {many}:\n{}", lines.join("\n"));
            Err(Fault::new(Exit::BadConfig, what)
                .fix(format!(
                    "mend them; lockstep mapping check {file} looks again"
                ))
                .into())
        }
    }
}

fn read(file: &std::path::Path) -> std::io::Result<String> {
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

impl Row for Version {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "CONNECTION",
        "HASH",
        "IN_FORCE",
        "ENABLED_BY",
        "ENABLED_AT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.connection.clone(),
            self.hash.chars().take(12).collect(),
            if self.is_current { "yes" } else { "no" }.to_owned(),
            self.enabled_by.clone(),
            instant(self.enabled_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
