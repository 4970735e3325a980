//! Look: where a claimer looks next. Plain while jobs have neither keys nor limits, beginning where the
//! last claim ended while there is a backlog, or while a look from the beginning is dear; else round and round,
//! first the jobs without a partition key, then key by key, and of most rounds each key from where the last one left it.

use std::time::Duration;

use tokio::time::Instant;

use super::floors::Floors;
use super::spread::Spread;
use crate::store::claim::{Floor, Look, Place, Taken};

/// How long jobs may come in before the place where a backlog is being claimed: retries, and those of a
/// higher priority.
const AHEAD: Duration = Duration::from_millis(50);
/// The same for a round over the keys, which takes a few claims.
const ROUND_AHEAD: Duration = Duration::from_millis(250);
/// A look from the beginning, and for whether there are others, steps over all that was claimed and not yet vacuumed, which is
/// much when somebody holds a snapshot open: each may cost one part in so many of the time.
const SHARE: u32 = 20;
/// No job waits longer for one.
const LONGEST: Duration = Duration::from_secs(5);
/// What it may cost at any time, more than a look that begins where the last one ended.
const CHEAP: Duration = Duration::from_millis(10);
/// What it costs for each job that it takes.
const A_JOB: Duration = Duration::from_micros(20);

#[derive(Debug)]
pub(super) struct Looker {
    fair: bool,
    /// Where a plain look that is not from the beginning begins.
    from: Option<Place>,
    /// The look under way, or the round, is from the beginning.
    whole: bool,
    /// What the last two looks from the beginning have cost beside their jobs: of one alone it may be the machine.
    costs: [Duration; 2],
    /// The least that another has cost: far from the database, or on a slow machine, all looks are dear.
    near: Option<Duration>,
    /// When the next plain look, or round, should be from the beginning.
    back_at: Instant,
    /// The last plain look left some.
    backlog: bool,
    /// The plain look under way asks whether there are jobs that only a fair look finds.
    asks_fair: bool,
    /// When the next one should, in a backlog.
    fair_at: Instant,
    /// What the last two of a backlog have cost more than a look elsewhere.
    fair_costs: [Duration; 2],
    floors: Floors,
    /// What the round has cost beside its jobs.
    round_cost: Duration,
    /// The same of the last one that was not from the beginning: far from the database all rounds are dear.
    near_round: Option<Duration>,
    /// A round is under way.
    in_round: bool,
    past_unkeyed: bool,
    below: String,
    spread: Spread,
    /// Jobs were found since the round began.
    found: bool,
    /// There were jobs for it since the round began.
    saw_fair: bool,
}

impl Looker {
    /// For kinds without limits, or others too.
    pub(super) fn new(are_free: bool) -> Looker {
        Looker {
            fair: false,
            from: None,
            whole: true,
            costs: [Duration::ZERO; 2],
            near: None,
            back_at: Instant::now(),
            backlog: false,
            asks_fair: true,
            fair_at: Instant::now(),
            fair_costs: [Duration::ZERO; 2],
            floors: Floors::default(),
            round_cost: Duration::ZERO,
            near_round: None,
            in_round: false,
            past_unkeyed: false,
            below: String::new(),
            spread: Spread::new(are_free),
            found: false,
            saw_fair: false,
        }
    }

