//! Which index a list walks: a pure rule over its filter.

use uuid::Uuid;

use crate::State;
use crate::filter::{Filter, IdKey, Labels, Test, TextKey};

/// What is walked, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drive {
    pub(super) order: Order,
    /// Walked side by side. None when no job can meet the filter.
    pub(super) branches: Vec<Branch>,
}

/// The order of the list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By id, which is the time of creation.
    Id,
    /// By the time of the end, for jobs that ended in a way that people look at.
    Ended,
}

/// One walk of one index.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Branch {
    /// One job.
    Job(Uuid),
    /// The parts of a job.
    Parent(Uuid),
    /// The jobs of a batch.
    Batch(Uuid),
    /// The jobs that ever had a unique key.
    Key(String),
    /// The dead letters of a group.
    Group(String),
    /// Dead or cancelled jobs.
    Unfinished(State),
    /// All of engine.pending.
    Pending,
    /// All of engine.running.
    Running,
    /// All of engine.ended, by id.
    Ended,
    /// Every job.
    All,
}

impl Drive {
    pub(super) fn of(filter: &Filter) -> Drive {
        let labels = filter.labels();
        if labels == Labels::NONE {
            return Drive::by_id(Vec::new());
        }
        let mut found: Vec<Drive> = filter
            .terms()
            .iter()
            .filter(|term| !term.negated)
            .filter_map(|term| Drive::of_test(&term.test))
            .collect();
        // The most selective that was said; few of equal rank stand in one filter.
        found.sort_by_key(|drive| drive.branches.first().map(Branch::rank));
        found
            .into_iter()
            .next()
            .unwrap_or_else(|| Drive::of_labels(labels))
    }

    fn of_test(test: &Test) -> Option<Drive> {
        let ids = |ids: &[Uuid], branch: fn(Uuid) -> Branch| {
            let mut ids = ids.to_vec();
            // A job that is walked twice would be listed twice.
            ids.sort_unstable();
            ids.dedup();
            Drive::by_id(ids.into_iter().map(branch).collect())
        };
        let texts = |texts: &[String], branch: fn(String) -> Branch| {
            let mut texts = texts.to_vec();
            texts.sort_unstable();
            texts.dedup();
            texts.into_iter().map(branch).collect::<Vec<_>>()
        };
        Some(match test {
            Test::Id(IdKey::Id, all) => ids(all, Branch::Job),
            Test::Id(IdKey::Parent, all) => ids(all, Branch::Parent),
            Test::Id(IdKey::Batch, all) => ids(all, Branch::Batch),
            Test::Text(TextKey::Key, all) => Drive::by_id(texts(all, Branch::Key)),
            Test::Text(TextKey::Fingerprint, all) => Drive {
                order: Order::Ended,
                branches: texts(all, Branch::Group),
            },
            _ => return None,
        })
    }

    fn of_labels(labels: Labels) -> Drive {
        if labels == Labels::ALL {
            return Drive::by_id(vec![Branch::All]);
        }
        if labels.within(Labels::DEAD.or(Labels::CANCELLED)) {
            let both = [
                (Labels::DEAD, State::Dead),
                (Labels::CANCELLED, State::Cancelled),
            ];
            let branches = both
                .into_iter()
                .filter(|(label, _)| labels.meets(*label))
                .map(|(_, state)| Branch::Unfinished(state))
                .collect();
            return Drive {
                order: Order::Ended,
                branches,
            };
        }
        let places = [
            (Labels::PENDING, Branch::Pending),
            (Labels::RUNNING, Branch::Running),
            (Labels::ENDED, Branch::Ended),
        ];
        Drive::by_id(
            places
                .into_iter()
                .filter(|(place, _)| labels.meets(*place))
                .map(|(_, branch)| branch)
                .collect(),
        )
    }

    fn by_id(branches: Vec<Branch>) -> Drive {
        Drive {
            order: Order::Id,
            branches,
        }
    }

    /// What would make this walk shorter.
    pub(super) fn advice(&self) -> &'static str {
        match self.branches.first() {
            Some(Branch::Unfinished(_) | Branch::Group(_)) => {
                "narrow the filter by ended<1h, fingerprint:, parent:, key: or id:"
            }
            _ if self.branches.contains(&Branch::All) || self.branches.contains(&Branch::Ended) => {
                "narrow the filter by a state other than completed, or by parent:, key: or id:"
            }
            _ => "narrow the filter by parent:, key: or id:",
        }
    }
}

impl Branch {
    /// Lower is more selective.
    fn rank(&self) -> u8 {
        match self {
            Branch::Job(_) => 0,
            Branch::Key(_) => 1,
            Branch::Parent(_) => 2,
            Branch::Batch(_) => 3,
            Branch::Group(_) => 4,
            Branch::Unfinished(_) | Branch::Running => 5,
            Branch::Pending => 6,
            Branch::Ended | Branch::All => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_walks_the_smallest_index_that_has_its_jobs() {
        let id = Uuid::nil();
        let dead = Branch::Unfinished(State::Dead);
        let cases = [
            ("", Order::Id, vec![Branch::All]),
            ("kind:a.* -tag:x", Order::Id, vec![Branch::All]),
            ("state:dead kind:a.b", Order::Ended, vec![dead.clone()]),
            (
                "error:401",
                Order::Ended,
                vec![dead, Branch::Unfinished(State::Cancelled)],
            ),
            ("error:401 state:retrying", Order::Id, vec![Branch::Pending]),
            (
                "state:scheduled,running",
                Order::Id,
                vec![Branch::Pending, Branch::Running],
            ),
            (
                "-state:completed",
                Order::Id,
                vec![Branch::Pending, Branch::Running, Branch::Ended],
            ),
            ("state:completed", Order::Id, vec![Branch::Ended]),
            (
                "state:dead fingerprint:f,f",
                Order::Ended,
                vec![Branch::Group("f".into())],
            ),
            (
                "state:dead parent:00000000000000000000000000000000",
                Order::Id,
                vec![Branch::Parent(id)],
            ),
            (
                "key:k parent:00000000000000000000000000000000",
                Order::Id,
                vec![Branch::Key("k".into())],
            ),
            ("state:dead state:running", Order::Id, vec![]),
        ];
        for (text, order, branches) in cases {
            let drive = Drive::of(&Filter::parse(text).unwrap());

            assert_eq!(drive, Drive { order, branches }, "{text}");
        }
    }
}
