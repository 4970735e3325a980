//! Everything that can go wrong, named for the person who must act on it.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private Postgres could not do what was asked. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No directory holds `postgres` and `initdb` of a usable major.
    #[error(
        "no PostgreSQL 14 or newer is installed (looked in {looked_in}); \
         install it with `{install}`, or set database.url to use a server you already have"
    )]
    NoBinaries {
        looked_in: String,
        install: &'static str,
    },
    /// The data was written by a major that is not installed. The data is left untouched.
    #[error(
        "the data in {data_dir} needs PostgreSQL {data_major}, but only {found} is installed; \
         install PostgreSQL {data_major}, or move the data with pg_upgrade or pg_dump"
    )]
    MajorMismatch {
        data_dir: String,
        data_major: u32,
        found: String,
    },
    /// Another live process owns the data directory. It is unharmed.
    #[error(
        "another instance{} owns {data_dir}; stop it, or use another data directory",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Owned { data_dir: PathBuf, pid: Option<u32> },
    /// We are root, and the user the server should run as does not exist.
    #[error(
        "Postgres refuses to run as root and there is no user {name:?} to run it as; \
         create it with `useradd --system {name}`, or set postgres.run_as"
    )]
    NoSuchUser { name: String },
    /// Somebody asked to run the server as root.
    #[error("Postgres refuses to run as root; set postgres.run_as to an ordinary user")]
    UserIsRoot,
    /// We are not root, so the children can only be ourselves.
    #[error("only root can run Postgres as {name:?}; start as root, or remove postgres.run_as")]
    CannotSwitchUser { name: String },
    /// `initdb` needs a name for the user id, as under OpenShift's random ids.
    #[error(
        "user id {uid} has no entry in the passwd database, which initdb needs; \
         add one, preload nss_wrapper, or set database.url"
    )]
    NoPasswdEntry { uid: u32 },
    /// The data belongs to somebody else.
    #[error(
        "{path} belongs to user id {owner}, but Postgres would run as {wanted}; \
         run as its owner, or change it with `chown -R {wanted}`"
    )]
    WrongOwner {
        path: PathBuf,
        owner: u32,
        wanted: String,
    },
    /// The server's user cannot enter the data directory: a parent is closed, as `/root` is.
    #[error(
        "user {user} cannot enter {dir} or run {program}; \
         choose a data directory whose parents are open to it"
    )]
    Unreachable {
        dir: PathBuf,
        program: PathBuf,
        user: String,
    },
    /// `data/` is not empty and is not a cluster either. It is left untouched.
    #[error("{path} is not a Postgres data directory; move it away, or use another data directory")]
    NotACluster { path: PathBuf },
    /// `initdb` failed.
    #[error("could not initialise {path}: {output}")]
    NotInitialised { path: PathBuf, output: String },
    /// The first database could not be made.
    #[error("could not create the database {name:?}: {output}")]
    DatabaseNotCreated { name: String, output: String },
    /// A name Postgres would refuse or cut off.
    #[error(
        "{name:?} cannot name a {what}; use 1 to 63 bytes without control characters, \
         not starting with pg_"
    )]
    BadName { what: &'static str, name: String },
    /// A setting that decides about durability or privacy, which are not up for choice.
    #[error(
        "the setting {name:?} cannot be changed on the private Postgres; set database.url instead"
    )]
    ReservedSetting { name: String },
    /// A setting Postgres could not parse.
    #[error("{name:?} is not the name of a Postgres setting")]
    BadSetting { name: String },
    /// The socket directory would let others in, or cannot hold a socket.
    #[error("cannot use {dir} for the socket: {why}")]
    SocketDir { dir: PathBuf, why: String },
    /// The server ended while it was starting.
    #[error("Postgres ended while starting; its last words: {log}")]
    EndedAtStart { log: String },
    /// The server was not ready in time. It has been told to stop.
    #[error("Postgres was not ready after {seconds} s; its last words: {log}")]
    NotReady { seconds: u64, log: String },
    /// Processes of an earlier server would not end, so it is not safe to start another.
    #[error("processes {pids} of an earlier server still use {data}; stop them and start again")]
    StillRunning { data: PathBuf, pids: String },
    /// The keeper of the server is gone, which only a bug can cause.
    #[error("the thread that keeps Postgres is gone")]
    KeeperGone,
    /// A file or directory could not be read, made or changed.
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The passwd database could not be read.
    #[error("cannot look up the user {user}")]
    Lookup { user: String, source: io::Error },
    /// A program could not be started or waited for.
    #[error("cannot run {program}")]
    Program { program: PathBuf, source: io::Error },
    /// A statement of the test support failed.
    #[error("psql refused {statement:?}: {output}")]
    Statement { statement: String, output: String },
}

impl Error {
    /// Turns an I/O error into one that says what was attempted, and on which path.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
