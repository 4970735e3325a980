//! Look: where a claimer looks next. Plain while jobs have neither keys nor limits, beginning where the
//! last claim ended while there is a backlog, or while a look from the beginning is dear; else round and round,
//! first the jobs without a partition key, then key by key.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::claim::{Look, Place, Taken};

/// How long jobs may come in before the place where a backlog is being claimed: retries, and those of a
/// higher priority.
const AHEAD: Duration = Duration::from_millis(50);
/// A look from the beginning steps over all that was claimed and not yet vacuumed, which is much when
/// somebody holds a snapshot open: it may cost one part in so many of the time.
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
    /// The look under way is from the beginning.
    whole: bool,
    /// What the last two looks from the beginning have cost beside their jobs: of one alone it may be the machine.
    costs: [Duration; 2],
    /// The least that another has cost: far from the database, or on a slow machine, all looks are dear.
    near: Option<Duration>,
    /// When the next plain look should be from the beginning.
    back_at: Instant,
    past_unkeyed: bool,
    below: String,
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
            whole: true,
            costs: [Duration::ZERO; 2],
            near: None,
            back_at: Instant::now(),
            past_unkeyed: false,
            below: String::new(),
            found: false,
            saw_fair: false,
        }
    }

    pub(super) fn look(&mut self) -> Look<'_> {
        if self.fair {
            return Look::Fair {
                below: &self.below,
                unkeyed: !self.past_unkeyed,
            };
        }
        self.whole = self.from.is_none() || Instant::now() >= self.back_at;
        Look::Plain(self.from.filter(|_| !self.whole))
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
        let jobs = u32::try_from(taken.jobs.len()).unwrap_or(u32::MAX);
        let cost = (now - began).saturating_sub(A_JOB * jobs);
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
        self.whole || self.is_dear()
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
            self.below.clone_from(key);
            return false;
        }
        self.past_unkeyed = false;
        self.below.clear();
        self.fair = self.saw_fair;
        !self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::claim::tests::taken;

    /// What a look from the beginning costs.
    const DEAR: Duration = Duration::from_millis(400);

    async fn learn(looker: &mut Looker, taken: &Taken, cost: Duration) -> bool {
        let began = Instant::now();
        tokio::time::advance(cost).await;
        looker.drained(taken, 10, began)
    }

    fn place(look: Look<'_>) -> Option<Place> {
        match look {
            Look::Plain(from) => from,
            Look::Fair { .. } => panic!("a plain look"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_looks_are_cheap_each_is_from_the_beginning_but_through_a_backlog() {
        let mut looker = Looker::new();

        for (jobs, drained) in [(3, true), (0, true), (10, false)] {
            assert_eq!(place(looker.look()), None);
            let cost = Duration::from_millis(2);
            assert_eq!(learn(&mut looker, &taken(jobs, 0), cost).await, drained);
        }
        assert_eq!(place(looker.look()), taken(10, 0).last);
        assert!(!learn(&mut looker, &taken(2, 10), Duration::from_millis(2)).await);
        assert_eq!(
            place(looker.look()),
            None,
            "others may have come ahead of it"
        );
        assert_eq!(looker.may_wait(), Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dear_look_from_the_beginning_is_seldom_and_no_job_waits_for_it_for_ever() {
        let mut looker = Looker::new();
        for _ in 0..2 {
            assert_eq!(place(looker.look()), None);
            assert!(learn(&mut looker, &taken(3, 0), DEAR).await);
        }

        for (jobs, at) in [(3, 0), (0, 5), (2, 6)] {
            assert_ne!(place(looker.look()), None);
            let taken = taken(jobs, at);
            assert!(learn(&mut looker, &taken, Duration::from_millis(1)).await);
            assert_eq!(place(looker.look()), taken.just_now());
        }
        let wait = looker.may_wait();
        assert!(wait > LONGEST / 2 && wait <= LONGEST, "{wait:?}");
        tokio::time::advance(wait).await;
        assert_eq!(place(looker.look()), None);
        // Nobody holds the snapshot any more.
        assert!(learn(&mut looker, &taken(0, 0), Duration::from_millis(1)).await);
        assert_eq!(place(looker.look()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_look_may_be_the_machine() {
        let mut looker = Looker::new();
        looker.look();
        learn(&mut looker, &taken(3, 0), DEAR).await;

        assert_eq!(place(looker.look()), None);
        assert_eq!(looker.may_wait(), Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn far_from_the_database_all_looks_are_alike_and_none_is_dear() {
        let far = Duration::from_millis(50);
        let mut looker = Looker::new();
        for _ in 0..3 {
            looker.look();
            learn(&mut looker, &taken(0, 0), far).await;
        }

        assert_eq!(place(looker.look()), None);
        assert_eq!(looker.may_wait(), Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_claim_from_the_beginning_goes_on_behind_what_it_took() {
        let mut looker = Looker::new();
        for _ in 0..2 {
            looker.look();
            learn(&mut looker, &taken(3, 100), DEAR).await;
        }
        tokio::time::advance(looker.may_wait()).await;

        looker.look();
        let fresh = taken(10, 0);
        let old = Taken {
            asked_at: taken(1, 60).asked_at,
            ..taken(10, 10)
        };
        assert!(!learn(&mut looker, &fresh, DEAR).await);
        assert_eq!(
            place(looker.look()),
            fresh.just_now(),
            "ahead of the place before"
        );
        assert!(!learn(&mut looker, &old, Duration::from_millis(1)).await);

        assert_eq!(place(looker.look()), old.last);
    }
}
