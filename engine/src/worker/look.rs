//! Look: where a claimer looks next. Plain while jobs have neither keys nor limits, beginning where the
//! last claim ended; else round and round, first the jobs without a partition key, then key by key.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::claim::{Look, Place, Taken};

/// How long jobs may come in before the place where a backlog is being claimed: retries, and those of a
/// higher priority.
const AHEAD: Duration = Duration::from_millis(50);
/// A look from the beginning steps over all that was claimed and not yet vacuumed, which is much when
/// somebody holds a snapshot open: it may cost one part in so many of the time.
const SHARE: u32 = 20;

#[derive(Debug)]
pub(super) struct Looker {
    fair: bool,
    /// Of a plain look, while claims come back full.
    from: Option<Place>,
    /// When the next plain look should be from the beginning.
    back_at: Instant,
    past_unkeyed: bool,
    after: String,
    /// Jobs were found since the round began.
    found: bool,
    /// There were jobs for it since the round began.
    saw_fair: bool,
}

impl Looker {
    pub(super) fn new() -> Looker {
        Looker {
            fair: false,
            from: None,
            back_at: Instant::now(),
            past_unkeyed: false,
            after: String::new(),
            found: false,
            saw_fair: false,
        }
    }

    pub(super) fn look(&self) -> Look<'_> {
        if self.fair {
            Look::Fair {
                after: &self.after,
                unkeyed: !self.past_unkeyed,
            }
        } else {
            Look::Plain(self.from)
        }
    }

    /// Learns from a claim that began at `began`; true when there is nothing to do but wait.
    pub(super) fn drained(&mut self, taken: &Taken, asked: usize, began: Instant) -> bool {
        if self.fair {
            self.ends_round(taken, asked)
        } else {
            self.ends_plain(taken, asked, began)
        }
    }

    fn ends_plain(&mut self, taken: &Taken, asked: usize, began: Instant) -> bool {
        let full = taken.jobs.len() == asked;
        let now = Instant::now();
        if taken.saw_fair {
            self.from = None;
            // What was taken was the turn of those without a key.
            self.fair = true;
            self.past_unkeyed = !taken.jobs.is_empty();
            self.found = !taken.jobs.is_empty();
            self.saw_fair = true;
            return false;
        }
        if !full {
            return self.from.take().is_none();
        }
        if self.from.is_none() {
            self.back_at = now + AHEAD.max((now - began) * SHARE);
        }
        self.from = if now < self.back_at { taken.last } else { None };
        false
    }

    /// A whole round that has found nothing leaves nothing. Keys give only their share each time, so one
    /// that found some may have left some.
    fn ends_round(&mut self, taken: &Taken, asked: usize) -> bool {
        if !self.past_unkeyed {
            self.found = false;
            self.saw_fair = false;
        }
        self.saw_fair |= taken.saw_fair;
        self.found |= taken.jobs.len() == asked || (taken.saw_fair && !taken.jobs.is_empty());
        if let Some(key) = &taken.last_key {
            self.past_unkeyed = true;
            self.after.clone_from(key);
            return false;
        }
        self.past_unkeyed = false;
        self.after.clear();
        self.fair = self.saw_fair;
        !self.found
    }
}
