//! How processes that know nothing of each other come to share one server.
//!
//! Three locks, always taken in this order:
//! 1. `users.lock`, shared, for life: the keeper stops the server only when it gets it exclusively;
//! 2. `start.lock`, exclusive, while joining: one process starts, the others find it started.
//!
//! The keeper holds the first exclusively from its decision to stop until everything is removed,
//! so nobody can join a server that is on its way out.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::{Cluster, USER};
use crate::binaries::{Binaries, find_binaries};
use crate::child;
use crate::cluster::Plan;
use crate::directory::{self, PRIVATE};
use crate::error::Error;
use crate::identity::Identity;
use crate::leftovers;
use crate::log::Log;
use crate::patience;
use crate::pidfile;
use crate::settings;
use crate::socket;
use crate::sys;

const KEEPER: &str = include_str!("keeper.sh");
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Many test processes with a pool each share the server, and their data fits in little memory.
const SETTINGS: [(&str, &str); 6] = [
    ("max_connections", "300"),
    ("shared_buffers", "128MB"),
    // With `fsync` off a checkpoint is only work; these keep it from happening on its own.
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
];

pub(super) fn join(dir: &Path, grace: Duration) -> Result<Cluster, Error> {
    let identity = Identity::resolve(None)?;
    let base = ready_base(dir, &identity)?;
    let user = open_lock(&base.join("users.lock"), &identity)?;
    user.lock_shared()
        .map_err(Error::file("lock", &base.join("users.lock")))?;
    let starting = open_lock(&base.join("start.lock"), &identity)?;
    starting
        .lock()
        .map_err(Error::file("lock", &base.join("start.lock")))?;
    let cluster = base.join("cluster");
    let binaries = find_binaries(None, None)?;
    let pid = match alive(&cluster) {
        Some(pid) => pid,
        None => {
            let starter = Starter {
                base: &base,
                cluster: &cluster,
                binaries: &binaries,
                identity: &identity,
            };
            starter.start(grace)?
        }
    };
    let used = cluster.join("used");
    File::create(&used).map_err(Error::file("write", &used))?;
    Ok(Cluster {
        socket_dir: cluster.join("socket"),
        bin_dir: binaries.dir,
        dir: cluster,
        pid,
        _user: user,
    })
}

/// The directory must be the server's user's alone: its name can be guessed.
fn ready_base(dir: &Path, identity: &Identity) -> Result<PathBuf, Error> {
    if let Some(parent) = dir.parent() {
        directory::ensure(parent, directory::OPEN)?;
    }
    let base = std::path::absolute(dir).map_err(Error::file("find", dir))?;
    directory::make(&base, PRIVATE)?;
    let metadata = base
        .symlink_metadata()
        .map_err(Error::file("read", &base))?;
    // As root it is root's until the line below, which may have been another process's to do.
    let ours = [identity.uid, sys::effective_uid()].contains(&metadata.uid());
    if !metadata.is_dir() || !ours {
        return Err(Error::WrongOwner {
            path: base,
            owner: metadata.uid(),
            wanted: identity.name.clone(),
        });
    }
    identity.give(&base)?;
    base.canonicalize().map_err(Error::file("find", dir))
}

fn open_lock(path: &Path, identity: &Identity) -> Result<File, Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::file("open", path))?;
    identity.give(path)?;
    Ok(file)
}

/// The server in `cluster`, when it is one and accepts connections.
fn alive(cluster: &Path) -> Option<u32> {
    let data = cluster.join("data");
    let file = pidfile::read(&data).filter(|file| file.ready)?;
    leftovers::processes(&data)
        .contains(&file.pid)
        .then_some(file.pid)
}

/// Starts the server in `base`, whose locks are held.
struct Starter<'a> {
    base: &'a Path,
    cluster: &'a Path,
    binaries: &'a Binaries,
    identity: &'a Identity,
}

impl Starter<'_> {
    fn start(&self, grace: Duration) -> Result<u32, Error> {
        let socket_dir = self.cluster.join("socket");
        if !socket::fits(&socket_dir) {
            return Err(Error::SocketDir {
                dir: socket_dir,
                why: "its path is too long for a socket; set TMPDIR to a shorter one".to_owned(),
            });
        }
        self.sweep(&socket_dir)?;
        for dir in [self.cluster, &socket_dir] {
            directory::make(dir, PRIVATE)?;
            self.identity.give(dir)?;
        }
        let plan = Plan {
            data_dir: self.cluster,
            bin_dir: Some(&self.binaries.dir),
            user: USER,
            database: USER,
            durable: false,
            identity: self.identity,
        };
        plan.prepare(&socket_dir)?;
        self.spawn_keeper(&socket_dir, grace)?;
        self.wait_until_ready()
    }

    /// Removes what a run that was cut off left behind; the data is for tests and worth nothing.
    fn sweep(&self, socket_dir: &Path) -> Result<(), Error> {
        if !self.cluster.exists() {
            return Ok(());
        }
        leftovers::clear(&self.cluster.join("data"), socket_dir)?;
        std::fs::remove_dir_all(self.cluster).map_err(Error::file("remove", self.cluster))
    }

    fn spawn_keeper(&self, socket_dir: &Path, grace: Duration) -> Result<(), Error> {
        let shell = Path::new("/bin/sh");
        let log = Log::in_dir(self.cluster);
        let log_file = log.open()?;
        let log_copy = log_file
            .try_clone()
            .map_err(Error::file("open", log.path()))?;
        let extra = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut command = child::command(shell, self.base, self.identity);
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(self.binaries.program("postgres"))
            .arg(self.base)
            .arg(grace.as_secs().max(1).to_string())
            .args(settings::arguments(socket_dir, false, &extra))
            // Nothing of the test's own may stay open here, or its runner would wait for us.
            .stdin(Stdio::null())
            .stdout(Stdio::from(log_copy))
            .stderr(Stdio::from(log_file));
        sys::in_own_session(&mut command);
        let mut keeper = command
            .spawn()
            .map_err(|source| child::not_spawned(source, shell, self.base, self.identity))?;
        // Reaped when it ends before we do; afterwards it is process 1's.
        std::thread::spawn(move || keeper.wait());
        Ok(())
    }

    fn wait_until_ready(&self) -> Result<u32, Error> {
        let mut pid = None;
        patience::until(READY_LIMIT, || {
            pid = alive(self.cluster);
            pid.is_some()
        });
        pid.ok_or_else(|| Error::NotReady {
            seconds: READY_LIMIT.as_secs(),
            log: Log::in_dir(self.cluster).last_words(0),
        })
    }
}
