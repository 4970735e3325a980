//! `lockstep credential`: secrets of connections, sealed in the database. None is ever an argument: those are
//! in the shell's history and in the list of processes.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jobs::connection::credential::{self, KeyUse, Rotation};
use jobs::connection::{Connections, SecretView};
use jobs::seal::Keyring;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited::{self, Asked};
use crate::cli::Change;
use crate::output::{Exit, Fault, Format, Row, instant_or_dash, plural};

/// No credential of a remote is longer, with a line end.
const LONGEST: u64 = 4_098;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Seal a secret of a connection in the database
    #[command(
        before_help = "Examples:\n  lockstep credential set zoho/10234695 refresh_token --file /run/secrets/zoho-refresh-token\n  lockstep credential set soundtrack/default token --file /run/secrets/soundtrack"
    )]
    Set(Set),
    /// See which secrets there are, where they come from and which keys seal them
    #[command(
        before_help = "Examples:\n  lockstep credential status\n  lockstep credential status zoho/10234695 -o json"
    )]
    Status(Status),
    /// Seal everything by the newest key, while workers go on
    #[command(
        before_help = "Examples:\n  lockstep credential new-key 2026-12    put the line above the old key in the key file\n  lockstep credential rotate-key\n  lockstep credential status             take the old key away when nothing is left"
    )]
    RotateKey(RotateKey),
    /// Make a key and show the line for a key file, this once
    #[command(before_help = "Examples:\n  lockstep credential new-key 2026-12")]
    NewKey(NewKey),
}

/// A secret to be set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The connection, as zoho/10234695
    connection: String,
    /// Which of its secrets: token, key, client_id, client_secret or refresh_token
    field: String,
    /// Read it from stdin
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    from_stdin: bool,
    /// Read it from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    change: Change,
}

/// Whose secrets.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Of this connection only
    connection: Option<String>,
}

/// How to change keys.
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    #[command(flatten)]
    change: Change,
}

/// A new key.
#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Its name, as 2026-12
    id: String,
}

