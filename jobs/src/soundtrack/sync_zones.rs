//! `soundtrack.sync_zones`: the zones of one company.

use std::sync::Arc;
use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};

use super::CONNECTION;
use super::stream::Zones;
use crate::company::Company;
use crate::flow::pull::pull;
use crate::run::{Run, Status};
use crate::{Counters, Env, Error, Preview, company, flow};

/// Pages through all zones of a company's account and keeps the company's rows true to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncZones {
    /// The company.
    pub company_id: i64,
}

/// The result of the job: what its run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The company.
    pub company_id: i64,
    /// Its name when the run ended.
    pub company_name: String,
    /// The run, for `jobs::run`.
    pub run_id: i64,
    /// `succeeded`, `partial` or `held`.
    pub status: String,
    /// How the sweep ended; see [`Run::sweep`].
    pub sweep: String,
    /// Zones seen and read: the sum of the next five.
    pub synced: i32,
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
    /// Rows that were missing and not marked, since a person must look first.
    pub held: i32,
    /// Zones that could not be read.
    pub quarantined: i32,
    /// What the callers of the replaced system know as errors: the zones in quarantine.
    pub errors: i32,
    /// Pages read, of all walks.
    pub pages: i32,
}

impl Job for SyncZones {
    const KIND: &'static str = "soundtrack.sync_zones";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            // A walk of many pages that waits for the rate limit gives its slot back meanwhile.
            timeout: Duration::from_secs(120),
            backoff: Backoff {
                base_ms: 10_000,
                factor: 2.0,
                max_ms: 1_800_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        let (company, stream) = zones(cx.env(), self.company_id).await?;
        let conclude =
            Arc::new(move |run: &Run, _: &[_]| Ok(Outcome::done_with(Summary::of(run, &company))?));
        pull(&cx, &stream, conclude).await
    }
}

/// What a sync of the company would do now, without doing it.
///
/// # Errors
/// As the sync itself; [`Error::Remote`] above all.
pub async fn preview(env: &Env, company_id: i64) -> Result<Preview, Error> {
    let (_, stream) = zones(env, company_id).await?;
    flow::preview::preview(env, &stream).await
}

async fn zones(env: &Env, company_id: i64) -> Result<(Company, Zones), Error> {
    let company = company::syncable(&env.pool, company_id).await?;
    let stream = Zones {
        client: env.connections.soundtrack(CONNECTION).await?,
        company_id,
        account_id: company.soundtrack_account_id.clone().unwrap_or_default(),
    };
    Ok((company, stream))
}

impl Summary {
    fn of(run: &Run, company: &Company) -> Summary {
        let Counters {
            created,
            updated,
            unchanged,
            revived,
            adopted,
            quarantined,
            ..
        } = run.counters;
        tracing::info!(
            run.id,
            company.id,
            run.status = run.status.as_str(),
            run.pages,
            created,
            updated,
            unchanged,
            revived,
            adopted,
            quarantined,
            orphaned = run.orphaned,
            held = run.held,
            "run {} of company {} ended as {}",
            run.id,
            company.id,
            run.status.as_str()
        );
        if run.status == Status::Held {
            tracing::warn!(
                run.id,
                company.id,
                held = run.held,
                "run {} of company {} misses {} zones and marked none: lockstep sweep show {}",
                run.id,
                company.id,
                run.held,
                run.id
            );
        }
        Summary {
            company_id: company.id,
            company_name: company.name.clone(),
            run_id: run.id,
            status: run.status.as_str().to_owned(),
            sweep: run.sweep.clone().unwrap_or_default(),
            synced: run.counters.synced(),
            created,
            updated,
            unchanged,
            revived,
            adopted,
            orphaned: run.orphaned,
            held: run.held,
            quarantined,
            errors: quarantined,
            pages: run.pages,
        }
    }
}
