//! Errors as people and programs get them: one line what, one line why, one line what to do.

use std::fmt;

use serde_json::json;

use super::{Exit, Format, Output, clean};
use crate::config;

/// An error with a way out.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What went wrong.
    pub(crate) what: String,
    /// Why, if that says more.
    pub(crate) why: Option<String>,
    /// What to do.
    pub(crate) fix: Option<String>,
}

impl Fault {
    /// A fault of which only the what is known.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Fault {
        Fault {
            exit,
            what: what.into(),
            why: None,
            fix: None,
        }
    }

    /// Why it is so.
    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<String>) -> Fault {
        self.why = Some(why.into());
        self
    }

    /// What to do.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Fault {
        self.fix = Some(fix.into());
        self
    }

    /// What an error means at the command line.
    pub(crate) fn of(error: &anyhow::Error) -> Fault {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        let (exit, fix) = verdict(error);
        let mut chain = error.chain().map(ToString::to_string);
        let what = chain.next().unwrap_or_default();
        // Some libraries repeat their cause in their own words.
        let mut causes: Vec<String> = Vec::new();
        for cause in chain {
            if !causes.last().is_some_and(|before| before.ends_with(&cause)) {
                causes.push(cause);
            }
        }
        Fault {
            exit,
            what,
            why: (!causes.is_empty()).then(|| causes.join(": ")),
            fix,
        }
    }

    /// Writes it to stderr.
    pub(crate) fn report(&self, out: &Output) {
        if matches!(out.format, Format::Json | Format::Jsonl) {
            let body = json!({
                "type": "about:blank",
                "title": self.what,
                "detail": self.why,
                "fix": self.fix,
                "code": self.exit.word(),
                "exit_code": self.exit.code(),
            });
            out.err(&super::clean::json(&body.to_string()));
            return;
        }
        let mark = |text: &str, code: &str| {
            if out.color_err {
                format!("\u{1b}[{code}m{text}\u{1b}[0m")
            } else {
                text.to_owned()
            }
        };
        out.err(&format!(
            "{} {}",
            mark("✗", "31;1"),
            super::clean::keep_lines(&self.what)
        ));
        if let Some(why) = &self.why {
            out.err(&format!("  {} {}", mark("why:", "2"), clean(why)));
        }
        if let Some(fix) = &self.fix {
            out.err(&format!("  {} {}", mark("try:", "36"), clean(fix)));
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

/// The exit code of an error, and what to do about it.
fn verdict(error: &anyhow::Error) -> (Exit, Option<String>) {
    let fix = |text: &str| Some(text.to_owned());
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<engine::Error>() {
            return of_engine(error);
        }
        if let Some(error) = cause.downcast_ref::<jobs::Error>()
            && let Some(verdict) = of_jobs(error)
        {
            return verdict;
        }
        if let Some(error) = cause.downcast_ref::<connectors::Error>() {
            return of_remote(error);
        }
        if let Some(error) = cause.downcast_ref::<config::Error>() {
            return (Exit::BadConfig, of_config(error));
        }
        if cause.downcast_ref::<postgres::Error>().is_some() {
            return (
                Exit::Unreachable,
                fix("set DATABASE_URL to use a Postgres you have, or see `lockstep doctor`"),
            );
        }
        if let Some(error) = cause.downcast_ref::<sqlx::Error>() {
            return of_database(error);
        }
    }
    (Exit::Failure, None)
}

fn of_engine(error: &engine::Error) -> (Exit, Option<String>) {
    let fix = |text: &str| Some(text.to_owned());
    match error {
        engine::Error::Invalid(_)
        | engine::Error::Encode { .. }
        | engine::Error::BadFilter(_)
        | engine::Error::TooBroad { .. } => (Exit::Usage, None),
        engine::Error::BadSchedule { .. } => (Exit::BadConfig, fix("lockstep check")),
        engine::Error::NoJob(_) => (Exit::NotFound, fix("lockstep job list")),
        engine::Error::NoSuch { what, .. } if *what == "schedule" => {
            (Exit::NotFound, fix("lockstep schedule list"))
        }
        engine::Error::NoSuch { what, .. } if *what == "bulk act" => {
            (Exit::NotFound, fix("lockstep bulk list"))
        }
        engine::Error::NoSuch { .. } => (Exit::NotFound, None),
        engine::Error::BulkState { id, .. } => {
            (Exit::Conflict, Some(format!("lockstep bulk show {id}")))
        }
        engine::Error::WrongState { id, .. } => {
            (Exit::Conflict, Some(format!("lockstep job show {id}")))
        }
        engine::Error::UniqueKeyTaken { twin, .. }
        | engine::Error::IdempotencyMismatch { twin, .. } => {
            (Exit::Conflict, Some(format!("lockstep job show {twin}")))
        }
        engine::Error::LeaseLost { .. } => (Exit::Conflict, None),
        engine::Error::Migrate(_) => (
            Exit::Conflict,
            fix("use the binary that made this database, or a newer one"),
        ),
        engine::Error::Database(error) => of_database(error),
        _ => (Exit::Failure, None),
    }
}

/// What the sync says of its own; none leaves the word to the cause below.
/// The file's problems were shown above.
fn of_config(error: &config::Error) -> Option<String> {
    let config::Error::Invalid { path, .. } = error else {
        return None;
    };
    let path = path.display();
    Some(format!("mend them; `lockstep check {path}` looks again"))
}

fn of_jobs(error: &jobs::Error) -> Option<(Exit, Option<String>)> {
    let fix = |text: &str| Some(text.to_owned());
    Some(match error {
        jobs::Error::UnknownCompany(_) => (Exit::NotFound, fix("lockstep company list")),
        jobs::Error::NoAccount { id, .. } => (
            Exit::Conflict,
            Some(format!("lockstep company set {id} --account ID")),
        ),
        jobs::Error::AccountTaken => (Exit::Conflict, fix("lockstep company list --with-account")),
        jobs::Error::Invalid(_) => (Exit::Usage, None),
        jobs::Error::NotConfigured { .. } => (
            Exit::Forbidden,
            fix("declare it: see [connections] in workers.toml"),
        ),
        jobs::Error::UnknownConnection(_) => (
            Exit::NotFound,
            fix("lockstep connection list; connections are declared in workers.toml"),
        ),
        jobs::Error::NoSecret {
            connection, field, ..
        } => (
            Exit::Forbidden,
            Some(format!(
                "lockstep credential set {connection} {field} --from-stdin"
            )),
        ),
        jobs::Error::GivenElsewhere { .. } => (
            Exit::Conflict,
            fix("change it there, or take that setting out of workers.toml first"),
        ),
        jobs::Error::Parked { connection } => (
            Exit::Forbidden,
            Some(format!("lockstep connection reauthorise {connection}")),
        ),
        jobs::Error::NoKey => (
            Exit::BadConfig,
            fix(
                "make one with `lockstep credential new-key` and name its file: [credentials] key_file, or LOCKSTEP_CREDENTIALS_KEY",
            ),
        ),
        jobs::Error::KeyMissing { .. } => (
            Exit::BadConfig,
            fix(
                "add that key to [credentials] key_file, below the newer ones; it is needed until `lockstep credential rotate-key` has nothing left",
            ),
        ),
        jobs::Error::KeyWrong { .. } => (
            Exit::BadConfig,
            fix("give the key that was used before under that name, or name the new one otherwise"),
        ),
        jobs::Error::Unsealable {
            connection, field, ..
        } => (
            Exit::Conflict,
            Some(format!(
                "give the right key; if the row is spoilt, delete it from sync.secret and give the {field} of {connection} again"
            )),
        ),
        jobs::Error::NoSuch { what, .. } => (Exit::NotFound, fix(where_they_are(what))),
        jobs::Error::Mapping { .. } => (
            Exit::BadConfig,
            fix(
                "correct it: lockstep mapping show; lockstep mapping check FILE; lockstep mapping set FILE",
            ),
        ),
        jobs::Error::UnknownProfile(_) => (Exit::NotFound, fix("lockstep profile list")),
        jobs::Error::UnknownReview(_) => (Exit::NotFound, fix("lockstep review list --all")),
        jobs::Error::ReviewDecided(id) => {
            (Exit::Conflict, Some(format!("lockstep review show {id}")))
        }
        jobs::Error::Unproven(_) => (
            Exit::Unreachable,
            fix("lockstep connection test NAME; while the CRM is being loaded, try again later"),
        ),
        jobs::Error::Decided(_) => (Exit::Conflict, None),
        jobs::Error::Migrate(_) => (
            Exit::Conflict,
            fix("use the binary that made this database, or a newer one"),
        ),
        _ => return None,
    })
}

/// The list that such a thing would be in.
fn where_they_are(what: &str) -> &'static str {
    match what {
        "conflict" => "lockstep conflict list --all",
        "journal entry" => "lockstep journal list",
        "contact" | "lead" | "activity" | "participant" | "record" | "record seen at Creatio" => {
            "lockstep record list"
        }
        _ if what.contains("sweep") => "lockstep sweep list --all",
        _ => "lockstep quarantine list",
    }
}

