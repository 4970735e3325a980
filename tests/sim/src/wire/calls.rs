//! The record of every call: the truth behind a claim such as "the token was minted once".

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use tokio::time::Instant;

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub calls: u64,
    pub by_path: BTreeMap<String, u64>,
    pub by_status: BTreeMap<u16, u64>,
    /// Why the vendor declined, in its own few words: `minute`, `day`, `unauthorized` …
    pub refused: BTreeMap<String, u64>,
    /// Calls that an injected fault spoilt.
    pub faulted: u64,
    pub max_concurrent: u64,
}

/// One call that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// From 1, in the order the calls ended.
    pub number: u64,
    /// Since the start or the last reset, when the call came.
    pub at_ms: u64,
    pub took_ms: u64,
    pub method: String,
    pub path: String,
    /// Not that of a call for a token, which may hold secrets.
    pub query: String,
    pub status: u16,
    /// Why the vendor declined, if it did.
    pub refused: Option<&'static str>,
    pub faulted: bool,
}

/// From when until when a call was under way, in microseconds since the start or the last reset. Unlike
/// [`Call`] it also tells of calls whose client went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// From 1, in the order the calls came.
    pub arrival: u64,
    pub began_us: u64,
    /// None while it is under way.
    pub ended_us: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Book {
    started: Instant,
    running: u64,
    pub(super) spans: VecDeque<Span>,
    log_limit: usize,
    pub(super) stats: Stats,
    pub(super) log: VecDeque<Call>,
}

impl Book {
    pub(super) fn new(log_limit: usize) -> Self {
        Self {
            started: Instant::now(),
            running: 0,
            spans: VecDeque::new(),
            log_limit,
            stats: Stats::default(),
            log: VecDeque::new(),
        }
    }

    pub(super) fn reset(&mut self) {
        let running = self.running;
        *self = Self::new(self.log_limit);
        self.running = running;
    }

    /// When the call came, and which it is.
    pub(super) fn begin(&mut self) -> (Instant, u64) {
        self.running += 1;
        self.stats.calls += 1;
        self.stats.max_concurrent = self.stats.max_concurrent.max(self.running);
        if self.spans.len() >= self.log_limit.max(1) {
            self.spans.pop_front();
        }
        let came = Instant::now();
        let arrival = self.stats.calls;
        self.spans.push_back(Span {
            arrival,
            began_us: self.since_start(came),
            ended_us: None,
        });
        (came, arrival)
    }

    /// A call whose client went away no longer runs, though it has no end.
    pub(super) fn leave(&mut self, arrival: u64) {
        self.running = self.running.saturating_sub(1);
        let ended = self.since_start(Instant::now());
        // The spans are of arrivals in a row.
        let first = self.spans.front().map_or(0, |span| span.arrival);
        let at = arrival.checked_sub(first).map(|at| at as usize);
        if let Some(span) = at.and_then(|at| self.spans.get_mut(at)) {
            span.ended_us = Some(ended);
        }
    }

    fn since_start(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.started).as_micros() as u64
    }

    pub(super) fn end(&mut self, came: Instant, mut call: Call) {
        let stats = &mut self.stats;
        *stats.by_path.entry(call.path.clone()).or_default() += 1;
        *stats.by_status.entry(call.status).or_default() += 1;
        stats.faulted += u64::from(call.faulted);
        if let Some(why) = call.refused {
            *stats.refused.entry(why.to_owned()).or_default() += 1;
        }
        call.number = stats.by_status.values().sum();
        call.at_ms = came.saturating_duration_since(self.started).as_millis() as u64;
        call.took_ms = came.elapsed().as_millis() as u64;
        if self.log.len() >= self.log_limit.max(1) {
            self.log.pop_front();
        }
        self.log.push_back(call);
    }
}
