//! One life of the server process: from its spawn to its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Error;
use crate::binaries::Binaries;
use crate::child;
use crate::identity::Identity;
use crate::leftovers;
use crate::log::Log;
use crate::patience;
use crate::pidfile;
use crate::sys::{self, Signal};

/// Replaying the log after a crash can take long; most of it is bounded by `max_wal_size`.
const READY_LIMIT: Duration = Duration::from_secs(60);
const SAY_RECOVERING_AFTER: Duration = Duration::from_secs(1);
/// A fast shutdown that takes longer is cut short; the log makes up for it at the next start.
const FAST_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);

/// Everything needed to start the server, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) binaries: Binaries,
    pub(crate) identity: Identity,
    /// The cluster itself, `data_dir/data`.
    pub(crate) data: PathBuf,
    pub(crate) socket_dir: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) log: Log,
}

#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    launch: Launch,
}

impl Postmaster {
    /// Starts the server and waits until it accepts connections, or until `give_up` is set.
    ///
    /// Must be called on a thread that outlives the server: the kernel stops the server when that
    /// thread ends.
    pub(crate) fn start(launch: &Launch, give_up: &AtomicBool) -> Result<Self, Error> {
        leftovers::clear(&launch.data, &launch.socket_dir)?;
        launch.log.rotate_if_full()?;
        let log_start = launch.log.length();
        let mut postmaster = Self {
            child: spawn(launch)?,
            launch: launch.clone(),
        };
        match postmaster.wait_until_ready(log_start, give_up) {
            Ok(()) => Ok(postmaster),
            Err(error) => {
                postmaster.stop()?;
                Err(error)
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended. Also when somebody else reaped it, as an init would.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the server: fast, then immediately, never by a kill.
    ///
    /// # Errors
    /// [`Error::StillRunning`] when it ignores both.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        let steps = [
            (Signal::Interrupt, FAST_LIMIT),
            (Signal::Quit, IMMEDIATE_LIMIT),
        ];
        for (signal, limit) in steps {
            // Only sent while the child is not reaped, so the id cannot be somebody else's.
            if self.has_ended() {
                return Ok(());
            }
            let _ = sys::send(self.pid(), signal);
            if patience::until(limit, || self.has_ended()) {
                return Ok(());
            }
        }
        Err(Error::StillRunning {
            data: self.launch.data.clone(),
            pids: self.pid().to_string(),
        })
    }

    fn wait_until_ready(&mut self, log_start: u64, give_up: &AtomicBool) -> Result<(), Error> {
        let start = Instant::now();
        let mut said = false;
        let mut fault = false;
        let ready = patience::until(READY_LIMIT, || {
            if !said && start.elapsed() > SAY_RECOVERING_AFTER {
                said = true;
                tracing::info!("waiting for Postgres, which is recovering from its log");
            }
            fault = self.has_ended() || give_up.load(Ordering::Relaxed);
            fault || self.is_ready()
        });
        if ready && !fault {
            return Ok(());
        }
        let log = self.launch.log.last_words(log_start);
        if self.has_ended() {
            return Err(Error::EndedAtStart { log });
        }
        Err(Error::NotReady {
            seconds: start.elapsed().as_secs(),
            log,
        })
    }

    /// The file may still be an earlier server's, so the process id must be our child's.
    fn is_ready(&self) -> bool {
        pidfile::read(&self.launch.data).is_some_and(|file| file.ready && file.pid == self.pid())
    }
}

fn spawn(launch: &Launch) -> Result<Child, Error> {
    let program = launch.binaries.program("postgres");
    let log = launch.log.open()?;
    let log_copy = log
        .try_clone()
        .map_err(Error::file("open", launch.log.path()))?;
    let mut command = child::command(&program, &launch.data, &launch.identity);
    command
        .arg("-D")
        .arg(&launch.data)
        .args(&launch.arguments)
        .stdout(Stdio::from(log_copy))
        .stderr(Stdio::from(log));
    sys::in_own_session(&mut command);
    sys::tied_to_this_thread(&mut command, Signal::Interrupt);
    command
        .spawn()
        .map_err(|source| child::not_spawned(source, &program, &launch.data, &launch.identity))
}