    /// Where to look for so many jobs.
    pub(super) fn look(&mut self, asked: usize) -> Look<'_> {
        if self.fair {
            if !self.in_round {
                self.begin_round();
            }
            return Look::Fair {
                below: &self.below,
                unkeyed: !self.past_unkeyed,
                keys: self.spread.keys(asked),
                floors: self.floors.below(&self.below),
            };
        }
        let now = Instant::now();
        let (back, fair) = (now >= self.back_at, now >= self.fair_at);
        // In a backlog one after the other, so that each is known to be dear by itself; both where slots come free so seldom
        // that nothing is.
        let apart = self.backlog && now < self.back_at.max(self.fair_at) + LONGEST;
        let has_asked = self.asks_fair;
        self.asks_fair = !self.backlog || (fair && !(apart && back && has_asked));
        self.whole = self.from.is_none() || (back && !(apart && self.asks_fair));
        Look::Plain {
            from: self.from.filter(|_| !self.whole),
            asks_fair: self.asks_fair,
        }
    }

    fn begin_round(&mut self) {
        self.in_round = true;
        self.round_cost = Duration::ZERO;
        if Instant::now() >= self.back_at {
            self.floors.clear();
        }
        self.whole = self.floors.is_empty();
    }

    /// How long whoever has nothing to do may wait: until what only a look from the beginning finds is looked for.
    pub(super) fn may_wait(&self) -> Duration {
        if self.from.is_some() && self.is_dear() {
            self.back_at.saturating_duration_since(Instant::now())
        } else {
            Duration::MAX
        }
    }

    fn is_dear(&self) -> bool {
        let cheap = self.near.unwrap_or_default() + CHEAP;
        !self.fair && self.costs.iter().all(|cost| *cost > cheap)
    }

    /// Learns from a claim that began at `began`; true when there is nothing to do but wait.
    pub(super) fn drained(&mut self, taken: &Taken, asked: usize, began: Instant) -> bool {
        if self.fair {
            self.ends_round(taken, asked, began)
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
            self.backlog = false;
            self.back_at = Instant::now();
            self.past_unkeyed = !taken.jobs.is_empty();
            self.found = !taken.jobs.is_empty();
            self.saw_fair = true;
            return false;
        }
        let cost = cost(taken, began);
        self.backlog = full;
        if self.asks_fair {
            let near = self.near.filter(|_| !self.whole).unwrap_or(cost);
            self.fair_costs = [self.fair_costs[1], cost.saturating_sub(near)];
            let share = (self.fair_costs[0].min(self.fair_costs[1]) * SHARE).min(LONGEST);
            self.fair_at = now + AHEAD.max(share);
        }
        if self.whole {
            self.costs = [self.costs[1], cost];
            let share = (self.costs[0].min(self.costs[1]) * SHARE).min(LONGEST);
            self.back_at = now + if full { AHEAD.max(share) } else { share };
        } else {
            self.near = Some(self.near.map_or(cost, |near| near.min(cost)));
        }
        if full {
            // What others are about to commit may stand before it.
            self.from = match self.is_dear() {
                true => taken.last.min(taken.just_now()),
                false => taken.last,
            };
            return false;
        }
        // All that is visible and free was taken; what comes is of now, or waits for a look from the beginning.
        self.from = taken.just_now().filter(|_| self.is_dear());
        self.asks_fair && (self.whole || self.is_dear())
    }

    /// A whole round that has found nothing leaves nothing. Keys give only their share each time, so one
    /// that found some may have left some.
    fn ends_round(&mut self, taken: &Taken, asked: usize, began: Instant) -> bool {
        if !self.past_unkeyed {
            self.found = false;
            self.saw_fair = false;
            if self.whole {
                self.floors.learn(unkeyed_floor(taken).as_slice());
            }
        }
        self.saw_fair |= taken.saw_fair;
        self.found |= taken.jobs.len() == asked || (taken.saw_fair && !taken.jobs.is_empty());
        self.floors.learn(&taken.floors);
        self.spread.learn(taken, asked);
        self.round_cost += cost(taken, began);
        if let Some(key) = &taken.last_key {
            self.past_unkeyed = true;
            self.below.clone_from(key);
            return false;
        }
        self.in_round = false;
        self.past_unkeyed = false;
        self.below.clear();
        if self.whole {
            let near = self.near_round.unwrap_or(self.round_cost);
            let share = (self.round_cost.saturating_sub(near) * SHARE).min(LONGEST);
            self.back_at = Instant::now() + ROUND_AHEAD.max(share);
        } else {
            self.near_round = Some(self.round_cost);
            if !self.found {
                // What came in before the places where it began is still to be found.
                self.back_at = Instant::now();
                return false;
            }
        }
        self.fair = self.saw_fair;
        !self.found
    }
}

/// Where jobs without a key are looked for when a whole look has found none.
fn unkeyed_floor(taken: &Taken) -> Option<Floor<'static>> {
    Some(Floor {
        key: "".into(),
        kind: "".into(),
        rank_at: taken.just_now()?.rank_at,
    })
}

/// What a claim has cost beside its jobs.
fn cost(taken: &Taken, began: Instant) -> Duration {
    let jobs = u32::try_from(taken.jobs.len()).unwrap_or(u32::MAX);
    began.elapsed().saturating_sub(A_JOB * jobs)
}

#[cfg(test)]
mod tests;
