//! `soundtrack.sync_zones`: the zones of one company.

use std::sync::Arc;
use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};

use super::CONNECTION;
use super::stream::Zones;
use crate::flow::pull::pull;
use crate::run::{Run, Status};
use crate::{Counters, Env, Error, company};

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
        let company = company::syncable(&cx.env().pool, self.company_id).await?;
        let client = cx.env().connections.soundtrack(CONNECTION).await?;
        let account_id = company.soundtrack_account_id.unwrap_or_default();
        let stream = Zones { client, account_id };
        let name = company.name;
        let conclude =
            Arc::new(move |run: &Run| Ok(Outcome::done_with(Summary::of(run, name.clone()))?));
        pull(&cx, &stream, self.company_id, conclude).await
    }
}

impl Summary {
    fn of(run: &Run, company_name: String) -> Summary {
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
            company.id = run.company_id,
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
            run.company_id,
            run.status.as_str()
        );
        if run.status == Status::Held {
            tracing::warn!(
                run.id,
                company.id = run.company_id,
                held = run.held,
                "run {} of company {} misses {} zones and marked none: look before the next",
                run.id,
                run.company_id,
                run.held
            );
        }
        Summary {
            company_id: run.company_id,
            company_name,
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
