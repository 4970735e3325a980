//! Floors: how far the claims of a round got with each key, so that the next one need not step over what they took.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use crate::store::claim::Floor;

/// No claim looks at more keys than this; a floor that is left out costs it time and nothing else.
pub(super) const MOST: usize = 256;

/// By key, empty for jobs without one, and kind, empty for all without limits.
#[derive(Debug, Default)]
pub(super) struct Floors(BTreeMap<(String, String), Timestamp>);

impl Floors {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn learn(&mut self, floors: &[Floor<'_>]) {
        for floor in floors {
            let of = (floor.key.to_string(), floor.kind.to_string());
            self.0.insert(of, floor.rank_at);
        }
    }

    /// For a claim that looks below this key, or from the last one on if it is empty: all while they are few, else those
    /// of jobs without a key and of the keys next below it. The database may sort keys otherwise.
    pub(super) fn below(&self, key: &str) -> Vec<Floor<'_>> {
        if self.0.len() <= MOST {
            return self.0.iter().map(floor).collect();
        }
        let end = match key {
            "" => Bound::Unbounded,
            key => Bound::Excluded((key.to_owned(), String::new())),
        };
        let unkeyed = self.0.iter().take_while(|(of, _)| of.0.is_empty());
        let keyed = self.0.range((Bound::Unbounded, end)).rev();
        unkeyed
            .chain(keyed.take_while(|(of, _)| !of.0.is_empty()))
            .take(MOST)
            .map(floor)
            .collect()
    }
}

fn floor<'a>(((key, kind), rank_at): (&'a (String, String), &'a Timestamp)) -> Floor<'a> {
    Floor {
        key: key.into(),
        kind: kind.into(),
        rank_at: *rank_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(keys: &[String]) -> Floors {
        let mut floors = Floors::default();
        for key in keys {
            floors.learn(&[Floor {
                key: key.into(),
                kind: "test.act".into(),
                rank_at: Timestamp::UNIX_EPOCH,
            }]);
        }
        floors
    }

    fn keys(floors: &[Floor<'_>]) -> Vec<String> {
        floors.iter().map(|floor| floor.key.to_string()).collect()
    }

    #[test]
    fn a_claim_is_told_of_all_while_they_are_few() {
        let few = ["", "a", "b"].map(str::to_owned);

        assert_eq!(keys(&floors(&few).below("a")), few);
    }

    #[test]
    fn of_many_it_is_told_of_jobs_without_keys_and_of_those_it_comes_to() {
        let mut many: Vec<String> = (0..MOST + 50).map(|n| format!("{n:04}")).collect();
        many.push(String::new());
        let floors = floors(&many);

        let from_the_last = keys(&floors.below(""));
        assert_eq!(from_the_last.len(), MOST);
        assert_eq!(from_the_last[..3], ["", "0305", "0304"]);
        assert_eq!(keys(&floors.below("0002")), ["", "0001", "0000"]);
        assert_eq!(keys(&floors.below("0001x")), ["", "0001", "0000"]);
    }
}
