//! The permit: the second step of a call. However the call ends, its tokens are booked exactly once.

use std::time::Duration;

use super::Reading;
use super::fleet::Fleet;
use super::purse::{Ended, Taken};

/// The wait after a refusal that names none (the first wait of Soundtrack's own client).
const BLIND_WAIT: Duration = Duration::from_secs(10);
/// A wrong figure must not stop a connection for days.
const LONGEST_BLOCK: Duration = Duration::from_secs(3_600);

/// The right to send one call. Dropped without a word, its tokens count as spent, and the call as one
/// that may still be charged.
#[derive(Debug)]
pub struct Permit {
    fleet: Fleet,
    /// Whose level a reply tells.
    read: Option<String>,
    taken: Vec<(String, Taken)>,
}

impl Permit {
    pub(super) fn new(fleet: Fleet, read: Option<String>, taken: Vec<(String, Taken)>) -> Permit {
        Permit { fleet, read, taken }
    }

    /// The call ended; `reading` is what its reply said of the first budget asked for, if anything.
    pub fn settle(mut self, reading: Option<Reading>) {
        let ended = reading.map_or(Ended::Unread, |reading| Ended::Read {
            cost: reading.cost,
            available: reading.available,
        });
        self.end(ended);
    }

    /// The call was never sent.
    pub fn unsent(mut self) {
        self.end(Ended::Unsent);
    }

    /// The rate limit refused the call. All processes wait: as long as the refusal said with `after`; or
    /// until the level it named with `available` has grown to the price; or ten seconds. An hour is the
    /// most. The answer says how long; a tenth more is added for the others, so that not all come back
    /// in the same instant.
    pub fn refuse(mut self, available: Option<f64>, after: Option<Duration>) -> Duration {
        let is_read = |(key, _): &&(String, Taken)| Some(key) == self.read.as_ref();
        let Some((key, taken)) = self.taken.iter().find(is_read).cloned() else {
            return BLIND_WAIT;
        };
        // Half of the refill is what a refused budget counts on.
        let refill = self.fleet.refill_per_s(&key).filter(|rate| *rate > 0.0);
        let grown = available.zip(refill).map(|(level, refill)| {
            let seconds = (taken.cost - level).max(0.0) / (refill / 2.0);
            Duration::from_secs_f64(seconds.min(LONGEST_BLOCK.as_secs_f64()))
        });
        let wait = after.or(grown).unwrap_or(BLIND_WAIT).min(LONGEST_BLOCK);
        self.fleet
            .refuse(key, taken.cost, available, wait + wait / 10);
        metrics::counter!("lockstep_budget_refusals_total").increment(1);
        self.end(Ended::Refused);
        wait
    }

    fn end(&mut self, ended: Ended) {
        for (key, taken) in std::mem::take(&mut self.taken) {
            let ended = match ended {
                Ended::Read { .. } if Some(&key) != self.read.as_ref() => Ended::Unread,
                ended => ended,
            };
            self.fleet.end(&key, &taken, ended);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Ended::Doubtful);
    }
}
