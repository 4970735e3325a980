//! Ends what an earlier server left behind, before another one touches the same data.
//!
//! Two sorts of leftovers matter. Processes: a postmaster whose owner died, or backends whose
//! postmaster was killed and which still finish a statement; a second server beside them would
//! destroy the data. And lock files naming a process id that is dead, a zombie nobody reaps (as in
//! containers) or somebody else's by now: Postgres refuses to start over the last two.
//!
//! The caller holds `owner.lock`, so no server of ours can appear meanwhile. Every process of a
//! server has the data directory as its working directory, which `/proc` shows. Without `/proc`
//! nothing is touched, and Postgres's own checks decide.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::patience;
use crate::pidfile;
use crate::socket;
use crate::sys::{self, Signal};

/// A fast shutdown writes a checkpoint first; after this long it is cut short, which loses
/// nothing: the next start replays the log.
const PATIENCE: Duration = Duration::from_secs(20);
/// Backends without a postmaster end by themselves as soon as they look up.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(2);

/// Stops every server process in `data`, then removes the lock files it left.
///
/// # Errors
/// [`Error::StillRunning`] when a process would not end. There is no kill: the data comes first.
pub(crate) fn clear(data: &Path, socket_dir: &Path) -> Result<(), Error> {
    if !Path::new("/proc/self/cwd").exists() || !data.exists() {
        return Ok(());
    }
    if !processes(data).is_empty() {
        tracing::info!("stopping an earlier server in {}", data.display());
        stop(data)?;
    }
    remove_lock_files(data, socket_dir)
}

/// The ids of the server processes that work in `data`. Zombies have no working directory.
pub(crate) fn processes(data: &Path) -> Vec<u32> {
    let (Ok(here), Ok(entries)) = (data.metadata(), std::fs::read_dir("/proc")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| works_in(pid, &here))
        .collect()
}

/// A person's shell may stand in the directory too, hence the look at the name.
fn works_in(pid: u32, here: &Metadata) -> bool {
    let same = std::fs::metadata(format!("/proc/{pid}/cwd"))
        .is_ok_and(|there| there.dev() == here.dev() && there.ino() == here.ino());
    same && std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| matches!(name.trim(), "postgres" | "postmaster"))
}

fn stop(data: &Path) -> Result<(), Error> {
    let alive = processes(data);
    let postmaster = pidfile::read(data)
        .map(|file| file.pid)
        .filter(|pid| alive.contains(pid));
    match postmaster {
        Some(pid) => {
            signal(&[pid], Signal::Interrupt);
            if !ended(data, PATIENCE) {
                signal(&[pid], Signal::Quit);
            }
        }
        None if !ended(data, ORPHAN_PATIENCE) => signal(&processes(data), Signal::Quit),
        None => {}
    }
    if ended(data, PATIENCE) {
        return Ok(());
    }
    let pids: Vec<String> = processes(data).iter().map(u32::to_string).collect();
    Err(Error::StillRunning {
        data: data.to_owned(),
        pids: pids.join(", "),
    })
}

fn signal(pids: &[u32], signal: Signal) {
    for &pid in pids {
        // It may have ended since we looked; whether it is gone is asked afterwards anyway.
        let _ = sys::send(pid, signal);
    }
}

fn ended(data: &Path, limit: Duration) -> bool {
    patience::until(limit, || processes(data).is_empty())
}

fn remove_lock_files(data: &Path, socket_dir: &Path) -> Result<(), Error> {
    remove(&pidfile::path(data))?;
    // The socket's lock file has the same first lines; line 2 says whose it is.
    let lock_file = socket::lock_file(socket_dir);
    let ours = std::fs::read_to_string(&lock_file).is_ok_and(|text| {
        text.lines()
            .nth(1)
            .is_some_and(|line| Path::new(line) == data)
    });
    if ours {
        remove(&lock_file)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file("remove", path)(error)),
    }
}
