//! Fan-out: how a job waits that is done when its children are.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// How long a parent snoozes before it looks again: a tenth of what it has waited so far, so that
/// a short fan-out ends promptly and a long one costs a look a second.
pub(crate) fn next_look(waited: Duration) -> Duration {
    (waited / 10).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_from_a_tenth_of_a_second_to_a_second() {
        let waits = [0, 500, 1_000, 4_000, 10_000, 600_000];

        let looks: Vec<u128> = waits
            .iter()
            .map(|ms| next_look(Duration::from_millis(*ms)).as_millis())
            .collect();

        assert_eq!(looks, [100, 100, 100, 400, 1_000, 1_000]);
    }
}
