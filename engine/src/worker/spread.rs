//! Spread: over how many partition keys a claim goes. Over few, since to look at a key costs as much as five jobs; over
//! more while these give less than was asked for, as where each job has a key of its own or limits leave a few of each.

use super::floors;
use crate::store::claim::Taken;

/// Fewer would have those of many keys wait longer for their turn, and gain nothing.
const FEWEST: usize = 8;
/// What each key gives of a large claim, so that a look at it is an eighth of what its jobs cost.
const JOBS_OF_A_KEY: usize = 40;

#[derive(Debug)]
pub(super) struct Spread {
    least: usize,
    /// The last claim was told this.
    told: usize,
}

impl Default for Spread {
    fn default() -> Spread {
        Spread {
            least: FEWEST,
            told: 0,
        }
    }
}

impl Spread {
    /// How many keys to look at for so many jobs.
    pub(super) fn keys(&mut self, asked: usize) -> usize {
        self.told = self.least.max(asked / JOBS_OF_A_KEY).min(asked);
        self.told
    }

    pub(super) fn learn(&mut self, taken: &Taken, asked: usize) {
        let jobs = taken.jobs.len();
        let has_more = taken.last_key.is_some();
        if has_more && jobs * 4 < asked * 3 {
            let enough = (self.told * asked).div_ceil(jobs.max(1));
            self.least = self.least.max(enough.min(self.told * 4)).min(floors::MOST);
        } else if jobs == asked && self.told == self.least {
            self.least = (self.least * 3 / 4).max(FEWEST);
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
        let mut spread = Spread::default();

        assert_eq!(claims(&mut spread, 1, 100, 2), [1, 1]);
        assert_eq!(claims(&mut spread, 20, 100, 2), [8, 8]);
        assert_eq!(claims(&mut spread, 250, 100, 2), [8, 8]);
        assert_eq!(claims(&mut spread, 1_000, 100, 2), [25, 25]);
    }

    #[test]
    fn more_keys_are_looked_at_while_they_give_too_little_and_fewer_again_when_they_give_enough() {
        let mut spread = Spread::default();

        assert_eq!(claims(&mut spread, 500, 1, 5), [12, 48, 192, 256, 256]);
        assert_eq!(claims(&mut spread, 20, 1, 2), [20, 20], "no more than jobs");
        assert_eq!(
            claims(&mut spread, 500, 10, 7),
            [256, 192, 144, 108, 81, 60, 45]
        );
        assert_eq!(
            claims(&mut spread, 500, 10, 3),
            [45, 45, 45],
            "nearly enough"
        );
    }

    #[test]
    fn the_last_claim_of_a_round_tells_nothing() {
        let mut spread = Spread::default();
        spread.keys(500);

        spread.learn(&taken(3, 0), 500);

        assert_eq!(spread.keys(250), FEWEST);
    }
}
