//! The loops that every sync shares. A system says what its records are; how they are paged,
//! counted, kept and resumed is said once, here.

mod finish;
mod open;
mod page;
pub(crate) mod pull;

use std::future::Future;

use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::plan::classify::Class;
use crate::plan::fingerprint::fingerprint;

/// One sort of remote thing of one company, listed page by page.
pub(crate) trait Stream: Clone + Send + Sync + 'static {
    /// In `sync.run` and `sync.stream`; the SQL of the stream names it too.
    const NAME: &'static str;
    type Record: Send + Sync + 'static;

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
            None => fingerprint(&self.raw).iter().fold("sha256:".to_owned(), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }
    }
}

/// Where every fetched record ends: in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Rows made.
    pub created: i32,
    /// Rows written since their content changed.
    pub updated: i32,
    /// Rows not touched.
    pub unchanged: i32,
    /// Rows that had been marked as gone.
    pub revived: i32,
    /// Rows that a person had made and that took over a remote id.
    pub adopted: i32,
    /// Records that an earlier page of the run named already.
    pub duplicate: i32,
    /// Records that could not be read.
    pub quarantined: i32,
}

impl Counters {
    /// Distinct records that could be read.
    pub fn synced(&self) -> i32 {
        self.created + self.updated + self.unchanged + self.revived + self.adopted
    }

    fn fetched(&self) -> u64 {
        u64::from((self.synced() + self.duplicate + self.quarantined).unsigned_abs())
    }

    fn count(&mut self, class: Class) {
        let counter = match class {
            Class::Created => &mut self.created,
            Class::Updated => &mut self.updated,
            Class::Unchanged => &mut self.unchanged,
            Class::Revived => &mut self.revived,
        };
        *counter += 1;
    }
}

/// Where a run under way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) id: i64,
    pub(crate) company_id: i64,
    pub(crate) job_id: Uuid,
    pub(crate) scope: String,
    /// The scope of the last complete walk of this stream and company.
    pub(crate) known_scope: Option<String>,
    /// The number of the walk, from 1.
    pub(crate) generation: u16,
    pub(crate) cursor: Option<String>,
    /// Of all walks.
    pub(crate) pages: i32,
    pub(crate) walk_pages: i32,
    pub(crate) walk_total: Option<i64>,
    pub(crate) walk_is_clean: bool,
    pub(crate) walk_has_drifted: bool,
    pub(crate) clean_walks: u16,
    pub(crate) counters: Counters,
    /// Its cursor is too old to be trusted.
    pub(crate) is_stale: bool,
}

impl Progress {
    /// The same run at the beginning of another walk, after one that proved nothing. What was seen
    /// stays seen, so the error is on the safe side: a zone that went meanwhile is noticed a run
    /// later.
    pub(crate) fn at_new_walk(&self, clean_walks: u16) -> Progress {
        Progress {
            generation: self.generation + 1,
            cursor: None,
            walk_pages: 0,
            walk_total: None,
            walk_is_clean: true,
            walk_has_drifted: false,
            clean_walks,
            is_stale: false,
            ..self.clone()
        }
    }
}
