//! Sweep: whether rows that a walk did not find may be marked as gone.
//!
//! The ten guards of `research/sync.md` 6.10, as they stand for a listing of one partition:
//! - G1 the walk reached its end, and nothing in it was unclear: [`Walk::is_clean`].
//! - G2 the walk had the scope of the last complete one: [`Evidence::is_scope_known`].
//! - G3 the secrets that opened the listing are the same at its end: [`Evidence::is_principal_same`].
//! - G4 the distinct ids are as many as the remote says there are, on every page the same number.
//! - G5 a listing that is empty while rows are known is held.
//! - G6 more than max(10, 10 %) candidates are held.
//! - G7 a row is missing from two complete walks in a row. A listing that came in one answer cannot
//!   have drifted while it was read, so it counts for two, but only if the remote counts it: an answer
//!   that was cut short looks like a whole one.
//! - G8 rows that were written after the walk began, and ids in quarantine, are no candidates: the
//!   statements that find candidates see to it.
//! - G9 the mark is soft, and a row that reappears is revived.
//! - G10 what the walk has seen is kept with its cursor, so a successor continues the same walk.

/// Candidates that are never too many.
const FEW: u64 = 10;
/// Of the known rows, one in so many may go at once.
const ONE_IN: u64 = 10;
/// Walks of one run. A listing that drifts three times in a row is left to the next run.
const MOST_WALKS: u16 = 3;

/// A walk that reached the end of its listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Its number in the run, from 1.
    pub(crate) number: u16,
    pub(crate) pages: u32,
    /// Distinct ids, those in quarantine among them.
    pub(crate) distinct: u64,
    /// What the remote said, when it did.
    pub(crate) total: Option<u64>,
    /// False when a page was unclear or a record had no id.
    pub(crate) is_clean: bool,
    /// Two pages gave two totals.
    pub(crate) has_drifted: bool,
}

/// What is known beside the walk itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Walks right before this one, in this run, that were complete and clean.
    pub(crate) clean_walks_before: u16,
    /// Of the listing, and of the secrets that open it.
    pub(crate) is_scope_known: bool,
    /// No secret was changed between the first page of the run and its last.
    pub(crate) is_principal_same: bool,
    /// Rows that are not marked as gone.
    pub(crate) known: u64,
    /// Those of them that no page of this run named.
    pub(crate) candidates: u64,
}

/// How a walk ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is missing.
    Nothing,
    /// Mark the candidates.
    Sweep,
    /// Walk once more before anything is decided.
    WalkAgain,
    /// Mark nothing: the listing is empty and rows are known.
    HeldEmpty,
    /// Mark nothing: too many would go.
    HeldLarge,
    /// Mark nothing this time: the listing, or what opens it, is not that of before.
    ScopeChanged,
    /// Mark nothing: the walk does not prove that it saw everything.
    Unproven,
}

impl Walk {
    /// G1 and G4.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_clean && !self.has_drifted && self.total.is_none_or(|total| total == self.distinct)
    }

    /// One answer that names as many records as the remote says there are.
    fn is_counted_answer(&self) -> bool {
        self.pages <= 1 && self.total == Some(self.distinct)
    }
}

/// Decides, most careful guard first.
pub(crate) fn decide(walk: &Walk, evidence: &Evidence) -> Verdict {
    if !walk.is_complete() {
        // Drift may also have hidden a record, so it is worth another walk even with no candidate.
        // What was unclear in itself stays so.
        let may_mend = walk.is_clean && walk.number < MOST_WALKS;
        return if may_mend {
            Verdict::WalkAgain
        } else {
            Verdict::Unproven
        };
    }
    if evidence.candidates == 0 {
        return Verdict::Nothing;
    }
    if !evidence.is_scope_known || !evidence.is_principal_same {
        return Verdict::ScopeChanged;
    }
    if walk.distinct == 0 {
        return Verdict::HeldEmpty;
    }
    if evidence.candidates > FEW.max(evidence.known / ONE_IN) {
        return Verdict::HeldLarge;
    }
    if walk.is_counted_answer() || evidence.clean_walks_before >= 1 {
        return Verdict::Sweep;
    }
    if walk.number < MOST_WALKS {
        Verdict::WalkAgain
    } else {
        Verdict::Unproven
    }
}

