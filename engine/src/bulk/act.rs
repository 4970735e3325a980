//! What can be done to many jobs, and to which of them.

use serde::{Deserialize, Serialize};

use crate::filter::{Filter, Label, Labels, Test};
use crate::{Error, Result, State};

/// What is done to each job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkAct {
    /// The same job tries on: dead and cancelled ones.
    Retry,
    /// A new job from an ended one.
    RunAgain,
    /// Scheduled and retrying jobs need not wait for their time.
    RunNow,
    /// Queued and waiting ones end at once, running ones are asked to stop.
    Cancel,
    /// Ended ones are forgotten altogether.
    Delete,
}

impl BulkAct {
    /// All there are.
    pub const ALL: [BulkAct; 5] = [
        BulkAct::Retry,
        BulkAct::RunAgain,
        BulkAct::RunNow,
        BulkAct::Cancel,
        BulkAct::Delete,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BulkAct::Retry => "retry",
            BulkAct::RunAgain => "run_again",
            BulkAct::RunNow => "run_now",
            BulkAct::Cancel => "cancel",
            BulkAct::Delete => "delete",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<BulkAct> {
        BulkAct::ALL.into_iter().find(|act| act.as_str() == word)
    }

    /// Where a job may stand for it.
    fn labels(self) -> &'static [Label] {
        const ENDED: &[Label] = &[
            Label::State(State::Completed),
            Label::State(State::Cancelled),
            Label::State(State::Dead),
        ];
        match self {
            BulkAct::Retry => &[Label::State(State::Dead), Label::State(State::Cancelled)],
            BulkAct::RunAgain | BulkAct::Delete => ENDED,
            BulkAct::RunNow => &[Label::Scheduled, Label::Retrying],
            BulkAct::Cancel => &[
                Label::State(State::Available),
                Label::State(State::Running),
                Label::State(State::Waiting),
            ],
        }
    }

    /// The jobs of a filter that the act is legal for.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there can be none.
    pub(crate) fn narrowed(self, filter: &Filter) -> Result<Filter> {
        let meant = filter.clone().with(Test::State(self.labels().to_vec()));
        if meant.labels() == Labels::NONE {
            let words: Vec<_> = self.labels().iter().map(|label| label.as_str()).collect();
            return Err(Error::Invalid(format!(
                "filter: {} acts on jobs that are {}, and the filter means none of these",
                self.as_str(),
                words.join(", ")
            )));
        }
        Ok(meant)
    }

    /// True when its jobs run afterwards, so that a few of them can tell how the rest would do.
    pub(super) fn takes_canary(self) -> bool {
        matches!(self, BulkAct::Retry | BulkAct::RunAgain | BulkAct::RunNow)
    }
}

impl std::str::FromStr for BulkAct {
    type Err = Error;

    fn from_str(word: &str) -> Result<BulkAct> {
        BulkAct::parse(word).ok_or_else(|| {
            let words = BulkAct::ALL.map(BulkAct::as_str).join(", ");
            Error::Invalid(format!("act: expected one of {words}"))
        })
    }
}
