//! `soundtrack.sync_all`: one child job a company that has an account, and their totals at the end.

use std::time::Duration;

use engine::{Batch, Cx, Filter, Job, JobQuery, JobView, NewJob, Outcome, Policy, State};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::enqueue::part;
use super::sync_zones::Summary;
use crate::{Env, Error, store};

/// Failed companies that the result names. All of them are in the list of dead jobs.
const NAMED_FAILURES: usize = 20;
/// How long they are searched for among the others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Syncs every company that has an account. One company's failure stops no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAll {}

/// The result of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Companies that were synced, or should have been.
    pub companies: i32,
    /// Companies without an account.
    pub skipped: i32,
    /// Zones seen and read.
    pub synced: i32,
    /// Companies that failed and zones that could not be read.
    pub errors: i32,
    /// Rows made.
    pub created: i32,
    /// Rows written since their content changed.
    pub updated: i32,
    /// Rows not touched.
    pub unchanged: i32,
    /// Rows that had been marked as gone and are back.
    pub revived: i32,
    /// Rows made by a person that took over a zone's id.
    pub adopted: i32,
    /// Rows marked as gone.
    pub orphaned: i32,
    /// Rows that were missing and not marked.
    pub held: i32,
    /// Zones that could not be read.
    pub quarantined: i32,
    /// Companies that failed.
    pub companies_failed: i32,
    /// The first of them, 20 at the most.
    pub failed: Vec<FailedCompany>,
}

/// A company whose sync failed. It holds no name and no text of the remote's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCompany {
    /// The company.
    pub company_id: i64,
    /// The stable word of what ended its job.
    pub code: String,
}

impl Job for SyncAll {
    const KIND: &'static str = "soundtrack.sync_all";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let skipped = cx.step_in("skipped", |tx| Box::pin(skipped(tx))).await?;
        let parent = cx.job_id();
        let batch = cx
            .children("companies", move |tx| Box::pin(parts(tx, parent)))
            .await?;
        let mut totals = Totals {
            companies: batch.total,
            companies_failed: batch.dead + batch.cancelled,
            skipped,
            ..Totals::default()
        };
        add_parts(&cx, &batch, &mut totals).await?;
        add_twins(&cx, &batch, &mut totals).await?;
        totals.errors = totals.quarantined.saturating_add(totals.companies_failed);
        Ok(Outcome::done_with(totals)?)
    }
}

async fn skipped(tx: &mut PgConnection) -> Result<i32, Error> {
    let all = store::company::all(tx).await?;
    Ok(count(
        all.iter().filter(|(_, has_account)| !has_account).count(),
    ))
}

async fn parts(tx: &mut PgConnection, parent: Uuid) -> Result<Vec<NewJob>, Error> {
    let all = store::company::all(tx).await?;
    Ok(all
        .into_iter()
        .filter(|(_, has_account)| *has_account)
        .map(|(id, _)| part(parent, id))
        .collect())
}

async fn add_parts(cx: &Cx<Env>, batch: &Batch, totals: &mut Totals) -> Result<(), Error> {
    let mut results = cx.client().batch_results(batch.id);
    while let Some(result) = results.try_next().await? {
        if let Ok(summary) = serde_json::from_value(result) {
            totals.add(&summary);
        }
    }
    for state in [State::Dead, State::Cancelled] {
        let query = JobQuery {
            limit: u16::try_from(NAMED_FAILURES).ok(),
            ..Filter::new().parent(cx.job_id()).state(state).into()
        };
        for job in cx.client().search(query, PATIENCE).await?.data {
            totals.name_failure(&job);
        }
    }
    Ok(())
}

/// Companies that somebody else synced just then.
async fn add_twins(cx: &Cx<Env>, batch: &Batch, totals: &mut Totals) -> Result<(), Error> {
    for job_id in &batch.twins {
        let Some(job) = cx.client().job(*job_id).await? else {
            continue;
        };
        match job.result.clone().map(serde_json::from_value) {
            Some(Ok(summary)) => totals.add(&summary),
            _ => totals.name_failure(&job),
        }
    }
    Ok(())
}

impl Totals {
    fn add(&mut self, summary: &Summary) {
        self.synced += summary.synced;
        self.created += summary.created;
        self.updated += summary.updated;
        self.unchanged += summary.unchanged;
        self.revived += summary.revived;
        self.adopted += summary.adopted;
        self.orphaned += summary.orphaned;
        self.held += summary.held;
        self.quarantined += summary.quarantined;
    }

    fn name_failure(&mut self, job: &JobView) {
        if self.failed.len() < NAMED_FAILURES {
            let company_id = job.args.get("company_id").and_then(Value::as_i64);
            self.failed.push(FailedCompany {
                company_id: company_id.unwrap_or_default(),
                code: job.code.clone().unwrap_or_else(|| "cancelled".into()),
            });
        }
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
