//! Runs: what each sync of a company did.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::Counters;
use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Under way, or waiting for a job that goes on with it.
    Running,
    /// The walk was complete and every record was good.
    Succeeded,
    /// Applied, but records are in quarantine or the walk does not prove that it saw everything.
    Partial,
    /// Applied, and a person must look before what is missing is marked as gone.
    Held,
    /// Given up. The pages before the fault stay applied.
    Failed,
}

impl Status {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Partial => "partial",
            Status::Held => "held",
            Status::Failed => "failed",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Status> {
        [
            Status::Running,
            Status::Succeeded,
            Status::Partial,
            Status::Held,
            Status::Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// One firing of a sync of one company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: i64,
    /// What was listed: `soundtrack.zones`.
    pub stream: String,
    /// Whose.
    pub company_id: i64,
    /// The job that has it, or had it last.
    pub job_id: Uuid,
    /// How it stands.
    pub status: Status,
    /// Walks begun. More than one: a first walk drifted, or its gaps were confirmed by another.
    pub walks: i16,
    /// Pages applied, of all walks.
    pub pages: i32,
    /// What became of the records.
    #[serde(flatten)]
    pub counters: Counters,
    /// Zones marked as gone.
    pub orphaned: i32,
    /// Zones that were missing and not marked, since that was held.
    pub held: i32,
    /// How the sweep ended: `nothing`, `swept`, `held_empty`, `held_large`, `scope_changed` or
    /// `unproven`.
    pub sweep: Option<String>,
    /// The stable word of what ended a failed run.
    pub code: Option<String>,
    /// What ended it, in words.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Its last sign of life.
    pub touched_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The newest runs, of one company or of all, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`], as everything here.
pub async fn list(pool: &PgPool, company_id: Option<i64>, limit: u16) -> Result<Vec<Run>, Error> {
    let limit = i64::from(limit.clamp(1, LARGEST_PAGE));
    store::run::list(&mut *pool.acquire().await?, company_id, limit).await
}

/// The newest run of a company.
pub async fn latest(pool: &PgPool, company_id: i64) -> Result<Option<Run>, Error> {
    Ok(list(pool, Some(company_id), 1).await?.into_iter().next())
}
