//! What a caller can choose.

use std::path::PathBuf;

use crate::environment;

/// How to run the private Postgres. Start from [`Options::new`] and change what you must.
#[derive(Debug, Clone)]
pub struct Options {
    /// The parent of everything we keep: `data/`, `owner.lock`, `postgres.log`. Made when missing.
    pub data_dir: PathBuf,
    /// Where the socket goes. `None`: a directory of its own under `$RUNTIME_DIRECTORY`,
    /// `$XDG_RUNTIME_DIR/lockstep` or `/run/lockstep`. A path too long for a socket (107 bytes,
    /// `sockaddr_un`) falls back to a directory in the temporary directory.
    pub socket_dir: Option<PathBuf>,
    /// The directory with `postgres` and `initdb`. `None`: look in the usual places.
    pub bin_dir: Option<PathBuf>,
    /// The user the server runs as when we are root. `None`: `postgres`.
    pub run_as: Option<String>,
    /// `false` switches `fsync` and its friends off: a power cut may then destroy everything.
    /// Only for tests.
    pub durable: bool,
    /// More server settings. Those that decide about durability or privacy are refused.
    pub settings: Vec<(String, String)>,
    /// A database that exists when [`Server::start`](crate::Server::start) returns.
    pub database: String,
    /// The role that owns everything. Fixed when the data directory is first made.
    pub user: String,
}

impl Options {
    /// The defaults for `data_dir`: durable, database and role `lockstep`, everything else found.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            socket_dir: None,
            bin_dir: None,
            run_as: None,
            durable: true,
            settings: Vec::new(),
            database: "lockstep".to_owned(),
            user: "lockstep".to_owned(),
        }
    }

    /// Where data goes when nobody says where: `$STATE_DIRECTORY/pg` (systemd), for root
    /// `/var/lib/lockstep/pg`, else `$XDG_DATA_HOME/lockstep/pg` (`~/.local/share/lockstep/pg`).
    pub fn default_data_dir() -> PathBuf {
        environment::data_dir()
    }
}
