//! Tendency: whether deaths of one cause grow more or fewer. A pure rule over the deaths of each hour.

use serde::Serialize;

/// Hours that count as now; the last of them has only begun.
const NOW: usize = 3;
/// So many times as often is another tendency.
const APART: f64 = 1.5;
/// Fewer than this are chance.
const CHANCE: f64 = 2.0;

/// Where the number of deaths of a cause goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tendency {
    /// More often within the last three hours than in those before.
    Rising,
    /// Neither.
    Steady,
    /// More seldom, or no more at all.
    Falling,
}

impl Tendency {
    /// Of the deaths of each hour, the running one last: the last three hours beside three of the others
    /// on average. One death more or less is steady.
    pub fn of(hours: &[i64]) -> Tendency {
        let (before, now) = hours.split_at(hours.len().saturating_sub(NOW));
        let now = now.iter().sum::<i64>() as f64;
        let others = before.len().max(1) as f64;
        let before = before.iter().sum::<i64>() as f64 * NOW as f64 / others;
        let has_stopped = now == 0.0 && before > 0.0;
        if now > before * APART && now - before >= CHANCE {
            Tendency::Rising
        } else if has_stopped || (before > now * APART && before - now >= CHANCE) {
            Tendency::Falling
        } else {
            Tendency::Steady
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Tendency::Rising => "rising",
            Tendency::Steady => "steady",
            Tendency::Falling => "falling",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_compared_with_the_hours_before() {
        let day = |before: i64, now: [i64; 3]| [vec![before; 21], now.to_vec()].concat();
        for (hours, tendency) in [
            (day(0, [0, 0, 0]), Tendency::Steady),
            (day(0, [0, 0, 1]), Tendency::Steady),
            (day(0, [0, 0, 2]), Tendency::Rising),
            (day(10, [10, 10, 4]), Tendency::Steady),
            (day(10, [20, 20, 20]), Tendency::Rising),
            (day(10, [5, 5, 2]), Tendency::Falling),
            (day(1, [0, 0, 0]), Tendency::Falling),
            (vec![], Tendency::Steady),
        ] {
            assert_eq!(Tendency::of(&hours), tendency, "{hours:?}");
        }
    }

    #[test]
    fn a_cause_that_struck_once_this_morning_is_falling() {
        let mut hours = vec![0; 24];
        hours[4] = 1;

        assert_eq!(Tendency::of(&hours), Tendency::Falling);
    }
}
