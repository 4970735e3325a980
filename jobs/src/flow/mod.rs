//! The loops that every sync shares. A connector says how a page is asked for and what a record is, a
//! [`Table`] where records are kept; how they are paged, compared, counted, kept, swept, explained and
//! resumed is said once, here.

mod finish;
mod merge;
mod open;
mod page;
pub(crate) mod preview;
mod progress;
pub(crate) mod pull;
pub(crate) mod reconcile;
mod record;

use std::fmt;
use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::postgres::PgConnection;

pub use progress::Counters;
pub(crate) use progress::Progress;
pub(crate) use record::{Bad, Next, Page, Record, text};

use crate::Error;
pub(crate) use crate::store::record::Table;

/// One sort of remote thing, listed page by page.
pub(crate) trait Stream: Clone + Send + Sync + 'static {
    /// In `sync.run` and `sync.stream`; SQL that is about the stream names it too.
    const NAME: &'static str;
    /// Where its records are kept.
    const TABLE: Table;

    /// Whose breaker hears how the calls end, a rate key of the job; and whose secrets open the listing.
    fn connection(&self) -> &str;

    /// Whose listing it is.
    fn partition(&self) -> Partition;

    /// What the listing depends on. Under another scope, a row that is missing proves nothing.
    fn scope(&self) -> String;

    /// How much of the listing is asked for.
    fn mode(&self) -> Mode {
        Mode::All
    }

    /// The page at a cursor; none is the first. With `since`, of what was modified after it.
    fn page(
        &self,
        cursor: Option<String>,
        since: Option<Timestamp>,
    ) -> impl Future<Output = Result<Page, connectors::Error>> + Send;

    /// After a complete walk: lets rows without a remote id take over one, and says how many did.
    fn adopt(
        _tx: &mut PgConnection,
        _run_id: i64,
        _partition: &Partition,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        async { Ok(0) }
    }
}

/// Whose listing it is: what one walk covers, and one sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// What one company has at the remote.
    Company(i64),
    /// All that a connection opens, by its name.
    Connection(String),
}

/// How much of a listing a run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of it. Only such a run may mark what is missing.
    All,
    /// What was modified since the last run that saw its end, with an overlap.
    Changed,
    /// Records by their ids.
    Chosen,
}

impl Partition {
    /// As the tables have it.
    pub(crate) fn key(&self) -> String {
        match self {
            Partition::Company(id) => format!("company:{id}"),
            Partition::Connection(name) => name.clone(),
        }
    }

    pub(crate) fn company_id(&self) -> Option<i64> {
        match self {
            Partition::Company(id) => Some(*id),
            Partition::Connection(_) => None,
        }
    }

    pub(crate) fn connection(&self) -> Option<&str> {
        match self {
            Partition::Company(_) => None,
            Partition::Connection(name) => Some(name),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Company(id) => write!(f, "company {id}"),
            Partition::Connection(name) => f.write_str(name),
        }
    }
}

impl Mode {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::All => "all",
            Mode::Changed => "changed",
            Mode::Chosen => "chosen",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Mode> {
        [Mode::All, Mode::Changed, Mode::Chosen]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}