impl Verdict {
    /// The word in `sync.run.sweep`; none when the run goes on.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Verdict::Nothing => Some("nothing"),
            Verdict::Sweep => Some("swept"),
            Verdict::WalkAgain => None,
            Verdict::HeldEmpty => Some("held_empty"),
            Verdict::HeldLarge => Some("held_large"),
            Verdict::ScopeChanged => Some("scope_changed"),
            Verdict::Unproven => Some("unproven"),
        }
    }

    /// True when a person must look before anything is marked.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Verdict::HeldEmpty | Verdict::HeldLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALK: Walk = Walk {
        number: 1,
        pages: 1,
        distinct: 50,
        total: Some(50),
        is_clean: true,
        has_drifted: false,
    };
    const EVIDENCE: Evidence = Evidence {
        clean_walks_before: 0,
        is_scope_known: true,
        is_principal_same: true,
        known: 52,
        candidates: 2,
    };

    fn decided(walk: Walk, evidence: Evidence) -> Verdict {
        decide(&walk, &evidence)
    }

    const PAGED: Walk = Walk { pages: 3, ..WALK };

    #[test]
    fn with_every_guard_met_two_that_are_missing_are_swept() {
        let none = Evidence {
            candidates: 0,
            ..EVIDENCE
        };

        assert_eq!(decided(WALK, EVIDENCE), Verdict::Sweep);
        assert_eq!(decided(WALK, none), Verdict::Nothing);
    }

    #[test]
    fn g1_a_walk_that_was_unclear_proves_nothing() {
        let unclear = Walk {
            is_clean: false,
            ..WALK
        };

        assert_eq!(decided(unclear, EVIDENCE), Verdict::Unproven);
    }

    #[test]
    fn g2_a_first_walk_under_another_scope_never_sweeps() {
        let other = Evidence {
            is_scope_known: false,
            ..EVIDENCE
        };

        assert_eq!(decided(WALK, other), Verdict::ScopeChanged);
    }

    #[test]
    fn g3_a_walk_whose_credential_changed_on_the_way_never_sweeps() {
        let other = Evidence {
            is_principal_same: false,
            ..EVIDENCE
        };

        assert_eq!(decided(WALK, other), Verdict::ScopeChanged);
    }

    #[test]
    fn g4_ids_that_are_not_as_many_as_the_remote_says_are_walked_again() {
        for (distinct, has_drifted) in [(49, false), (51, false), (50, true)] {
            let walk = Walk {
                distinct,
                has_drifted,
                ..WALK
            };
            let third = Walk { number: 3, ..walk };

            assert_eq!(decided(walk, EVIDENCE), Verdict::WalkAgain, "{walk:?}");
            assert_eq!(decided(third, EVIDENCE), Verdict::Unproven, "{third:?}");
        }
    }

    #[test]
    fn g5_an_empty_listing_is_held_however_few_rows_are_known() {
        let empty = Walk {
            distinct: 0,
            total: Some(0),
            ..WALK
        };
        let two = Evidence {
            known: 2,
            ..EVIDENCE
        };

        assert_eq!(decided(empty, two), Verdict::HeldEmpty);
    }

    #[test]
    fn g6_more_than_ten_and_than_a_tenth_are_held() {
        let table = [
            (12, 10, Verdict::Sweep),
            (60, 11, Verdict::HeldLarge),
            (1_000, 100, Verdict::Sweep),
            (1_000, 101, Verdict::HeldLarge),
        ];
        for (known, candidates, expected) in table {
            let evidence = Evidence {
                known,
                candidates,
                ..EVIDENCE
            };

            assert_eq!(decided(WALK, evidence), expected, "{candidates} of {known}");
        }
    }

    #[test]
    fn g7_what_several_pages_missed_is_looked_for_once_more() {
        let confirmed = Evidence {
            clean_walks_before: 1,
            ..EVIDENCE
        };
        let third = Walk { number: 3, ..PAGED };

        assert_eq!(decided(PAGED, EVIDENCE), Verdict::WalkAgain);
        assert_eq!(decided(PAGED, confirmed), Verdict::Sweep);
        assert_eq!(decided(third, EVIDENCE), Verdict::Unproven);
    }

    #[test]
    fn g7_one_answer_without_a_total_may_have_been_cut_short() {
        let uncounted = Walk {
            total: None,
            ..WALK
        };
        let confirmed = Evidence {
            clean_walks_before: 1,
            ..EVIDENCE
        };

        assert_eq!(decided(uncounted, EVIDENCE), Verdict::WalkAgain);
        assert_eq!(decided(uncounted, confirmed), Verdict::Sweep);
    }

    #[test]
    fn nothing_is_swept_without_a_complete_walk() {
        for distinct in 0..30 {
            for total in [None, Some(10)] {
                for is_clean in [false, true] {
                    for number in 1..=4 {
                        let walk = Walk {
                            number,
                            pages: 2,
                            distinct,
                            total,
                            is_clean,
                            has_drifted: false,
                        };
                        let evidence = Evidence {
                            clean_walks_before: 1,
                            ..EVIDENCE
                        };

                        let swept = decide(&walk, &evidence) == Verdict::Sweep;

                        let proven =
                            is_clean && distinct > 0 && total.is_none_or(|n| n == distinct);
                        assert!(!swept || proven, "{walk:?}");
                    }
                }
            }
        }
    }
}