fn of_remote(error: &connectors::Error) -> (Exit, Option<String>) {
    let fix = |text: &str| Some(text.to_owned());
    match error {
        connectors::Error::AuthRevoked { .. } | connectors::Error::AuthExpired { .. } => (
            Exit::Forbidden,
            fix("give another token: the remote does not take this one"),
        ),
        connectors::Error::Forbidden { .. } => {
            (Exit::Forbidden, fix("ask the vendor to let this token in"))
        }
        connectors::Error::Misconfigured { .. } => (
            Exit::BadConfig,
            fix("correct [connections] in workers.toml"),
        ),
        _ => (Exit::Unreachable, fix("try again later")),
    }
}

fn of_database(error: &sqlx::Error) -> (Exit, Option<String>) {
    let fix = |text: &str| Some(text.to_owned());
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => (
            Exit::Unreachable,
            fix("check that the database runs and its address is right: lockstep doctor"),
        ),
        sqlx::Error::Database(db) => match db.code().as_deref() {
            Some("28P01" | "28000") => (
                Exit::Forbidden,
                fix("check user and password in the database url"),
            ),
            Some("42501") => (
                Exit::Forbidden,
                fix("give the database's user the rights it lacks"),
            ),
            Some("3D000") => (
                Exit::Unreachable,
                fix("create the database, or correct its name in the url"),
            ),
            Some("42P01" | "3F000") => (
                Exit::Conflict,
                fix("the database is not migrated: lockstep migrate"),
            ),
            Some(code)
                if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") =>
            {
                (
                    Exit::Unreachable,
                    fix("try again; if it stays so: lockstep doctor"),
                )
            }
            _ => (Exit::Failure, None),
        },
        _ => (Exit::Failure, None),
    }
}
