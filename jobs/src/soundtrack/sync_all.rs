//! `soundtrack.sync_all`: one child job a company that has an account, and their totals at the end.

use std::time::Duration;

use engine::{Cx, Filter, Job, JobQuery, Outcome, Policy, State};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::enqueue::part;
use super::sync_zones::Summary;
use crate::plan::fan_out::next_look;
use crate::store::fan_out::FanOut;
use crate::{Env, Error, store};

/// Failed companies that the result names. All of them are in the list of dead jobs.
const NAMED_FAILURES: usize = 20;

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
        let Some(fan_out) =
            store::fan_out::get(&mut *cx.env().pool.acquire().await?, cx.job_id()).await?
        else {
            enqueue_children(&cx).await?;
            return Ok(Outcome::Snooze(next_look(Duration::ZERO)));
        };
        let children = cx.client().children(cx.job_id()).await?;
        if children.live > 0 || !twins_ended(&cx, &fan_out).await? {
            return Ok(Outcome::Snooze(next_look(fan_out.waited)));
        }
        let mut totals = totals_of_children(&cx, &fan_out).await?;
        totals.companies_failed =
            i32::try_from(children.dead + children.cancelled).unwrap_or(i32::MAX);
        add_twins(&cx, &fan_out, &mut totals).await?;
        totals.errors = totals.quarantined.saturating_add(totals.companies_failed);
        Ok(Outcome::done_with(totals)?)
    }
}

/// Writes the children and the fact that they are written in one transaction, so that a parent
/// that is tried again finds them and never makes more.
async fn enqueue_children(cx: &Cx<Env>) -> Result<(), Error> {
    let attempt = cx.clone();
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            let (with, without): (Vec<_>, Vec<_>) = store::company::all(tx)
                .await?
                .into_iter()
                .partition(|(_, has_account)| *has_account);
            let parts: Vec<_> = with
                .iter()
                .map(|(id, _)| part(attempt.job_id(), *id))
                .collect();
            let enqueued = attempt.client().enqueue_in(tx, &parts).await?;
            // A company that somebody else syncs just now: that job stands for the child.
            let twins: Vec<(i64, Uuid)> = with
                .iter()
                .zip(parts.iter().zip(&enqueued))
                .filter(|(_, (part, stands))| part.id() != stands.id)
                .map(|((company_id, _), (_, stands))| (*company_id, stands.id))
                .collect();
            let (companies, skipped) = (count(with.len()), count(without.len()));
            store::fan_out::insert(tx, attempt.job_id(), companies, skipped, &twins).await
        })
    })
    .await
}

/// Asks after the twins in their order, and remembers how far they have ended.
async fn twins_ended(cx: &Cx<Env>, fan_out: &FanOut) -> Result<bool, Error> {
    let mut ended = usize::try_from(fan_out.twins_ended).unwrap_or(0);
    let before = ended;
    while let Some((_, job_id)) = fan_out.twins.get(ended) {
        // A twin that is no more has been pruned, long after its end.
        if cx
            .client()
            .job(*job_id)
            .await?
            .is_some_and(|job| !job.state.is_terminal())
        {
            break;
        }
        ended += 1;
    }
    if ended > before {
        let mut conn = cx.env().pool.acquire().await?;
        store::fan_out::twins_ended(&mut conn, cx.job_id(), count(ended)).await?;
    }
    Ok(ended == fan_out.twins.len())
}

async fn totals_of_children(cx: &Cx<Env>, fan_out: &FanOut) -> Result<Totals, Error> {
    let mut totals = Totals {
        companies: fan_out.companies,
        skipped: fan_out.skipped,
        ..Totals::default()
    };
    for result in cx.client().child_results(cx.job_id()).await? {
        if let Ok(summary) = serde_json::from_value(result) {
            totals.add(&summary);
        }
    }
    for state in [State::Dead, State::Cancelled] {
        let query = JobQuery {
            limit: u16::try_from(NAMED_FAILURES).ok(),
            ..Filter::new().parent(cx.job_id()).state(state).into()
        };
        for job in cx.client().jobs(query).await?.data {
            let company_id = job
                .args
                .get("company_id")
                .and_then(serde_json::Value::as_i64);
            totals.name_failure(company_id.unwrap_or_default(), job.code);
        }
    }
    Ok(totals)
}

/// The twins are no children, so nobody but us counts them.
async fn add_twins(cx: &Cx<Env>, fan_out: &FanOut, totals: &mut Totals) -> Result<(), Error> {
    for (company_id, job_id) in &fan_out.twins {
        let Some(job) = cx.client().job(*job_id).await? else {
            continue;
        };
        match job.result.map(serde_json::from_value) {
            Some(Ok(summary)) => totals.add(&summary),
            _ => {
                totals.companies_failed += 1;
                totals.name_failure(*company_id, job.code);
            }
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

    fn name_failure(&mut self, company_id: i64, code: Option<String>) {
        if self.failed.len() < NAMED_FAILURES {
            self.failed.push(FailedCompany {
                company_id,
                code: code.unwrap_or_else(|| "cancelled".into()),
            });
        }
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
