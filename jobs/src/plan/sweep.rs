//! Sweep: whether rows that a walk did not find may be marked as gone.
//!
//! The ten guards of `research/sync.md` 6.10, as they stand for a listing of one partition:
//! - G1 the walk reached its end, and nothing in it was unclear: [`Walk::is_clean`].
//! - G2 the walk had the scope of the last complete one: [`Evidence::is_scope_known`].
//! - G3 (the credential is the same at start and end) is the scope's business: a page that answers
//!   for another account than the one asked for is an error of the connector.
//! - G4 the distinct ids are as many as the remote says there are, on every page the same number.
//! - G5 a listing that is empty while rows are known is held.
//! - G6 more than max(10, 10 %) candidates are held.
//! - G7 a row is missing from two complete walks in a row. A listing that came in one answer cannot
//!   have drifted while it was read, so it counts for two.
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
    pub(crate) is_scope_known: bool,
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
    /// Mark nothing this time: the listing is of another account than before.
    ScopeChanged,
    /// Mark nothing: the walk does not prove that it saw everything.
    Unproven,
}

impl Walk {
    /// G1 and G4.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_clean && !self.has_drifted && self.total.is_none_or(|total| total == self.distinct)
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
    if !evidence.is_scope_known {
        return Verdict::ScopeChanged;
    }
    if walk.distinct == 0 {
        return Verdict::HeldEmpty;
    }
    if evidence.candidates > FEW.max(evidence.known / ONE_IN) {
        return Verdict::HeldLarge;
    }
    if walk.pages <= 1 || evidence.clean_walks_before >= 1 {
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
        known: 52,
        candidates: 2,
    };

    #[test]
    fn a_sweep_needs_every_guard() {
        let paged = Walk { pages: 3, ..WALK };
        let empty = Walk {
            distinct: 0,
            total: Some(0),
            ..WALK
        };
        let second = Evidence {
            clean_walks_before: 1,
            ..EVIDENCE
        };
        let table = [
            ("one page, two missing", WALK, EVIDENCE, Verdict::Sweep),
            (
                "no total given",
                Walk {
                    total: None,
                    ..WALK
                },
                EVIDENCE,
                Verdict::Sweep,
            ),
            (
                "nothing missing",
                WALK,
                Evidence {
                    candidates: 0,
                    ..EVIDENCE
                },
                Verdict::Nothing,
            ),
            (
                "G1 unclear",
                Walk {
                    is_clean: false,
                    ..WALK
                },
                EVIDENCE,
                Verdict::Unproven,
            ),
            (
                "G2 another account",
                WALK,
                Evidence {
                    is_scope_known: false,
                    ..EVIDENCE
                },
                Verdict::ScopeChanged,
            ),
            (
                "G4 one too few",
                Walk {
                    distinct: 49,
                    ..WALK
                },
                EVIDENCE,
                Verdict::WalkAgain,
            ),
            (
                "G4 one too many",
                Walk {
                    distinct: 51,
                    ..WALK
                },
                EVIDENCE,
                Verdict::WalkAgain,
            ),
            (
                "G4 two totals",
                Walk {
                    has_drifted: true,
                    ..WALK
                },
                EVIDENCE,
                Verdict::WalkAgain,
            ),
            (
                "G4 for the third time",
                Walk {
                    number: 3,
                    distinct: 49,
                    ..WALK
                },
                EVIDENCE,
                Verdict::Unproven,
            ),
            (
                "G5 an empty listing",
                empty,
                Evidence {
                    known: 2,
                    ..EVIDENCE
                },
                Verdict::HeldEmpty,
            ),
            (
                "G6 ten of twelve",
                WALK,
                Evidence {
                    known: 12,
                    candidates: 10,
                    ..EVIDENCE
                },
                Verdict::Sweep,
            ),
            (
                "G6 eleven of sixty",
                WALK,
                Evidence {
                    known: 60,
                    candidates: 11,
                    ..EVIDENCE
                },
                Verdict::HeldLarge,
            ),
            (
                "G6 a tenth of many",
                WALK,
                Evidence {
                    known: 1_000,
                    candidates: 100,
                    ..EVIDENCE
                },
                Verdict::Sweep,
            ),
            (
                "G6 more than a tenth",
                WALK,
                Evidence {
                    known: 1_000,
                    candidates: 101,
                    ..EVIDENCE
                },
                Verdict::HeldLarge,
            ),
            ("G7 several pages", paged, EVIDENCE, Verdict::WalkAgain),
            (
                "G7 confirmed",
                Walk { number: 2, ..paged },
                second,
                Verdict::Sweep,
            ),
            (
                "G7 never confirmed",
                Walk { number: 3, ..paged },
                EVIDENCE,
                Verdict::Unproven,
            ),
        ];
        for (what, walk, evidence, expected) in table {
            assert_eq!(decide(&walk, &evidence), expected, "{what}");
        }
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
