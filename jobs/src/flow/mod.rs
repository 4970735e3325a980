//! The loops that every sync shares. A system says what its records are; how they are paged,
//! counted, kept and resumed is said once, here.

mod finish;
mod open;
mod page;
mod progress;
pub(crate) mod pull;

use std::future::Future;

use serde_json::Value;
use sqlx::postgres::PgConnection;

pub use progress::Counters;
pub(crate) use progress::Progress;

use crate::Error;
use crate::plan::classify::Class;
use crate::plan::fingerprint::fingerprint;

/// One sort of remote thing of one company, listed page by page.
pub(crate) trait Stream: Clone + Send + Sync + 'static {
    /// In `sync.run` and `sync.stream`; the SQL of the stream names it too.
    const NAME: &'static str;
    type Record: Send + Sync + 'static;

    /// Whose breaker hears how the calls end: a rate key of the job.
    const CONNECTION: &'static str;

    /// What the listing depends on. Under another scope, a row that is missing proves nothing.
    fn scope(&self) -> &str;

    /// The identity of a record at the remote.
    fn key(record: &Self::Record) -> &str;

    /// The page at a cursor; none is the first.
    fn page(
        &self,
        cursor: Option<String>,
    ) -> impl Future<Output = Result<Page<Self::Record>, connectors::Error>> + Send;

    /// Compares distinct records with what is stored, writes those that changed, and answers what
    /// each of them was, in their order.
    fn merge(
        tx: &mut PgConnection,
        company_id: i64,
        records: &[Self::Record],
    ) -> impl Future<Output = Result<Vec<Class>, Error>> + Send;

    /// What no page of the run named. `last` are the ids of the last page.
    fn missing(
        tx: &mut PgConnection,
        run_id: i64,
        last: &[String],
    ) -> impl Future<Output = Result<Missing, Error>> + Send;

    /// Marks the missing as gone and says how many.
    fn sweep(
        tx: &mut PgConnection,
        run_id: i64,
        last: &[String],
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// After a complete walk: lets rows without a remote id take over one, and says how many did.
    fn adopt(
        tx: &mut PgConnection,
        run_id: i64,
        company_id: i64,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

/// What is stored beside what a run has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Rows with a remote id that are not marked as gone.
    pub(crate) known: u64,
    /// Those of them that no page of the run named.
    pub(crate) candidates: u64,
    /// Rows without a remote id.
    pub(crate) without_id: u64,
}

/// One answerful.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) records: Vec<R>,
    pub(crate) bad: Vec<Bad>,
    pub(crate) next: Next,
    /// How many records the remote says the whole listing has.
    pub(crate) total: Option<u64>,
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    More(String),
    End,
    /// The answer does not say so that it can be believed: the walk ends and proves nothing.
    Unclear,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bad {
    /// Its id, when at least that could be read.
    pub(crate) key: Option<String>,
    pub(crate) field: String,
    pub(crate) expected: String,
    pub(crate) raw: Value,
}

impl Bad {
    /// What it is known by in quarantine.
    pub(crate) fn quarantine_key(&self) -> String {
        use std::fmt::Write as _;
        match &self.key {
            Some(key) => key.clone(),
            None => fingerprint(&self.raw)
                .iter()
                .fold("sha256:".to_owned(), |mut text, byte| {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                }),
        }
    }
}
