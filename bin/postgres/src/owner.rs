//! Who owns a data directory, and where the owner's server listens.
//!
//! The lock is `flock` on `owner.lock`: the kernel frees it when the owner dies, however that
//! happens, so it can never be stale. The file's text is only information, and only true while the
//! lock is held.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::patience;
use crate::url;

/// [`running`] holds the lock for an instant; an owner to be waits that long and no longer.
const LOOKING: Duration = Duration::from_millis(200);

/// A server another process owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The owner's process id, not the server's.
    pub pid: u32,
    /// The directory of the server's socket.
    pub socket_dir: PathBuf,
    /// The role that owns everything.
    pub user: String,
    /// The database the owner uses.
    pub database: String,
}

impl Running {
    /// The address of `database` on this server, as [`Server::url`](crate::Server::url).
    pub fn url(&self, database: &str) -> String {
        url::url(&self.socket_dir, &self.user, database)
    }
}

/// Looks whether a live owner has a server ready in `data_dir`, without disturbing it.
///
/// `None` when nobody owns it, when its owner is still starting, and when we may not look.
pub fn running(data_dir: &Path) -> Option<Running> {
    let mut file = File::open(path(data_dir)).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    parse(&text)
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock on `data_dir`.
    ///
    /// # Errors
    /// [`Error::Owned`] when another live process has it.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Error> {
        let path = path(data_dir);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        let mut outcome = Ok(());
        patience::until(LOOKING, || {
            outcome = file.try_lock();
            !matches!(outcome, Err(TryLockError::WouldBlock))
        });
        match outcome {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Owned {
                    data_dir: data_dir.to_owned(),
                    pid: running(data_dir).map(|owner| owner.pid),
                });
            }
        }
        let mut lock = Self { file, path };
        lock.write(&[])?;
        Ok(lock)
    }

    /// Tells the world where the server listens, now that it does.
    pub(crate) fn announce(&mut self, running: &Running) -> Result<(), Error> {
        let head = format!("{}\n{}\n{}\n", running.pid, running.user, running.database);
        let mut text = head.into_bytes();
        // The path comes last and runs to the end of the file, for it may hold anything.
        text.extend_from_slice(running.socket_dir.as_os_str().as_bytes());
        self.write(&text)
    }

    fn write(&mut self, text: &[u8]) -> Result<(), Error> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(text)
        };
        write().map_err(Error::file("write", &self.path))
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("owner.lock")
}

fn parse(text: &[u8]) -> Option<Running> {
    let mut parts = text.splitn(4, |&byte| byte == b'\n');
    let mut word = || String::from_utf8(parts.next()?.to_vec()).ok();
    let (pid, user, database) = (word()?, word()?, word()?);
    let socket_dir = parts.next().filter(|path| !path.is_empty())?;
    Some(Running {
        pid: pid.parse().ok()?,
        socket_dir: PathBuf::from(std::ffi::OsString::from_vec(socket_dir.to_vec())),
        user,
        database,
    })
}
