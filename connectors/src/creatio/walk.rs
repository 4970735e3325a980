//! A walk by key: each page asks for what stands behind the last record of the one before, by `ModifiedOn` and
//! then `Id`, so records that come, go and move elsewhere shift nothing. Pure.
//!
//! ```text
//!  ModifiedOn   1   2   2   2   5   7        a record that is changed meanwhile goes to the end,
//!               ─────────┬───────────        where the walk meets it (again); `$skip` would pass
//!  page 1 ends here ─────┘ (2, b)            over the one that took its place (sheet trap 6)
//! ```
//! - A page is the last if the remote's count says that nothing is behind it, or if it is empty: a short one
//!   proves nothing, for the remote may cut.
//! - A walk behind which fewer records are left than must be went past a deletion, or past one that jumped
//!   back: it goes on and ends as [`Next::Unclear`].
//! - A remote that keeps instants more exactly than it tells them gives the last records once more. They are
//!   known by the last one's id and left out; ids are never compared, for their order is the remote's.

use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;
use crate::page::Next;

/// How far a walk has come; its text is the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `ModifiedOn` of the last record that was read.
    pub(super) at: Timestamp,
    pub(super) id: Uuid,
    /// How many records must still be behind it, if none was deleted.
    behind: Option<u64>,
    doubt: bool,
}

/// A page that came, as far as the walk cares.
#[derive(Debug)]
pub(super) struct Came {
    /// Id and `ModifiedOn` of the rows, in their order.
    pub(super) rows: Vec<(Option<Uuid>, Option<Timestamp>)>,
    /// `@odata.count`: all rows that the filter lets through.
    pub(super) count: Option<u64>,
    /// `@odata.nextLink` is there, so something is behind.
    pub(super) has_link: bool,
}

/// What a page means for its walk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// How many rows at the front were on the page before.
    pub(super) known: usize,
    pub(super) next: Next,
}

impl Place {
    pub(super) fn read(cursor: &str) -> Option<Self> {
        let (behind, place) = cursor.split_once('|')?;
        let (behind, doubt) = match behind.strip_suffix('!') {
            Some(behind) => (behind, true),
            None => (behind, false),
        };
        let behind = match behind {
            "" => None,
            behind => Some(behind.parse().ok()?),
        };
        let (at, id) = place.split_once('|')?;
        Some(Self {
            at: at.parse().ok()?,
            id: Uuid::parse_str(id).ok()?,
            behind,
            doubt,
        })
    }

    fn write(&self) -> String {
        let behind = self.behind.map(|behind| behind.to_string());
        let doubt = if self.doubt { "!" } else { "" };
        let (at, id) = (self.at, self.id);
        format!("{}{doubt}|{at}|{id}", behind.unwrap_or_default())
    }
}

/// Where the walk stands after a page. `bounded`: only records since an instant were asked for, so that none is
/// an answer and not a sign of missing rights.
///
/// # Errors
/// [`Error::PageInvalid`] if the page repeats what was read before or one row twice, or is not in order.
pub(super) fn step(
    action: &str,
    place: Option<&Place>,
    bounded: bool,
    came: &Came,
) -> Result<Step, Error> {
    let invalid = |reason| Error::PageInvalid {
        action: action.to_owned(),
        reason,
    };
    if !is_in_order(place, &came.rows) {
        return Err(invalid("it is not in the order that was asked for"));
    }
    if repeats(&came.rows) {
        return Err(invalid("it has a record twice"));
    }
    let known = place.map_or(0, |place| known(place, &came.rows));
    let fresh = came.rows.len() - known;
    let left = came.count.map(|count| count.saturating_sub(known as u64));
    if known > 0 && fresh == 0 && left != Some(0) {
        return Err(invalid("it repeats records"));
    }
    let expected = place.and_then(|place| place.behind);
    let shrank = matches!((expected, left), (Some(expected), Some(left)) if left < expected);
    let doubt = shrank
        || place.is_some_and(|place| place.doubt)
        || left.is_some_and(|left| left < fresh as u64);
    let end = || if doubt { Next::Unclear } else { Next::End };
    let last = came.rows.last().copied().unwrap_or_default();
    let next = match (fresh, left) {
        (0, Some(left)) if left > 0 => Next::Unclear,
        (0, None) if expected.is_some_and(|expected| expected > 0) => Next::Unclear,
        (0, _) if came.has_link => Next::Unclear,
        // Rights hide records in silence, perhaps all of them.
        (0, _) if place.is_none() && !bounded => Next::Unclear,
        (0, _) => end(),
        (_, Some(left)) if left <= fresh as u64 && !came.has_link => end(),
        (_, left) => match last {
            (Some(id), Some(at)) => Next::More(
                Place {
                    at,
                    id,
                    behind: left.map(|left| left.saturating_sub(fresh as u64)),
                    doubt,
                }
                .write(),
            ),
            // Without a key there is no way on.
            _ => Next::Unclear,
        },
    };
    Ok(Step { known, next })
}

/// Up to and with the last record of the page before, if the page begins with what was read.
fn known(place: &Place, rows: &[(Option<Uuid>, Option<Timestamp>)]) -> usize {
    let last = (Some(place.id), Some(place.at));
    rows.iter()
        .position(|row| *row == last)
        .map_or(0, |at| at + 1)
}

fn is_in_order(place: Option<&Place>, rows: &[(Option<Uuid>, Option<Timestamp>)]) -> bool {
    let mut before = place.map(|place| place.at);
    for at in rows.iter().filter_map(|(_, at)| *at) {
        if before.is_some_and(|before| at < before) {
            return false;
        }
        before = Some(at);
    }
    true
}

fn repeats(rows: &[(Option<Uuid>, Option<Timestamp>)]) -> bool {
    let mut ids: Vec<Uuid> = rows.iter().filter_map(|(id, _)| *id).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() < all
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
