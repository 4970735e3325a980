//! The server as its owner sees it.

use std::path::{Path, PathBuf};

use crate::cluster::{self, Plan};
use crate::database;
use crate::directory::{self, OPEN, PRIVATE};
use crate::error::Error;
use crate::identity::Identity;
use crate::log::Log;
use crate::options::Options;
use crate::owner::{Lock, Running};
use crate::postmaster::Launch;
use crate::settings;
use crate::socket::SocketDir;
use crate::supervisor::Supervisor;
use crate::sys;
use crate::url;

/// A private Postgres that lives as long as this value. Dropping it stops the server cleanly.
///
/// However the process ends, the server ends as well, and no committed row is lost.
#[derive(Debug)]
pub struct Server {
    supervisor: Supervisor,
    socket_dir: SocketDir,
    bin_dir: PathBuf,
    version: String,
    user: String,
    log: Log,
    // Declared last and so dropped last: nobody may touch the data while the server still ends.
    _lock: Lock,
}

impl Server {
    /// Starts the server of `options.data_dir` and returns when it accepts connections.
    ///
    /// Makes the cluster the first time (about half a second), and `options.database` whenever it
    /// is missing. Stops a server that an earlier owner left behind. Blocks for up to a minute
    /// when the log must be replayed.
    ///
    /// # Errors
    /// [`Error::Owned`] when another live process owns the directory; [`Error::NoBinaries`],
    /// [`Error::MajorMismatch`] or [`Error::NoSuchUser`] when something must be installed first;
    /// [`Error::ReservedSetting`], [`Error::BadSetting`] or [`Error::BadName`] for options that
    /// cannot be; [`Error::EndedAtStart`] or [`Error::NotReady`] with the server's last words.
    pub fn start(options: &Options) -> Result<Self, Error> {
        database::check_name("database", &options.database)?;
        database::check_name("role", &options.user)?;
        settings::check(&options.settings)?;
        let identity = Identity::resolve(options.run_as.as_deref())?;
        let data_dir = ready_data_dir(&options.data_dir)?;
        let mut lock = Lock::take(&data_dir)?;
        warn_when_first_process();
        let socket_dir = SocketDir::prepare(options.socket_dir.as_deref(), &data_dir, &identity)?;
        let plan = Plan {
            data_dir: &data_dir,
            bin_dir: options.bin_dir.as_deref(),
            user: &options.user,
            database: &options.database,
            durable: options.durable,
            identity: &identity,
        };
        let log = Log::in_dir(&data_dir);
        let started = plan.prepare(&socket_dir.path).and_then(|binaries| {
            let launch = Launch {
                data: cluster::data(&data_dir),
                socket_dir: socket_dir.path.clone(),
                arguments: settings::arguments(
                    &socket_dir.path,
                    options.durable,
                    &options.settings,
                ),
                log: log.clone(),
                binaries: binaries.clone(),
                identity,
            };
            Supervisor::start(launch).map(|supervisor| (supervisor, binaries))
        });
        let (supervisor, binaries) = started.inspect_err(|_| socket_dir.release())?;
        lock.announce(&Running {
            pid: std::process::id(),
            socket_dir: socket_dir.path.clone(),
            user: options.user.clone(),
            database: options.database.clone(),
        })?;
        Ok(Self {
            supervisor,
            socket_dir,
            bin_dir: binaries.dir,
            version: binaries.version,
            user: options.user.clone(),
            log,
            _lock: lock,
        })
    }

    /// The address of `database` on this server, for sqlx, psql and everything built on libpq.
    ///
    /// The database need not exist; only `options.database` is certain to.
    pub fn url(&self, database: &str) -> String {
        url::url(&self.socket_dir.path, &self.user, database)
    }

    /// The directory of the socket. Not always `options.socket_dir`: a path can be too long.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir.path
    }

    /// The directory of the programs in use, where `psql` and `pg_dump` usually are too.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The version in use, as `15.18`, with what the distribution added.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's process id; `None` while it is being started again, and after it was given up.
    pub fn pid(&self) -> Option<u32> {
        self.supervisor.pid()
    }

    /// How often the server was started again after a crash.
    pub fn restarts(&self) -> u32 {
        self.supervisor.restarts()
    }

    /// The file with what the server said.
    pub fn log_path(&self) -> PathBuf {
        self.log.path().to_owned()
    }

    /// Stops the server and says whether that went well. Close all pools first: what is still
    /// connected is rolled back and cut off.
    ///
    /// # Errors
    /// [`Error::StillRunning`] when it does not end within 30 seconds.
    pub fn stop(mut self) -> Result<(), Error> {
        self.supervisor.stop()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.supervisor.stop() {
            tracing::error!(%error, "could not stop Postgres: {error}");
        }
        self.socket_dir.release();
    }
}

/// Makes the directory and frees its path of links, so that one directory has one name.
///
/// As root it stays root's, and only what is inside is given away. The children must pass through
/// it, and must not be able to put a link where root will later write.
fn ready_data_dir(dir: &Path) -> Result<PathBuf, Error> {
    let mode = if sys::effective_uid() == 0 {
        OPEN
    } else {
        PRIVATE
    };
    let absolute = std::path::absolute(dir).map_err(Error::file("find", dir))?;
    directory::ensure(&absolute, mode)?;
    absolute.canonicalize().map_err(Error::file("find", dir))
}

/// Orphans of a crashed server are handed to process 1, which must reap them.
fn warn_when_first_process() {
    if std::process::id() == 1 {
        tracing::warn!("running as process 1: use an init that reaps, as `docker run --init`");
    }
}
