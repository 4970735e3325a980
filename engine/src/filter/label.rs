//! The words for where a job stands, as people see and ask for them, and sets of them.

use crate::State;

/// A state, or a finer word for a part of `available`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A stored state. `available` is all of it, scheduled and retrying jobs too.
    State(State),
    /// Available, never failed, and its time has not come.
    Scheduled,
    /// Available after a failed attempt.
    Retrying,
}

impl From<State> for Label {
    fn from(state: State) -> Label {
        Label::State(state)
    }
}

impl Label {
    /// All words, in the order of a job's life.
    pub const ALL: [Label; 8] = [
        Label::State(State::Available),
        Label::Scheduled,
        Label::Retrying,
        Label::State(State::Running),
        Label::State(State::Waiting),
        Label::State(State::Completed),
        Label::State(State::Cancelled),
        Label::State(State::Dead),
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::State(state) => state.as_str(),
            Label::Scheduled => "scheduled",
            Label::Retrying => "retrying",
        }
    }

    /// The label of that word.
    pub fn parse(word: &str) -> Option<Label> {
        Label::ALL.into_iter().find(|label| label.as_str() == word)
    }
}

/// A set of the parts that all jobs fall into: a job is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Labels(u8);

impl Labels {
    pub(crate) const ALL: Labels = Labels(0xff);
    pub(crate) const NONE: Labels = Labels(0);
    pub(crate) const READY: Labels = Labels(1);
    pub(crate) const SCHEDULED: Labels = Labels(2);
    pub(crate) const RETRYING: Labels = Labels(4);
    pub(crate) const WAITING: Labels = Labels(8);
    pub(crate) const RUNNING: Labels = Labels(16);
    pub(crate) const COMPLETED: Labels = Labels(32);
    pub(crate) const CANCELLED: Labels = Labels(64);
    pub(crate) const DEAD: Labels = Labels(128);
    /// The jobs of `engine.pending`.
    pub(crate) const PENDING: Labels = Labels(1 | 2 | 4 | 8);
    /// The jobs of `engine.ended`.
    pub(crate) const ENDED: Labels = Labels(32 | 64 | 128);

    pub(crate) fn of(labels: &[Label]) -> Labels {
        labels.iter().fold(Labels::NONE, |all, label| {
            all.or(match label {
                Label::Scheduled => Labels::SCHEDULED,
                Label::Retrying => Labels::RETRYING,
                Label::State(State::Available) => Labels(1 | 2 | 4),
                Label::State(State::Waiting) => Labels::WAITING,
                Label::State(State::Running) => Labels::RUNNING,
                Label::State(State::Completed) => Labels::COMPLETED,
                Label::State(State::Cancelled) => Labels::CANCELLED,
                Label::State(State::Dead) => Labels::DEAD,
            })
        })
    }

    pub(crate) fn and(self, other: Labels) -> Labels {
        Labels(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Labels) -> Labels {
        Labels(self.0 | other.0)
    }

    pub(crate) fn inverse(self) -> Labels {
        Labels(!self.0)
    }

    /// True when some job can be in both.
    pub(crate) fn meets(self, other: Labels) -> bool {
        self.and(other) != Labels::NONE
    }

    /// True when all of it is in `other`.
    pub(crate) fn within(self, other: Labels) -> bool {
        self.and(other) == self
    }
}
