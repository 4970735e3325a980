//! Whether a canary did well enough for the rest: a pure rule over counts.

use super::Canary;

/// How the jobs of a canary do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Doing {
    /// All of them.
    pub(crate) jobs: i64,
    /// Ended well.
    pub(crate) completed: i64,
    /// Dead again.
    pub(crate) died: i64,
    /// Ended otherwise: cancelled, or pruned and forgotten.
    pub(crate) gone: i64,
    /// Still trying, and failed since.
    pub(crate) failing: i64,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Too early to say.
    Wait,
    /// The rest may follow.
    Pass,
    /// The rest must not; in words.
    Stop(String),
}

/// Deaths stop it at once. When the wait is over, those that still fail count as deaths, and a canary
/// of which none completed has shown nothing.
pub(crate) fn verdict(canary: Canary, doing: Doing, is_over: bool) -> Verdict {
    let Doing {
        jobs,
        completed,
        died,
        gone,
        failing,
    } = doing;
    let tolerate = i64::from(canary.tolerate);
    if died > tolerate {
        return Verdict::Stop(format!(
            "{died} of {jobs} canary jobs died again, {tolerate} tolerated"
        ));
    }
    let is_ended = completed + died + gone >= jobs;
    if !is_ended && !is_over {
        return Verdict::Wait;
    }
    if died + failing > tolerate {
        return Verdict::Stop(format!(
            "{died} of {jobs} canary jobs died again and {failing} still fail, {tolerate} tolerated"
        ));
    }
    if completed == 0 {
        return Verdict::Stop(format!(
            "none of {jobs} canary jobs completed in time: is there a worker for them?"
        ));
    }
    Verdict::Pass
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_follows_only_a_canary_that_did_well() {
        let canary = Canary {
            tolerate: 1,
            ..Canary::default()
        };
        // Completed, died, gone, failing; whether the wait is over.
        let table = [
            ((5, 0, 0, 0), false, "pass"),
            ((4, 1, 0, 0), false, "pass"),
            ((0, 2, 0, 0), false, "stop"),
            ((4, 0, 0, 1), false, "wait"),
            ((4, 0, 0, 1), true, "pass"),
            ((3, 1, 0, 1), true, "stop"),
            ((3, 0, 0, 0), false, "wait"),
            ((3, 0, 0, 0), true, "pass"),
            ((0, 0, 0, 0), true, "stop"),
            ((0, 0, 5, 0), false, "stop"),
        ];
        for ((completed, died, gone, failing), is_over, expected) in table {
            let doing = Doing {
                jobs: 5,
                completed,
                died,
                gone,
                failing,
            };
            let said = match verdict(canary, doing, is_over) {
                Verdict::Wait => "wait",
                Verdict::Pass => "pass",
                Verdict::Stop(_) => "stop",
            };
            assert_eq!(said, expected, "{doing:?} {is_over}");
        }
    }
}