/// Does it.
pub(crate) async fn run(app: &App, credential: Credential) -> anyhow::Result<Exit> {
    if let Credential::NewKey(it) = &credential {
        return new_key(app, it);
    }
    let session = app.connect().await?;
    let done = match credential {
        Credential::Set(it) => set(app, &session, &it).await,
        Credential::Status(it) => status(app, &session, &it).await,
        Credential::RotateKey(it) => rotate(app, &session, &it).await,
        Credential::NewKey(_) => Ok(()),
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

/// A secret from a file, or from stdin.
pub(super) fn read_secret(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    let read = match file {
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        }
        None => {
            if std::io::stdin().is_terminal() {
                return Err(Fault::new(Exit::Usage, "no secret was given")
                    .why("what is typed here would be shown")
                    .fix("pipe it: … | lockstep … --from-stdin, or --file FILE")
                    .into());
            }
            std::io::stdin().take(LONGEST).read_to_string(&mut text)
        }
    };
    // Overwritten once it is sealed, as all secrets are.
    let read = read.map(|_| SecretString::from(text.trim_end_matches(['\r', '\n'])));
    secrecy::zeroize::Zeroize::zeroize(&mut text);
    read.map_err(|error| {
        Fault::new(Exit::Usage, "cannot read the secret")
            .why(error.to_string())
            .fix("give it as text, in a file that this user may read")
            .into()
    })
}

async fn set(app: &App, session: &Session, it: &Set) -> anyhow::Result<()> {
    let (all, name, field) = (&session.env.connections, &it.connection, &it.field);
    let secret = read_secret(it.file.as_deref())?;
    let told = asked(app, &it.change);
    let version = audited::set_secret(&session.client, all, (name, field, &secret), &told).await?;
    if dry(app, &it.change, &format!("set the {field} of {name}"))? {
        return Ok(());
    }
    let words = format!(
        "Sealed the {field} of {name}, version {version}. Workers use it from their next call. \
         Try it: lockstep connection test {name}"
    );
    let value = json!({"connection": name, "field": field, "version": version});
    app.out.done(&words, name, &value)?;
    Ok(())
}

async fn status(app: &App, session: &Session, it: &Status) -> anyhow::Result<()> {
    let all = &session.env.connections;
    let secrets = credential::status(all, it.connection.as_deref()).await?;
    let rotation = credential::rotation(all).await?;
    match app.out.format {
        Format::Json | Format::Jsonl => {
            let value = json!({"secrets": secrets, "keys": rotation});
            app.out.done("", "", &value)?;
        }
        _ => app.out.list(&secrets, "No connections are declared.")?,
    }
    app.out.note(&words_of(&rotation));
    Ok(())
}

/// In steps that are each a transaction: what was done stays, and whoever runs it again goes on.
async fn rotate(app: &App, session: &Session, it: &RotateKey) -> anyhow::Result<()> {
    let all = &session.env.connections;
    let before = credential::rotation(all).await?;
    let Some(key) = before.current.clone() else {
        return Err(jobs::Error::NoKey.into());
    };
    let told = asked(app, &it.change);
    let done = rotate_all(&session.client, all, &told).await?;
    let what = format!("seal {} by key {key}", plural(done as usize, "value"));
    if dry(app, &it.change, &what)? {
        return Ok(());
    }
    let after = credential::rotation(all).await?;
    let words = format!(
        "Sealed {} by key {key}; {} left.",
        plural(done as usize, "value"),
        after.left
    );
    app.out.done(
        &words,
        &key,
        &json!({"key": key, "done": done, "left": after.left}),
    )?;
    app.out.next(match after.left {
        0 => "Older keys are not needed any more: take them out of the key file.",
        _ => "Some were written meanwhile: run it again.",
    });
    Ok(())
}

/// Ends when nothing is left behind the last place. In a dry run every step is taken back.
async fn rotate_all(
    client: &engine::Client,
    all: &Connections,
    asked: &Asked,
) -> anyhow::Result<u64> {
    let (mut done, mut behind) = (0, (String::new(), String::new()));
    loop {
        let (some, next) = audited::rotate_some(client, all, &behind, asked).await?;
        done += u64::try_from(some).unwrap_or(0);
        match next {
            Some(next) => behind = next,
            None => return Ok(done),
        }
    }
}

fn new_key(app: &App, it: &NewKey) -> anyhow::Result<Exit> {
    if !jobs::seal::is_key_id(&it.id) {
        return Err(
            Fault::new(Exit::Usage, format!("a key cannot be named {:?}", it.id))
                .fix("use 1 to 32 letters, digits, dots, dashes and underscores, as 2026-12")
                .into(),
        );
    }
    let line = Keyring::new_line(&it.id);
    app.out.note(
        "Put this line first in the key file; keep a copy apart from the database's backups. It is shown this once.",
    );
    app.out.data(&format!("{}\n", line.expose_secret()))?;
    Ok(Exit::Ok)
}

fn words_of(rotation: &Rotation) -> String {
    let Some(current) = &rotation.current else {
        return "No key is given here ([credentials] key_file): sealed secrets cannot be opened."
            .to_owned();
    };
    let older = rotation
        .by_key
        .iter()
        .filter(|one| &one.key != current && one.values > 0);
    let older: Vec<String> = older.map(words_of_key).collect();
    match older.is_empty() {
        true => format!(
            "Key {current} seals all {}.",
            plural(rotation.done as usize, "value")
        ),
        false => format!(
            "Key {current} seals {}; {} left ({}): lockstep credential rotate-key",
            plural(rotation.done as usize, "value"),
            rotation.left,
            older.join(", ")
        ),
    }
}

fn words_of_key(one: &KeyUse) -> String {
    let here = if one.is_here { "" } else { ", not given here" };
    format!("key {} {}{here}", one.key, one.values)
}

impl Row for SecretView {
    const COLUMNS: &'static [&'static str] = &[
        "CONNECTION",
        "FIELD",
        "FROM",
        "SHOWN",
        "VERSION",
        "KEY",
        "SET_BY",
        "SET_AT",
        "PROBLEM",
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.connection.clone(),
            self.field.clone(),
            self.origin
                .clone()
                .unwrap_or_else(|| "not given".to_owned()),
            or_dash(&self.shown),
            self.version
                .map_or_else(|| "-".to_owned(), |version| version.to_string()),
            or_dash(&self.key),
            or_dash(&self.set_by),
            instant_or_dash(self.set_at),
            or_dash(&self.problem),
        ]
    }

    fn name(&self) -> String {
        format!("{} {}", self.connection, self.field)
    }
}
