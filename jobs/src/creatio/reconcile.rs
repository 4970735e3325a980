//! `creatio.reconcile`: records that have changed on either side are made to say the same on both.

use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};

use crate::flow::reconcile::until_clean;
use crate::store::creatio::operation;
use crate::{Env, Error};

/// Reconciles everything of a connection that is due. Its result is a [`Counts`](super::Counts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// The connection: `creatio/acme`.
    pub connection: String,
}

impl Job for Reconcile {
    const KIND: &'static str = "creatio.reconcile";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            timeout: Duration::from_secs(300),
            backoff: Backoff {
                base_ms: 5_000,
                factor: 2.0,
                max_ms: 600_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        until_clean(&cx, &self.connection).await?;
        let mut conn = cx.env().pool.acquire().await?;
        let counts = operation::of_jobs(&mut conn, &[cx.job_id()]).await?;
        Ok(Outcome::done_with(counts)?)
    }
}
