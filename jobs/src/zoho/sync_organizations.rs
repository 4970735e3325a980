//! `zoho.sync_organizations`: one child job an organisation, and their totals at the end.

use std::time::Duration;

use connectors::reach::Service;
use engine::{Batch, Cx, Filter, Job, JobQuery, NewJob, Outcome, Policy, State};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::enqueue::part;
use super::sync_products::Summary;
use crate::{Env, Error};

/// Errors that the result names.
const NAMED: usize = 20;
/// How long failed organisations are searched for among the others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Syncs the organisation of every Zoho connection. One's failure stops no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncOrganizations {
    /// Only what was modified since last time.
    #[serde(default)]
    pub changed: bool,
}

impl Job for SyncOrganizations {
    const KIND: &'static str = "zoho.sync_organizations";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let (parent, changed) = (cx.job_id(), self.changed);
        let declared = cx.env().connections.declared();
        let parts: Vec<NewJob> = declared
            .iter()
            .filter(|one| one.service == Service::Zoho)
            .map(|one| part(parent, &one.name, changed))
            .collect();
        if parts.is_empty() {
            return Ok(Outcome::done_with(Summary::default())?);
        }
        let batch = cx
            .children("organizations", move |_| {
                Box::pin(async move { Ok::<_, Error>(parts) })
            })
            .await?;
        Ok(Outcome::done_with(totals(&cx, &batch).await?)?)
    }
}

async fn totals(cx: &Cx<Env>, batch: &Batch) -> Result<Summary, Error> {
    let mut totals = Summary::default();
    let mut results = cx.client().batch_results(batch.id);
    while let Some(result) = results.try_next().await? {
        totals.add(result);
    }
    for job_id in &batch.twins {
        if let Some(result) = cx.client().job(*job_id).await?.and_then(|job| job.result) {
            totals.add(result);
        }
    }
    for state in [State::Dead, State::Cancelled] {
        let query = JobQuery {
            limit: u16::try_from(NAMED).ok(),
            ..Filter::new().parent(cx.job_id()).state(state).into()
        };
        for job in cx.client().search(query, PATIENCE).await?.data {
            let connection = job.args["connection"].as_str().unwrap_or_default();
            let code = job.code.as_deref().unwrap_or("cancelled");
            totals.failed += 1;
            totals.name(format!("{connection} was not synced: {code}"));
        }
    }
    Ok(totals)
}

impl Summary {
    fn add(&mut self, result: Value) {
        let Ok(part) = serde_json::from_value::<Summary>(result) else {
            return;
        };
        self.total += part.total;
        self.created += part.created;
        self.updated += part.updated;
        self.failed += part.failed;
        for error in part.errors {
            self.name(error);
        }
    }

    fn name(&mut self, error: String) {
        if self.errors.len() < NAMED {
            self.errors.push(error);
        }
    }
}
