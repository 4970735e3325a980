//! `creatio.sync_all`: everything of a Creatio, or of every one: look at what it has, then make both sides say the same.

use std::time::Duration;

use connectors::reach::Service;
use engine::{Batch, Cx, Filter, Job, JobQuery, NewJob, Outcome, Policy, State};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::enqueue::{observe_part, part, reconcile_part};
use super::{Counts, Sort};
use crate::{Env, Error};

/// Errors that the result names.
const NAMED: usize = 20;
/// How long failed parts are searched for among the others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Observes contacts, leads, activities and participants, then reconciles until nothing is due.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncAll {
    /// The connection: `creatio/acme`; none is all that the settings declare.
    pub connection: Option<String>,
    /// Only what was modified there since last time.
    pub changed: bool,
}

/// The result of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    #[serde(flatten)]
    pub counts: Counts,
    /// Records that Creatio was seen to have.
    pub seen: i64,
    /// The first parts that failed, 20 at the most: what, and a word.
    pub errors: Vec<String>,
}

impl Job for SyncAll {
    const KIND: &'static str = "creatio.sync_all";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let mut totals = Totals::default();
        match self.connection.clone() {
            Some(connection) => self.of_one(&cx, connection, &mut totals).await?,
            None => self.of_all(&cx, &mut totals).await?,
        }
        totals.name_failed(&cx).await?;
        Ok(Outcome::done_with(totals)?)
    }
}

impl SyncAll {
    async fn of_one(
        &self,
        cx: &Cx<Env>,
        connection: String,
        totals: &mut Totals,
    ) -> Result<(), Error> {
        cx.env().connections.find(&connection)?;
        let (parent, changed) = (cx.job_id(), self.changed);
        let of = connection.clone();
        let observed = cx
            .children("observe", move |_| {
                Box::pin(async move {
                    let parts = Sort::ALL.map(|sort| observe_part(parent, &of, sort, changed));
                    Ok::<_, Error>(parts.to_vec())
                })
            })
            .await?;
        for result in results(cx, &observed).await? {
            totals.seen += result["seen"].as_i64().unwrap_or(0);
        }
        let reconciled = cx
            .children("reconcile", move |_| {
                Box::pin(async move { Ok::<_, Error>(vec![reconcile_part(parent, &connection)]) })
            })
            .await?;
        for result in results(cx, &reconciled).await? {
            if let Ok(counts) = serde_json::from_value(result) {
                totals.counts.add(counts);
            }
        }
        Ok(())
    }

    async fn of_all(&self, cx: &Cx<Env>, totals: &mut Totals) -> Result<(), Error> {
        let (parent, changed) = (cx.job_id(), self.changed);
        let declared = cx.env().connections.declared().iter();
        let creatios = declared.filter(|one| one.service == Service::Creatio);
        let parts: Vec<NewJob> = creatios
            .map(|one| part(parent, &one.name, changed))
            .collect();
        if parts.is_empty() {
            return Ok(());
        }
        let batch = cx
            .children("connections", move |_| {
                Box::pin(async move { Ok::<_, Error>(parts) })
            })
            .await?;
        for result in results(cx, &batch).await? {
            if let Ok(part) = serde_json::from_value::<Totals>(result) {
                totals.seen += part.seen;
                totals.counts.add(part.counts);
                part.errors.into_iter().for_each(|error| totals.name(error));
            }
        }
        Ok(())
    }
}

/// As many as there are sorts or connections.
async fn results(cx: &Cx<Env>, batch: &Batch) -> Result<Vec<Value>, Error> {
    let mut results: Vec<Value> = cx.client().batch_results(batch.id).try_collect().await?;
    for job_id in &batch.twins {
        if let Some(job) = cx.client().job(*job_id).await? {
            results.extend(job.result);
        }
    }
    Ok(results)
}

impl Totals {
    async fn name_failed(&mut self, cx: &Cx<Env>) -> Result<(), Error> {
        for state in [State::Dead, State::Cancelled] {
            let query = JobQuery {
                limit: u16::try_from(NAMED).ok(),
                ..Filter::new().parent(cx.job_id()).state(state).into()
            };
            for job in cx.client().search(query, PATIENCE).await?.data {
                let connection = job.args["connection"].as_str().unwrap_or_default();
                let stream = job.args["stream"]
                    .as_str()
                    .map_or_else(String::new, |stream| format!(" {stream}s"));
                let code = job.code.as_deref().unwrap_or("cancelled");
                self.name(format!("{connection}{stream}: {} failed: {code}", job.kind));
            }
        }
        Ok(())
    }

    fn name(&mut self, error: String) {
        if self.errors.len() < NAMED {
            self.errors.push(error);
        }
    }
}

impl Counts {
    pub(crate) fn add(&mut self, other: Counts) {
        self.created_in_creatio += other.created_in_creatio;
        self.updated_in_creatio += other.updated_in_creatio;
        self.deleted_in_creatio += other.deleted_in_creatio;
        self.created_here += other.created_here;
        self.updated_here += other.updated_here;
        self.deleted_here += other.deleted_here;
        self.linked += other.linked;
        self.conflicts += other.conflicts;
        self.in_review += other.in_review;
        self.failed += other.failed;
    }
}
