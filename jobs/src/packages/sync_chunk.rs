//! `packages.sync_chunk`: some profiles of a bulk sync, one after the other. What became of each is noted with
//! its packages, so that a killed worker's successor goes on at the next.

use std::time::Duration;

use connectors::Verdict;
use engine::{Backoff, Cx, Job, Outcome, Policy, When};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::apply::{Applied, apply};
use super::enqueue::again;
use super::fetch::{Fetched, fetch_for};
use crate::{Env, Error, store};

/// So many profiles in a row that fail by the remote's trouble are no fault of theirs.
const MOST_IN_A_ROW: usize = 3;
/// A failed profile is tried again by a job of its own, not before that.
const AGAIN: Duration = Duration::from_secs(60);

/// Syncs some profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncChunk {
    /// The bulk sync that this is a part of.
    pub bulk: Uuid,
    /// 1 to 100.
    pub profiles: Vec<Uuid>,
}

impl Job for SyncChunk {
    const KIND: &'static str = "packages.sync_chunk";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            timeout: Duration::from_secs(600),
            backoff: Backoff {
                base_ms: 10_000,
                factor: 2.0,
                max_ms: 1_800_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let (bulk, profiles) = (self.bulk, self.profiles.clone());
        let done = store::in_transaction(&cx.env().pool, move |tx| {
            Box::pin(async move { store::outcome::done(tx, bulk, &profiles).await })
        })
        .await?;
        let mut in_a_row = 0;
        for profile_id in self.profiles {
            if done.contains(&profile_id) {
                continue;
            }
            if cx.is_stopped() {
                return Err(Error::Stopped);
            }
            let done = match fetch_for(&cx, profile_id).await {
                Ok(fetched) => keep(&cx, bulk, profile_id, fetched).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => in_a_row = 0,
                Err(error) if is_of_profile(&error) => {
                    in_a_row += usize::from(is_trouble(&error));
                    if in_a_row >= MOST_IN_A_ROW {
                        return Err(error);
                    }
                    fail(&cx, bulk, profile_id, error.code()).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::done_with(json!({"bulk": bulk}))?)
    }
}

async fn keep(cx: &Cx<Env>, bulk: Uuid, profile_id: Uuid, fetched: Fetched) -> Result<(), Error> {
    let attempt = cx.clone();
    let unreadable = store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            let at = (bulk, profile_id);
            match apply(&attempt, tx, profile_id, &fetched).await? {
                Applied::Done(changes) => {
                    let code = (changes.bad > 0).then_some("bad_record");
                    store::outcome::note(tx, at, changes.packages, code).await?;
                }
                Applied::Not(code) => store::outcome::note(tx, at, 0, Some(code)).await?,
                Applied::Unreadable { bad, fetched } => return Ok(Some((bad, fetched))),
            }
            Ok(None)
        })
    })
    .await?;
    match unreadable {
        Some((bad, fetched)) => Err(Error::TooManyBad { bad, fetched }),
        None => Ok(()),
    }
}

/// Notes the failure, and has the profile tried again by itself, in one transaction.
async fn fail(cx: &Cx<Env>, bulk: Uuid, profile_id: Uuid, code: &'static str) -> Result<(), Error> {
    let attempt = cx.clone();
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.checkpoint(tx).await?;
            store::outcome::note(tx, (bulk, profile_id), 0, Some(code)).await?;
            // One that was deleted meanwhile needs no other try.
            let Some(profile) = store::profile::get(tx, profile_id).await? else {
                return Ok(());
            };
            store::profile::asked(tx, profile_id).await?;
            let job = again(&profile.connection, profile_id).when(When::After(AGAIN));
            attempt.client().enqueue_in(tx, &[job]).await?;
            Ok(())
        })
    })
    .await
}

/// Whether the next profile may do better. Else the whole connection is meant.
fn is_of_profile(error: &Error) -> bool {
    match error {
        Error::UnknownProfile(_) | Error::Unproven(_) | Error::TooManyBad { .. } => true,
        Error::Remote(error) => matches!(
            error.verdict(),
            Verdict::Retry | Verdict::Rejected { .. } | Verdict::Gone | Verdict::SchemaDrift
        ),
        // The database takes none of this one, as an operator's check says: the next may pass.
        error => error.refusal().is_some(),
    }
}

fn is_trouble(error: &Error) -> bool {
    match error {
        Error::Remote(error) => !matches!(error.verdict(), Verdict::Rejected { .. }),
        Error::TooManyBad { .. } => true,
        _ => false,
    }
}
