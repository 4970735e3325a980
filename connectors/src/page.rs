//! One answerful of records: what every listing gives, whatever the remote.

use std::fmt;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::{RecordError, Verdict};

/// One page of a walk over a listing.
///
/// A walk has listed everything only if its last page says [`Next::End`] and every item has an id.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<Item<T>>,
    pub next: Next,
    /// How many records the whole list had when this page was read, if the remote counts them.
    pub total: Option<u64>,
    /// The remote gave records that the filter it was sent should have kept back.
    pub filter_ignored: bool,
    /// The remote's clock at the answer, whole seconds.
    pub server_date: Option<Timestamp>,
}

impl<T> Page<T> {
    /// [`Verdict::OkPartial`] if the walk cannot be believed to have seen everything so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.next {
            Next::Unclear => Verdict::OkPartial,
            Next::More(_) | Next::End => Verdict::Ok,
        }
    }
}

/// One record of a page, readable or not.
pub struct Item<T> {
    /// `None` if not even the id can be read.
    pub id: Option<String>,
    /// The record as it came.
    pub raw: Box<RawValue>,
    pub decoded: Result<T, RecordError>,
}

/// Records carry names and numbers of people: only the id is shown.
impl<T> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.id)
            .field("raw_bytes", &self.raw.get().len())
            .field("error", &self.decoded.as_ref().err())
            .finish_non_exhaustive()
    }
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another page, by this opaque cursor.
    More(String),
    /// The remote says that the list ends here, and nothing on the way speaks against it.
    End,
    /// The remote does not say, or contradicts itself: the walk stops and is not complete.
    Unclear,
}
