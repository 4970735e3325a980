//! `lockstep db`: reach the database itself, and what it keeps.

mod eras;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::dry;
use crate::app::App;
use crate::cli::Change;
use crate::config::Config;
use crate::database::{self, Opened, Owner};
use crate::output::{Exit, Fault};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Print the address of the database
    #[command(before_help = "Examples:\n  psql \"$(lockstep db url)\"")]
    Url,
    /// Open psql on the database
    #[command(
        before_help = "Examples:\n  lockstep db shell\n  lockstep db shell -- -c 'select count(*) from engine.job'"
    )]
    Shell(Shell),
    /// Write a backup with pg_dump, in its custom format
    #[command(
        before_help = "Examples:\n  lockstep db backup /backups/lockstep.dump\n  pg_restore -d \"$(lockstep db url)\" --clean /backups/lockstep.dump"
    )]
    Backup(Backup),
    /// List the eras of history: how much each holds, what would stay of it, and when it goes
    #[command(before_help = "Examples:\n  lockstep db eras\n  lockstep db eras -o json")]
    Eras,
    /// Delete now what has expired, as workers do every minute and a half
    #[command(
        before_help = "Examples:\n  lockstep db prune --dry-run    say what would go\n  lockstep db prune --yes"
    )]
    Prune(Change),
}

/// What psql is given.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    /// More words for psql
    #[arg(last = true)]
    words: Vec<String>,
}

/// Where the backup goes.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write; it must not exist
    file: PathBuf,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, db: Db) -> anyhow::Result<Exit> {
    match db {
        Db::Eras => eras::list(app).await,
        Db::Prune(change) => eras::prune(app, &change).await,
        db => reach(app, db).await,
    }
}

async fn reach(app: &App, db: Db) -> anyhow::Result<Exit> {
    let config = app.config()?;
    let database = database::open(&config, Owner::Borrow, &app.out).await?;
    let done = match db {
        Db::Url => {
            if database.server().is_some() {
                app.out.note("Nobody runs the private PostgreSQL now: the address works while `lockstep serve` does.");
            }
            app.out
                .done(&database.url, &database.url, &json!({"url": database.url}))
                .map(|()| Exit::Ok)
                .map_err(Into::into)
        }
        Db::Shell(shell) => self::shell(&config, &database, &shell).await,
        Db::Backup(backup) => self::backup(app, &config, &database, &backup).await,
        Db::Eras | Db::Prune(_) => Ok(Exit::Ok),
    };
    database.close().await?;
    done
}

async fn shell(config: &Config, database: &Opened, shell: &Shell) -> anyhow::Result<Exit> {
    let mut psql = program(config, database, "psql");
    psql.args(&shell.words);
    let ended = run_on(psql, &database.url).await?;
    Ok(if ended.success() {
        Exit::Ok
    } else {
        Exit::Failure
    })
}

async fn backup(
    app: &App,
    config: &Config,
    database: &Opened,
    backup: &Backup,
) -> anyhow::Result<Exit> {
    let file = backup.file.display().to_string();
    if backup.file.exists() {
        return Err(Fault::new(Exit::Conflict, format!("{file} exists already"))
            .why("a backup never overwrites another")
            .fix("name a new file")
            .into());
    }
    if dry(app, &backup.change, &format!("write a backup to {file}"))? {
        return Ok(Exit::Ok);
    }
    // Whole or not at all: a half-written file must not pass for a backup.
    let partial = backup.file.with_extension("partial");
    let target = std::fs::File::create(&partial)
        .with_context(|| format!("cannot write {}", partial.display()))?;
    let mut dump = program(config, database, "pg_dump");
    dump.arg("-Fc").stdout(Stdio::from(target.try_clone()?));
    let ended = run_on(dump, &database.url).await?;
    if !ended.success() {
        std::fs::remove_file(&partial)?;
        return Err(Fault::new(Exit::Failure, "pg_dump failed")
            .why(ended.to_string())
            .into());
    }
    target.sync_all()?;
    std::fs::rename(&partial, &backup.file)?;
    let bytes = std::fs::metadata(&backup.file)?.len();
    let words = format!("Wrote {file} ({bytes} bytes). Look into it: pg_restore --list {file}");
    app.out
        .done(&words, &file, &json!({"file": file, "bytes": bytes}))?;
    Ok(Exit::Ok)
}

/// A program of Postgres: beside our server where we know it, else where the search path says.
fn program(config: &Config, database: &Opened, name: &str) -> Command {
    let ours = database.server().map(|server| server.bin_dir().to_owned());
    let found = ours.or_else(|| {
        postgres::find_binaries(config.postgres.bin_dir.as_deref(), None)
            .ok()
            .map(|b| b.dir)
    });
    match found
        .map(|dir| dir.join(name))
        .filter(|path| path.is_file())
    {
        Some(path) => Command::new(path),
        None => Command::new(name),
    }
}

/// Runs it on the database. Every user of the machine can read the words of a process, so a password
/// goes into its environment, which is its owner's alone.
async fn run_on(mut command: Command, url: &str) -> anyhow::Result<std::process::ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (bare, password) = without_password(url);
    command.args(["-d", &bare]);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    // Ctrl-C in psql cancels a query; it must not take the private server away under it.
    let _kept = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let status = tokio::task::spawn_blocking(move || command.status()).await?;
    status.map_err(|error| {
        Fault::new(Exit::Failure, format!("cannot run {name}"))
            .why(error.to_string())
            .fix("install the PostgreSQL client programs, or set [postgres] bin_dir")
            .into()
    })
}

/// The address without its password, and the password.
fn without_password(url: &str) -> (String, Option<String>) {
    let split = || {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@')?;
        let (name, password) = user.split_once(':')?;
        Some((format!("{scheme}://{name}@{host}{path}"), decoded(password)))
    };
    split().map_or_else(
        || (url.to_owned(), None),
        |(bare, password)| (bare, Some(password)),
    )
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_stands_among_the_words_of_a_process() {
        let table = [
            (
                "postgres://me:p%40ss@host:5432/db?a=b",
                "postgres://me@host:5432/db?a=b",
                Some("p@ss"),
            ),
            ("postgres://me@host/db", "postgres://me@host/db", None),
            ("postgres://host", "postgres://host", None),
        ];
        for (url, bare, password) in table {
            assert_eq!(
                without_password(url),
                (bare.to_owned(), password.map(str::to_owned))
            );
        }
    }
}
