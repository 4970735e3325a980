//! `record.prune_history`: deletes stories of records, ended runs, decided sweeps and resolved quarantine that
//! are older than people ask about.

use std::time::Duration;

use engine::{Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};

use crate::{Env, Error, store};

/// Rows of each table that one transaction deletes.
const CHUNK: i64 = 2_000;
const A_DAY: i32 = 1;

/// Deletes what is older than so many days. What still waits for a person stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneHistory {
    /// At least one.
    #[serde(default = "a_year_and_a_month")]
    pub keep_days: i32,
}

/// The result of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Rows that went.
    pub rows: u64,
}

fn a_year_and_a_month() -> i32 {
    400
}

impl Job for PruneHistory {
    const KIND: &'static str = "record.prune_history";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            timeout: Duration::from_secs(600),
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        if self.keep_days < A_DAY {
            return Err(Error::Invalid("keep_days: expected 1 or more".into()));
        }
        let (keep_days, mut rows) = (self.keep_days, 0);
        loop {
            let gone = store::in_transaction(&cx.env().pool, move |tx| {
                Box::pin(async move { store::history::prune(tx, keep_days, CHUNK).await })
            })
            .await?;
            rows += gone;
            if gone == 0 {
                return Ok(Outcome::done_with(Pruned { rows })?);
            }
            if cx.is_stopped() {
                return Err(Error::Stopped);
            }
        }
    }
}
