//! Seeded chance. The sequence is written out here, and not taken from a crate, because a seed
//! printed by a failing run must build the same world after any dependency update.

/// A SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014): one seed, one sequence, for ever.
#[derive(Debug, Clone)]
pub struct Entropy {
    state: u64,
}

impl Entropy {
    /// A generator that always gives the same sequence for the same `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The bias of a plain remainder is below one in 2^50 for the small limits used here.
        self.draw().checked_rem(limit).unwrap_or(0)
    }

    /// True with the given probability: never at 0.0 or less, always at 1.0 or more.
    pub fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are all that an f64 can hold.
        let unit = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        unit < probability
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_for_ever() {
        let mut entropy = Entropy::seeded(0);

        let drawn = [entropy.draw(), entropy.draw()];

        // The published first outputs of SplitMix64 for seed 0.
        assert_eq!(drawn, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn chance_is_never_at_zero_and_always_at_one() {
        let mut entropy = Entropy::seeded(7);

        for _ in 0..1_000 {
            assert!(!entropy.chance(0.0));
            assert!(entropy.chance(1.0));
        }
    }
}
