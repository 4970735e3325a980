//! `packages.sync_profile`: the packages of one profile, on login, on booking or on demand.

use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Changes;
use super::apply::{Applied, apply};
use super::fetch::fetch_for;
use crate::{Env, Error, store};

/// Finds out which customer a profile is, if that is not known, and syncs its packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProfile {
    /// The booking site's id.
    pub profile_id: Uuid,
}

/// The result of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub profile_id: Uuid,
    /// `synced`, or why not: `unmatched`, `in_review`, `link_changed`.
    pub status: String,
    #[serde(flatten)]
    pub changes: Changes,
}

impl Job for SyncProfile {
    const KIND: &'static str = "packages.sync_profile";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            timeout: Duration::from_secs(60),
            backoff: Backoff {
                base_ms: 10_000,
                factor: 2.0,
                max_ms: 1_800_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let profile_id = self.profile_id;
        let fetched = fetch_for(&cx, profile_id).await?;
        let attempt = cx.clone();
        let done = store::in_transaction(&cx.env().pool, move |tx| {
            Box::pin(async move {
                let (status, changes) = match apply(&attempt, tx, profile_id, &fetched).await? {
                    Applied::Done(changes) => ("synced", changes),
                    Applied::Not(code) => (code, Changes::default()),
                    Applied::Unreadable { bad, fetched } => return Ok(Err((bad, fetched))),
                };
                let summary = Summary {
                    profile_id,
                    status: status.to_owned(),
                    changes,
                };
                Ok(Ok(attempt.settle(tx, Outcome::done_with(summary)?).await?))
            })
        })
        .await?;
        // Only now, since what could not be read has its place in quarantine.
        done.map_err(|(bad, fetched)| Error::TooManyBad { bad, fetched })
    }
}
