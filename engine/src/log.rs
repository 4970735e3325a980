//! Logs of attempts: what a handler says with `tracing` inside its attempt's span is kept with the job.
//! Lines are redacted and capped as they are said, gathered in memory, and written every few seconds and
//! soon after the attempt has ended, by a task of its own: a settle carries none of it, and an attempt
//! that says nothing costs a look at its span. A process that is killed loses what it has not written.

mod buffer;
mod layer;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use uuid::Uuid;

pub(crate) use buffer::{Buffer, Kept};
pub(crate) use layer::ATTEMPT_SPAN;
pub use layer::LogLayer;

/// An attempt: its job and its number.
pub(crate) type Key = (Uuid, i32);

/// Which lines are kept, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// From this level on.
    pub level: Level,
    /// Of attempts that failed, or of all.
    pub of: LogsOf,
    /// Lines of one attempt at most, half of them the first and half the last.
    pub max_lines: usize,
    /// Bytes of their text, likewise.
    pub max_bytes: usize,
}

/// Whose lines are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogsOf {
    /// Of every attempt.
    All,
    /// Of attempts that failed; those of one that runs are kept until it is known.
    Failed,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            level: Level::INFO,
            of: LogsOf::All,
            max_lines: 200,
            max_bytes: 32 * 1_024,
        }
    }
}

/// One thing that an attempt said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    /// Counts from 1 within the attempt; a gap is what was left out.
    pub n: i64,
    /// When, by the database's clock at the attempt's start and the worker's since.
    pub at: Timestamp,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// The module that said it.
    pub target: String,
    /// The message and its fields, redacted.
    pub text: String,
}

/// What one attempt said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptLog {
    /// Its number.
    pub attempt: i32,
    /// Its first and its last lines, in order.
    pub lines: Vec<LogLine>,
    /// How many between them are not here.
    pub left_out: i64,
}

/// Where the lines of this process's attempts are gathered. A client has one that nothing reaches; to
/// keep logs, make one, install its [`Logs::layer`], [`Logs::start`] it and give it to the client whose
/// workers run the jobs. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Logs(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    options: Mutex<LogOptions>,
    /// 0 is off, 5 is trace.
    level: AtomicU8,
    /// Attempts that have said something that is not written yet. Locked before `on_trial`.
    unwritten: Mutex<HashMap<Key, Arc<Buffer>>>,
    /// Attempts of which something is written though it may turn out not to be wanted.
    on_trial: Mutex<HashSet<Key>>,
    /// Attempts whose written lines turned out not to be wanted.
    unwanted: Mutex<Vec<Key>>,
    /// Rings when an attempt with lines has ended.
    ended: Notify,
}

impl Logs {
    /// Gathers nothing before it is started.
    pub fn new() -> Logs {
        Logs::default()
    }

    /// What the process's subscriber needs. Install it once.
    pub fn layer(&self) -> LogLayer {
        LogLayer::new(self.clone())
    }

    /// Gathers from now on, or otherwise than before.
    pub fn start(&self, options: LogOptions) {
        *lock(&self.0.options) = options;
        self.0.level.store(rank(options.level), Relaxed);
        // Who logs has asked before whether anybody wants it.
        tracing::callsite::rebuild_interest_cache();
    }

    /// From which level on lines are wanted.
    pub(crate) fn level(&self) -> LevelFilter {
        match self.0.level.load(Relaxed) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }

    pub(crate) fn options(&self) -> LogOptions {
        *lock(&self.0.options)
    }

    /// An attempt has said something new.
    fn is_unwritten(&self, buffer: &Arc<Buffer>) {
        lock(&self.0.unwritten).insert(buffer.key, buffer.clone());
    }

    /// An attempt has ended: what it said is written soon, or not wanted.
    pub(crate) fn ended(&self, key: Key, failed: bool) {
        let is_wanted = failed || self.options().of == LogsOf::All;
        // Both at once: between them it would be in neither while it is taken to be written.
        let mut unwritten = lock(&self.0.unwritten);
        let was_written = lock(&self.0.on_trial).remove(&key);
        if is_wanted {
            if unwritten.contains_key(&key) {
                self.0.ended.notify_one();
            }
            return;
        }
        if let Some(buffer) = unwritten.remove(&key) {
            buffer.discard();
        }
        drop(unwritten);
        if was_written {
            lock(&self.0.unwanted).push(key);
            self.0.ended.notify_one();
        }
    }

    /// Waits until an attempt with lines has ended.
    pub(crate) async fn an_end(&self) {
        self.0.ended.notified().await;
    }

    /// What is to be written, at most so many attempts, and those whose lines are not wanted after all.
    /// Whoever cannot write it puts it back.
    pub(crate) fn take(&self, most: usize) -> (Vec<Arc<Buffer>>, Vec<Key>) {
        let mut unwritten = lock(&self.0.unwritten);
        let keys: Vec<Key> = unwritten.keys().take(most).copied().collect();
        let taken: Vec<_> = keys
            .iter()
            .filter_map(|key| unwritten.remove(key))
            .collect();
        if self.options().of == LogsOf::Failed {
            lock(&self.0.on_trial).extend(keys);
        }
        drop(unwritten);
        (taken, std::mem::take(&mut *lock(&self.0.unwanted)))
    }

    pub(crate) fn put_back(&self, buffers: Vec<Arc<Buffer>>, unwanted: Vec<Key>) {
        let mut unwritten = lock(&self.0.unwritten);
        for buffer in buffers {
            unwritten.insert(buffer.key, buffer);
        }
        drop(unwritten);
        lock(&self.0.unwanted).extend(unwanted);
    }
}

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Nothing under these locks can stop half way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn nothing_is_kept_of_an_attempt_that_ends_well_while_it_is_taken_to_be_written() {
        let logs = Logs::new();
        let options = LogOptions {
            of: LogsOf::Failed,
            ..LogOptions::default()
        };
        logs.start(options);
        let all_ended = AtomicBool::new(false);

        let kept = std::thread::scope(|threads| {
            let scribe = threads.spawn(|| {
                let mut kept = HashSet::new();
                loop {
                    let is_last = all_ended.load(Relaxed);
                    let (buffers, unwanted) = logs.take(100);
                    kept.extend(buffers.iter().map(|buffer| buffer.key));
                    for key in &unwanted {
                        kept.remove(key);
                    }
                    if is_last && buffers.is_empty() && unwanted.is_empty() {
                        return kept;
                    }
                }
            });
            for n in 0..200_000 {
                let buffer = Arc::new(Buffer::new((Uuid::from_u128(n), 1)));
                assert!(buffer.push("INFO", "t", "x", &options));
                logs.is_unwritten(&buffer);
                logs.ended(buffer.key, false);
            }
            all_ended.store(true, Relaxed);
            scribe.join().unwrap()
        });

        assert_eq!(kept.len(), 0, "of 200,000 attempts");
    }
}
