//! The record of every call: the truth behind a claim such as "without one call refused".

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::locked::lock;

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Every call that reached the endpoint, refused ones too.
    pub calls: u64,
    pub by_operation: BTreeMap<String, u64>,
    pub by_outcome: BTreeMap<Outcome, u64>,
    /// Only calls that named an account, or something of it, in their arguments.
    pub by_account: BTreeMap<String, AccountStats>,
    pub tokens_spent: u64,
    pub max_concurrent: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStats {
    pub calls: u64,
    pub refused: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Served,
    /// Served with errors in the body, none of them `Forbidden`.
    Partial,
    /// An error in the body says `Forbidden`.
    Forbidden,
    /// The document does not parse or does not fit the schema.
    Invalid,
    RateLimited,
    Unauthenticated,
    /// An injected fault spoilt the call.
    Faulted,
}

impl Outcome {
    /// Whether the vendor declined to do what was asked. An injected fault is no refusal, and
    /// neither is an error inside a reply that was served.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unauthenticated | Self::Forbidden | Self::Invalid
        )
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// From 1, in the order the calls ended.
    pub number: u64,
    /// Since the start or the last reset, when the call came.
    pub at_ms: u64,
    pub took_ms: u64,
    /// The operation's name, or its root fields when it has none.
    pub operation: String,
    pub accounts: Vec<String>,
    pub cost: u64,
    /// Tokens left after the call.
    pub available: u64,
    /// The HTTP status.
    pub status: u16,
    pub outcome: Outcome,
}

impl Stats {
    /// Calls that ended so.
    #[must_use]
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.by_outcome.get(&outcome).copied().unwrap_or(0)
    }

    /// Calls that were refused for any reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let refusals = self
            .by_outcome
            .iter()
            .filter(|(outcome, _)| outcome.is_refusal());
        refusals.map(|(_, count)| count).sum()
    }
}

/// What a call tells when it ends.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) operation: String,
    pub(super) accounts: Vec<String>,
    pub(super) cost: u64,
    pub(super) available: u64,
    pub(super) status: u16,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct Recorder {
    book: Mutex<Book>,
    log_limit: usize,
}

#[derive(Debug)]
struct Book {
    started_at: Instant,
    running: u64,
    stats: Stats,
    log: VecDeque<LogEntry>,
}

/// A call under way. One that is dropped without `end`, since its client went away, no longer
/// counts as running.
pub(super) struct Running<'a> {
    recorder: &'a Recorder,
    came_at: Instant,
}

impl Recorder {
    pub(super) fn new(log_limit: usize) -> Self {
        let book = Book {
            started_at: Instant::now(),
            running: 0,
            stats: Stats::default(),
            log: VecDeque::new(),
        };
        Self {
            book: Mutex::new(book),
            log_limit,
        }
    }

    pub(super) fn begin(&self) -> Running<'_> {
        let mut book = lock(&self.book);
        book.running += 1;
        book.stats.calls += 1;
        book.stats.max_concurrent = book.stats.max_concurrent.max(book.running);
        Running {
            recorder: self,
            came_at: Instant::now(),
        }
    }

    pub(super) fn stats(&self) -> Stats {
        lock(&self.book).stats.clone()
    }

    pub(super) fn log(&self) -> Vec<LogEntry> {
        lock(&self.book).log.iter().cloned().collect()
    }

    pub(super) fn reset(&self) {
        let mut book = lock(&self.book);
        book.started_at = Instant::now();
        book.stats = Stats::default();
        book.log.clear();
    }
}

impl Running<'_> {
    pub(super) fn end(self, ended: Ended) {
        let mut book = lock(&self.recorder.book);
        let stats = &mut book.stats;
        *stats
            .by_operation
            .entry(ended.operation.clone())
            .or_default() += 1;
        *stats.by_outcome.entry(ended.outcome).or_default() += 1;
        for account in &ended.accounts {
            let account = stats.by_account.entry(account.clone()).or_default();
            account.calls += 1;
            account.refused += u64::from(ended.outcome.is_refusal());
        }
        // A refused call is told its price and does not pay it.
        if !matches!(ended.outcome, Outcome::RateLimited) {
            stats.tokens_spent += ended.cost;
        }
        let number = stats.by_outcome.values().sum();
        if book.log.len() >= self.recorder.log_limit.max(1) {
            book.log.pop_front();
        }
        let at = self.came_at.saturating_duration_since(book.started_at);
        book.log.push_back(LogEntry {
            number,
            at_ms: millis(at),
            took_ms: millis(self.came_at.elapsed()),
            operation: ended.operation,
            accounts: ended.accounts,
            cost: ended.cost,
            available: ended.available,
            status: ended.status,
            outcome: ended.outcome,
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut book = lock(&self.recorder.book);
        book.running = book.running.saturating_sub(1);
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}
