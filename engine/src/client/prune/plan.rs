//! What there is to prune: which eras as a whole, and of which what expires goes job by job.

use std::time::Duration;

use jiff::Timestamp;

use crate::State;
use crate::retention::{Era, Keep, Retention};
use crate::retry::Policy;
use crate::store::prune::{Kinds, Rule, Within};

const ENDS: [State; 3] = [State::Completed, State::Cancelled, State::Dead];
/// The tables beside the eras.
const OTHER: &str = "other";
/// How long after its time an era of unknown length is pruned job by job if it cannot be emptied.
const USUAL: Duration = Duration::from_secs(24 * 3_600);

/// What there is to prune.
pub(super) struct Plan {
    now: Timestamp,
    /// Eras that can be emptied.
    pub(super) due: Vec<Era>,
    /// Eras in which whatever expires goes job by job, and `other`.
    by_row: Vec<String>,
    rules: Vec<Rule>,
}

impl Plan {
    pub(super) fn new(
        eras: &[Era],
        kinds: &[(String, Policy)],
        keep: Retention,
        now: Timestamp,
    ) -> Plan {
        let is_due = |era: &&Era| era.goes.is_some_and(|goes| goes <= now);
        let by_row = |era: &&Era| era.name == OTHER || era.emptied.is_some();
        Plan {
            now,
            due: eras.iter().filter(is_due).cloned().collect(),
            by_row: eras
                .iter()
                .filter(by_row)
                .map(|era| era.name.clone())
                .collect(),
            rules: rules(kinds, keep),
        }
    }

    /// An era that could not be emptied. Too much must stay in it, which may expire soon, or it is in use; when it
    /// still cannot be after its own length, what has expired in it goes job by job. True when that is now.
    pub(super) fn add_put_off(&mut self, era: &Era) -> bool {
        let overdue = era.is_overdue(self.now);
        if overdue {
            self.by_row.push(era.name.clone());
        }
        overdue
    }

    /// Where each rule's jobs are deleted one by one. A job that expires before its era does cannot wait
    /// for it; one that would go with its era does.
    pub(super) fn walks(&self, keep: Retention) -> Vec<(&Rule, Within<'_>)> {
        let mut walks = Vec::new();
        for rule in &self.rules {
            if keep.completed.is_none_or(|era| rule.keep < era) {
                walks.push((rule, Within::All));
            } else {
                let eras = self.by_row.iter();
                walks.extend(eras.map(|name| (rule, Within::Era(name))));
            }
        }
        walks
    }
}

/// One for each end and each kind that says something of its own, and one for all others.
fn rules(kinds: &[(String, Policy)], keep: Retention) -> Vec<Rule> {
    let mut rules = Vec::new();
    for state in ENDS {
        let own: Vec<(&String, Keep)> = kinds
            .iter()
            .filter_map(|(name, policy)| Some((name, policy.retention.of(state)?)))
            .collect();
        if let Some(keep) = keep.of(state) {
            rules.push(Rule {
                state,
                kinds: Kinds::AllBut(own.iter().map(|(name, _)| (*name).clone()).collect()),
                keep,
            });
        }
        for (name, keep) in own {
            if let Some(keep) = keep.span() {
                rules.push(Rule {
                    state,
                    kinds: Kinds::Only(name.clone()),
                    keep,
                });
            }
        }
    }
    rules
}

impl Era {
    pub(super) fn has_begun(&self, now: Timestamp) -> bool {
        self.name != OTHER && self.from.is_none_or(|from| from <= now)
    }

    /// It could have been emptied for as long as it was itself, and was not: too much must stay in it.
    fn is_overdue(&self, now: Timestamp) -> bool {
        let Some(goes) = self.goes else { return false };
        let length = match (self.from, self.until) {
            (Some(from), Some(until)) => until.duration_since(from),
            _ => jiff::SignedDuration::try_from(USUAL).unwrap_or_default(),
        };
        now.duration_since(goes) > length
    }
}
