//! Keeps the server alive, on a thread of its own.
//!
//! The thread is not a convenience. The kernel ties a child's life to the **thread** that spawned
//! it, so spawning from a pool thread would stop the server whenever the pool shrinks. This thread
//! spawns, restarts, stops and reaps; a second one only waits for the death of the child and
//! reports it, so that a crash is noticed at once and an idle server costs no wake-ups.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::Error;
use crate::postmaster::{Launch, Postmaster};
use crate::sys;

/// More crashes than this in [`RESTART_WINDOW`] are no accident, and restarting hides the cause.
const MAX_RESTARTS: usize = 5;
const RESTART_WINDOW: Duration = Duration::from_secs(600);
const LOG_CHECK: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum Event {
    Stop,
    Ended { pid: u32 },
}

#[derive(Debug, Default)]
struct Shared {
    /// 0 while no server runs.
    pid: AtomicU32,
    restarts: AtomicU32,
    stopping: AtomicBool,
}

/// The handle of the thread. Dropping it stops the server and waits for its end.
#[derive(Debug)]
pub(crate) struct Supervisor {
    events: Sender<Event>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Supervisor {
    /// Starts the server; returns when it accepts connections.
    pub(crate) fn start(launch: Launch) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let (events, inbox) = channel();
        let (first, answer) = channel();
        let keeper = Keeper {
            launch,
            shared: Arc::clone(&shared),
            events: events.clone(),
            inbox,
            crashes: VecDeque::new(),
        };
        let thread = Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || keeper.run(&first))
            .map_err(|source| Error::Program {
                program: "the keeper thread".into(),
                source,
            })?;
        answer.recv().map_err(|_| Error::KeeperGone)??;
        Ok(Self {
            events,
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        Some(self.shared.pid.load(Ordering::Acquire)).filter(|&pid| pid != 0)
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// Stops the server. Doing it twice is fine.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.shared.stopping.store(true, Ordering::Relaxed);
        // A keeper that has given up is not listening; joining it is all that is left.
        let _ = self.events.send(Event::Stop);
        thread.join().map_err(|_| Error::KeeperGone)?
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "could not stop Postgres: {error}");
        }
    }
}

struct Keeper {
    launch: Launch,
    shared: Arc<Shared>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    /// When the server crashed, oldest first, within [`RESTART_WINDOW`].
    crashes: VecDeque<Instant>,
}

impl Keeper {
    fn run(mut self, first: &Sender<Result<(), Error>>) -> Result<(), Error> {
        // Nobody is left to answer only when the caller's thread died, and then we stop too.
        let mut postmaster = match self.launch() {
            Ok(postmaster) => {
                let _ = first.send(Ok(()));
                postmaster
            }
            Err(error) => {
                let _ = first.send(Err(error));
                return Ok(());
            }
        };
        loop {
            match self.inbox.recv_timeout(LOG_CHECK) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.shared.pid.store(0, Ordering::Release);
                    return postmaster.stop();
                }
                Ok(Event::Ended { pid }) if pid == postmaster.pid() => {
                    self.shared.pid.store(0, Ordering::Release);
                    postmaster.has_ended();
                    match self.heal() {
                        Some(healed) => postmaster = healed,
                        None => return Ok(()),
                    }
                }
                Ok(Event::Ended { .. }) => {}
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.launch.log.rotate_if_full() {
                        tracing::warn!(%error, "could not rotate the log of Postgres");
                    }
                }
            }
        }
    }

    fn launch(&self) -> Result<Postmaster, Error> {
        let postmaster = Postmaster::start(&self.launch, &self.shared.stopping)?;
        let pid = postmaster.pid();
        self.shared.pid.store(pid, Ordering::Release);
        let events = self.events.clone();
        let watch = move || {
            sys::wait_without_reaping(pid);
            let _ = events.send(Event::Ended { pid });
        };
        Builder::new()
            .name("postgres-watch".to_owned())
            .spawn(watch)
            .map_err(|source| Error::Program {
                program: "the watching thread".into(),
                source,
            })?;
        Ok(postmaster)
    }

    /// Starts the server again after a crash; `None` when told to stop or when it is hopeless.
    fn heal(&mut self) -> Option<Postmaster> {
        loop {
            self.crashes.push_back(Instant::now());
            self.crashes.retain(|at| at.elapsed() < RESTART_WINDOW);
            if self.crashes.len() > MAX_RESTARTS {
                let path = self.launch.log.path().display();
                tracing::error!("Postgres crashed {MAX_RESTARTS} times in 10 minutes, see {path}");
                return None;
            }
            tracing::warn!("Postgres ended unexpectedly, starting it again");
            if self.told_to_stop_within(backoff(self.crashes.len())) {
                return None;
            }
            match self.launch() {
                Ok(postmaster) => {
                    self.shared.restarts.fetch_add(1, Ordering::Relaxed);
                    return Some(postmaster);
                }
                Err(error) => tracing::error!(%error, "could not start Postgres again: {error}"),
            }
        }
    }

    fn told_to_stop_within(&self, span: Duration) -> bool {
        let deadline = Instant::now() + span;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(Event::Ended { .. }) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }
}

/// The first crash is healed at once, for most are one of a kind; then 0.2, 0.8, 3.2, 12.8 s.
fn backoff(crashes: usize) -> Duration {
    match u32::try_from(crashes).unwrap_or(u32::MAX) {
        0 | 1 => Duration::ZERO,
        more => Duration::from_millis(200) * 4_u32.saturating_pow(more.min(6) - 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_the_next_wait_ever_longer() {
        let waits: Vec<u128> = (1..=5)
            .map(|crashes| backoff(crashes).as_millis())
            .collect();

        assert_eq!(waits, [0, 200, 800, 3200, 12_800]);
    }
}
