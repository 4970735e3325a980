//! Makes databases in a cluster that is not running, with `postgres --single`: no client, no
//! socket and no password are needed, and a half-made cluster can be filled before it is renamed.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::Error;
use crate::binaries::Binaries;
use crate::child;
use crate::directory;
use crate::identity::Identity;
use crate::sys::{self, Signal};

/// Checks a name for a database or a role.
///
/// # Errors
/// [`Error::BadName`] for what Postgres would refuse, cut off (`NAMEDATALEN` is 64) or misread.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let fits = (1..=63).contains(&name.len());
    let clean = !name.chars().any(char::is_control);
    if fits && clean && !name.starts_with("pg_") {
        return Ok(());
    }
    Err(Error::BadName {
        what,
        name: name.to_owned(),
    })
}

/// `name` as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The list of databases known to exist, which spares a standalone start each time.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(crate) fn in_dir(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("databases"),
        }
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.text().lines().any(|line| line == name)
    }

    /// Adds `name`. Losing the line costs only a look the next time.
    pub(crate) fn add(&self, name: &str) -> Result<(), Error> {
        let text = format!("{}{name}\n", self.text());
        std::fs::write(&self.path, text).map_err(Error::file("write", &self.path))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap_or_default()
    }
}

/// Makes the database `name` in the cluster at `data`, unless it exists.
///
/// # Errors
/// [`Error::DatabaseNotCreated`] with what Postgres said.
pub(crate) fn create(
    data: &Path,
    name: &str,
    durable: bool,
    binaries: &Binaries,
    identity: &Identity,
) -> Result<(), Error> {
    let program = binaries.program("postgres");
    let mut command = child::command(&program, data, identity);
    sys::tied_to_this_thread(&mut command, Signal::Quit);
    command.arg("--single").arg("-D").arg(data);
    if !durable {
        command.arg("-F");
    }
    for setting in [
        "log_line_prefix=%e ",
        "log_destination=stderr",
        "logging_collector=off",
    ] {
        command.arg("-c").arg(setting);
    }
    // `template1` and not `postgres`, which a person may have dropped.
    command.arg("template1");
    let statement = format!("create database {}\n", quoted(name));
    let output = child::run(&mut command, &statement)
        .map_err(|source| child::not_spawned(source, &program, data, identity))?;
    if created(&output) {
        return directory::sync(data);
    }
    Err(Error::DatabaseNotCreated {
        name: name.to_owned(),
        output: child::said(&output),
    })
}

/// The standalone server ends with 0 even when the statement failed, so its words decide. Each
/// fault starts with its SQLSTATE; 42P04 is `duplicate_database`, which is as good as made.
fn created(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stderr);
    let failed = |line: &str| {
        let mut words = line.split_whitespace();
        let code = words.next();
        let level = words.next();
        matches!(level, Some("ERROR:" | "FATAL:" | "PANIC:")) && code != Some("42P04")
    };
    output.status.success() && !text.lines().any(failed)
}
