//! Runs: what each sync of a listing did.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

pub use crate::flow::{Mode, Partition};

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

    /// All of them.
    pub const ALL: [Status; 5] = [
        Status::Running,
        Status::Succeeded,
        Status::Partial,
        Status::Held,
        Status::Failed,
    ];

    /// From the word in the table.
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// One firing of a sync of one listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: i64,
    /// What was listed: `soundtrack.zones`.
    pub stream: String,
    /// The company, where the listing is one company's.
    pub company_id: Option<i64>,
    /// The connection, where the listing is a whole connection's.
    pub connection: Option<String>,
    /// How much of the listing was asked for.
    pub mode: Mode,
    /// What was asked for was modified after it, by the remote's clock.
    pub since_at: Option<Timestamp>,
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
    /// Rows marked as gone.
    pub orphaned: i32,
    /// Rows that were missing and not marked, since that was held.
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

/// Which runs. What is not said does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this stream: `zoho.products`.
    pub stream: Option<String>,
    /// Whose listing.
    pub partition: Option<Partition>,
    /// How they stand.
    pub status: Option<Status>,
    /// Those before the run of this id.
    pub before: Option<i64>,
}

/// The newest runs first, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`], as everything here.
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Run, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::run::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |run| Cursor::of(run.id)))
}

/// One run.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Database`].
pub async fn get(pool: &PgPool, id: i64) -> Result<Run, Error> {
    let mut conn = pool.acquire().await?;
    let found = store::run::get(&mut conn, id).await?;
    found.ok_or_else(|| Error::NoSuch {
        what: "run",
        id: id.to_string(),
    })
}

/// The newest run of a partition.
pub async fn latest(pool: &PgPool, partition: &Partition) -> Result<Option<Run>, Error> {
    let filter = Filter {
        partition: Some(partition.clone()),
        ..Filter::default()
    };
    let newest = list(pool, &filter, 1).await?;
    Ok(newest.data.into_iter().next())
}
