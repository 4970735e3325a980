//! A walk over numbered pages that notices when records moved under it. Pure.
//!
//! Zoho pages by number: once an item before the place is deleted, all later ones move up and one is
//! skipped without a word (sheet trap 4). So consecutive pages overlap by a few items, and the last
//! item of the one page must stand at its place in the next. Any page size gives a window of its own,
//! so the overlap takes no calls of its own; it makes pages shorter, by a tenth at 200 a page.
//!
//! ```text
//!  page 1 of 200   [0 ─────────── 200)
//!  page 2 of 199              [199 ─────────── 398)        199 is where 200's last item stands
//!  page 3 of 198                          [396 ──────────── 594)
//! ```
//! The order is by time of making, which no change moves: items only ever move up, by deletions.
//! A walk that met a shift goes on, for what it still sees is true, and ends as
//! [`Next::Unclear`].

use crate::page::Next;

/// Below this, sizes could divide all places and leave no overlap; from here up the first such
/// place is beyond 200 million.
pub(super) const SMALLEST_PAGE: u16 = 20;
/// The most that Zoho gives (sheet section 3).
pub(super) const LARGEST_PAGE: u16 = 200;

/// How far a walk has come; its text is the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How many items of the list have been read.
    end: u64,
    /// The id of the last one of them; empty if it has none.
    last: String,
    /// Whether something on the way speaks against a complete listing.
    doubt: bool,
}

/// A page to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) page: u64,
    pub(super) per_page: u64,
}

/// A page that came, as far as the walk cares.
#[derive(Debug)]
pub(super) struct Came<'a> {
    /// The ids of the rows, in their order.
    pub(super) ids: Vec<Option<&'a str>>,
    pub(super) has_more: Option<bool>,
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
        let (cursor, doubt) = match cursor.strip_suffix('!') {
            Some(cursor) => (cursor, true),
            None => (cursor, false),
        };
        let (end, last) = cursor.split_once('-')?;
        let digits = last.bytes().all(|byte| byte.is_ascii_digit());
        let end = end.parse().ok().filter(|end| *end > 0)?;
        digits.then(|| Self {
            end,
            last: last.to_owned(),
            doubt,
        })
    }

    fn write(&self) -> String {
        let doubt = if self.doubt { "!" } else { "" };
        format!("{}-{}{doubt}", self.end, self.last)
    }
}

impl Window {
    /// The page that goes on from `place`, with the largest reach of all that overlap it.
    pub(super) fn at(place: Option<&Place>, size: u16) -> Self {
        let size = u64::from(size);
        let Some(place) = place else {
            return Self {
                page: 1,
                per_page: size,
            };
        };
        let reach = |per_page: &u64| (place.end / per_page + 1) * per_page;
        let overlapping = |per_page: &u64| !place.end.is_multiple_of(*per_page);
        // A page beyond the first: were the remote to cap it in silence, it would begin elsewhere,
        // and the overlap would tell.
        let beyond = (2..=size.min(place.end - 1)).filter(overlapping);
        let any = (2..=size).filter(overlapping);
        let per_page = beyond.max_by_key(reach).or(any.max_by_key(reach));
        // Every size divides such a place, so its next page begins right there.
        let per_page = per_page.unwrap_or(size);
        Self {
            page: place.end / per_page + 1,
            per_page,
        }
    }

    fn from(self) -> u64 {
        (self.page - 1) * self.per_page
    }
}

/// Where the walk stands after the page that `window` asked for came.
pub(super) fn step(place: Option<&Place>, window: Window, came: &Came) -> Step {
    let unclear = |known| Step {
        known,
        next: Next::Unclear,
    };
    let (from, rows) = (window.from(), came.ids.len() as u64);
    let (end, known, shifted) = match place {
        None => (0, 0, false),
        Some(place) => {
            let at = place.end.checked_sub(from + 1);
            let at = at.and_then(|at| usize::try_from(at).ok());
            let there = at.and_then(|at| came.ids.get(at).copied().flatten());
            let holds = there.is_some_and(|id| id == place.last);
            let known = at.filter(|_| holds).map_or(0, |at| at + 1);
            (place.end, known, !holds)
        }
    };
    let doubt = shifted || place.is_some_and(|place| place.doubt);
    let more = || {
        // A walk that does not get on would never end.
        if from + rows <= end {
            return unclear(known);
        }
        let place = Place {
            end: from + rows,
            last: came.ids.last().copied().flatten().unwrap_or("").to_owned(),
            doubt,
        };
        Step {
            known,
            next: Next::More(place.write()),
        }
    };
    match came.has_more {
        Some(true) if rows < window.per_page => unclear(known),
        Some(true) => more(),
        Some(false) if doubt => unclear(known),
        Some(false) => Step {
            known,
            next: Next::End,
        },
        // Without a word on what follows, only a page that has nothing but the overlap is the end.
        None if place.is_some() && !doubt && from + rows == end => Step {
            known,
            next: Next::End,
        },
        None if rows == 0 => unclear(known),
        None => more(),
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
