//! Progress: where a run is, and what became of the records so far.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Mode, Partition, Stream};
use crate::Error;
use crate::plan::classify::Class;

/// What was fetched, and where each record of it ended: in exactly one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Records that answers had, counted before any was looked at: the sum of all that follow.
    pub fetched: i32,
    /// Rows made.
    pub created: i32,
    /// Rows written since their content changed.
    pub updated: i32,
    /// Rows not touched.
    pub unchanged: i32,
    /// Rows not touched, since the answer was older than what is stored.
    pub stale: i32,
    /// Rows that had been marked as gone.
    pub revived: i32,
    /// Rows that a person had made and that took over a remote id.
    pub adopted: i32,
    /// Records that an earlier page of the run named already.
    pub duplicate: i32,
    /// Records that could not be read.
    pub quarantined: i32,
    /// Records that could not be read, and that a person has said to ignore.
    pub ignored: i32,
    /// Records that were asked for by id and that the remote has no more.
    pub gone: i32,
}

impl Counters {
    /// Distinct records that could be read.
    pub fn synced(&self) -> i32 {
        self.created + self.updated + self.unchanged + self.stale + self.revived + self.adopted
    }

    /// Records whose end is known.
    pub(crate) fn accounted(&self) -> i32 {
        self.synced() + self.duplicate + self.quarantined + self.ignored + self.gone
    }

    /// A record that was fetched and ended nowhere, or twice, is a fault of this program: what it says of a
    /// listing proves nothing then.
    ///
    /// # Errors
    /// [`Error::Miscounted`].
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.accounted() {
            accounted if accounted == self.fetched => Ok(()),
            accounted => Err(Error::Miscounted {
                fetched: self.fetched,
                accounted,
            }),
        }
    }

    pub(super) fn count(&mut self, class: Class) {
        let counter = match class {
            Class::Created => &mut self.created,
            Class::Updated => &mut self.updated,
            Class::Unchanged => &mut self.unchanged,
            Class::Revived => &mut self.revived,
            Class::Stale => &mut self.stale,
        };
        *counter += 1;
    }
}

/// Where a run under way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) id: i64,
    pub(crate) partition: Partition,
    pub(crate) job_id: Uuid,
    pub(crate) mode: Mode,
    /// Only what was modified after it is asked for.
    pub(crate) since: Option<Timestamp>,
    pub(crate) scope: String,
    /// The connection's secrets when the run began.
    pub(crate) principal: i64,
    /// The scope and the secrets of the last complete walk of this stream and partition.
    pub(crate) known: Option<(String, i64)>,
    /// The number of the walk, from 1.
    pub(crate) generation: u16,
    pub(crate) cursor: Option<String>,
    /// Of all walks.
    pub(crate) pages: i32,
    pub(crate) walk_pages: i32,
    pub(crate) walk_total: Option<i64>,
    pub(crate) walk_is_clean: bool,
    pub(crate) walk_has_drifted: bool,
    /// The remote's clock at the first page of the walk.
    pub(crate) server_at: Option<Timestamp>,
    pub(crate) clean_walks: u16,
    pub(crate) counters: Counters,
    /// Its cursor is too old to be trusted.
    pub(crate) is_stale: bool,
}

impl Progress {
    /// Where a run would be at the end of its first walk.
    pub(super) fn previewed<S: Stream>(
        stream: &S,
        mode: Mode,
        principal: i64,
        known: Option<(String, i64)>,
    ) -> Progress {
        Progress {
            id: 0,
            partition: stream.partition(),
            job_id: Uuid::nil(),
            mode,
            since: None,
            scope: stream.scope(),
            principal,
            known,
            generation: 1,
            cursor: None,
            pages: 0,
            walk_pages: 0,
            walk_total: None,
            walk_is_clean: true,
            walk_has_drifted: false,
            server_at: None,
            clean_walks: 0,
            counters: Counters::default(),
            is_stale: false,
        }
    }

    /// The same run at the beginning of another walk, after one that proved nothing. What was seen
    /// stays seen, so the error is on the safe side: a record that went meanwhile is noticed a
    /// run later.
    pub(crate) fn at_new_walk(&self, clean_walks: u16) -> Progress {
        Progress {
            generation: self.generation + 1,
            cursor: None,
            walk_pages: 0,
            walk_total: None,
            walk_is_clean: true,
            walk_has_drifted: false,
            server_at: None,
            clean_walks,
            is_stale: false,
            ..self.clone()
        }
    }
}
