//! Spread: over how many partition keys a claim goes. Over few, since to look at a key costs as much as five jobs; over
//! more while these give far too little, as where each job has a key of its own.

use super::floors;
use crate::store::claim::Taken;

/// Claims for fewer jobs than this are not bound by what they cost, and those of a key wait for a turn of all keys.
const LARGE: usize = 200;
/// What each key should give of a large claim: a look at it is then an eighth of what its jobs cost.
const JOBS_OF_A_KEY: usize = 40;

#[derive(Debug)]
pub(super) struct Spread {
    are_free: bool,
    /// More keys than usual are looked at, so many, since fewer gave far too little.
    wanted: usize,
    /// The last claim was told this.
    told: usize,
}

impl Spread {
    /// For kinds without limits, or others too.
    pub(super) fn new(are_free: bool) -> Spread {
        Spread {
            are_free,
            wanted: 0,
            told: 0,
        }
    }

    /// How many keys to look at for so many jobs.
    pub(super) fn keys(&mut self, asked: usize) -> usize {
        let usual = match self.are_free {
            true if asked >= LARGE => (asked / JOBS_OF_A_KEY).max(8),
            true => 20,
            // Of those with limits each key may give only a few, and more of them a moment later.
            false => (asked / 10).max(20),
        };
        self.told = usual.max(self.wanted).min(asked);
        self.told
    }

    pub(super) fn learn(&mut self, taken: &Taken, asked: usize) {
        let jobs = taken.jobs.len();
        let is_full = jobs * 10 >= asked * 9;
        // Whoever got nothing may not have any: what waits is paused, locked, or of kinds that others know.
        let is_far_too_little = (1..asked.div_ceil(4)).contains(&jobs);
        // Where limits are full, more keys would give as little and cost more.
        if self.are_free && taken.last_key.is_some() && is_far_too_little {
            let enough = (self.told * asked).div_ceil(jobs);
            let wanted = enough.min(self.told * 4).min(floors::MOST);
            self.wanted = self.wanted.max(wanted);
        } else if is_full && self.told == self.wanted.min(asked) {
            self.wanted = self.wanted * 3 / 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::claim::tests::taken;

    /// Claims that ask for so many jobs of very many keys, each of which has so many.
    fn claims(spread: &mut Spread, asked: usize, of_each: usize, claims: usize) -> Vec<usize> {
        let look = |_| {
            let keys = spread.keys(asked);
            let share = asked.div_ceil(keys).min(of_each);
            let found = Taken {
                last_key: Some("acme".to_owned()),
                ..taken((keys * share).min(asked), 0)
            };
            spread.learn(&found, asked);
            keys
        };
        (0..claims).map(look).collect()
    }

    #[test]
    fn few_keys_are_enough_where_each_has_many_jobs() {
        for (are_free, asked, keys) in [
            (true, 1, 1),
            (true, 20, 20),
            (true, 199, 20),
            (true, 250, 8),
            (true, 1_000, 25),
            (false, 1, 1),
            (false, 20, 20),
            (false, 250, 25),
            (false, 1_000, 100),
        ] {
            let looked = claims(&mut Spread::new(are_free), asked, 100, 2);

            assert_eq!(looked, [keys, keys], "{are_free}, {asked}");
        }
    }

    #[test]
    fn more_keys_are_looked_at_while_they_give_far_too_little_and_fewer_again_when_they_give_nearly_all()
     {
        let mut spread = Spread::new(true);

        assert_eq!(claims(&mut spread, 500, 1, 4), [12, 48, 192, 192]);
        assert_eq!(claims(&mut spread, 1_000, 1, 2), [192, 256]);
        assert_eq!(claims(&mut spread, 100, 100, 4), [100; 4]);
        assert_eq!(claims(&mut spread, 500, 40, 6), [81, 60, 45, 33, 24, 18]);
        assert_eq!(claims(&mut spread, 500, 40, 3), [13, 12, 12]);
        assert_eq!(claims(&mut Spread::new(false), 500, 1, 2), [50, 50]);
    }

    #[test]
    fn claims_that_get_nothing_tell_nothing() {
        let mut spread = Spread::new(true);

        assert_eq!(claims(&mut spread, 500, 0, 3), [12, 12, 12]);
    }

    #[test]
    fn the_last_claim_of_a_round_tells_nothing() {
        let mut spread = Spread::new(true);
        spread.keys(500);

        spread.learn(&taken(3, 0), 500);

        assert_eq!(spread.keys(250), 8);
    }
}
