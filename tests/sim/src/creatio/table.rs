//! The records of one entity, in the two orders in which they are walked, and what readers who lag
//! behind still see of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::cell::Cell;
use super::guid::{Guid, GuidOrder, Key};
use super::schema::{ID, MODIFIED_ON};

/// A record: its columns that are not null, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row(Vec<(u8, Cell)>);

static NULL: Cell = Cell::Null;

impl Row {
    pub(super) fn new(id: Guid) -> Self {
        Self(vec![(ID as u8, Cell::Guid(id))])
    }

    pub(super) fn get(&self, column: usize) -> &Cell {
        let at = self
            .0
            .binary_search_by_key(&column, |(at, _)| usize::from(*at));
        at.map_or(&NULL, |at| &self.0[at].1)
    }

    pub(super) fn set(&mut self, column: usize, cell: Cell) {
        let at = self
            .0
            .binary_search_by_key(&column, |(at, _)| usize::from(*at));
        match (at, cell) {
            (Ok(at), Cell::Null) => {
                self.0.remove(at);
            }
            (Err(_), Cell::Null) => {}
            (Ok(at), cell) => self.0[at].1 = cell,
            // No entity has more columns than a byte counts.
            (Err(at), cell) => self.0.insert(at, (column as u8, cell)),
        }
    }

    pub(super) fn id(&self) -> Guid {
        self.get(ID).as_guid().unwrap_or_default()
    }

    pub(super) fn modified(&self) -> i64 {
        self.get(MODIFIED_ON).as_time().unwrap_or_default()
    }
}

/// A walk of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Walk {
    ById {
        descending: bool,
    },
    /// From this instant on, in microseconds since 1970, if one is known.
    ByModified {
        from: Option<i64>,
        descending: bool,
    },
}

/// The records of one entity.
#[derive(Debug)]
pub(super) struct Table {
    order: GuidOrder,
    rows: BTreeMap<Key, Row>,
    by_modified: BTreeSet<(i64, Key)>,
    /// What was there before a change, until readers see the change.
    before: HashMap<Key, Before>,
    deleted: HashSet<Guid>,
}

#[derive(Debug)]
struct Before {
    until: i64,
    row: Option<Row>,
}

impl Table {
    pub(super) fn new(order: GuidOrder) -> Self {
        Self {
            order,
            rows: BTreeMap::new(),
            by_modified: BTreeSet::new(),
            before: HashMap::new(),
            deleted: HashSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The record as it is, whatever readers see.
    pub(super) fn get(&self, id: Guid) -> Option<&Row> {
        self.rows.get(&id.key(self.order))
    }

    /// The record as a reader sees it at `now`.
    pub(super) fn read(&self, id: Guid, now: i64) -> Option<&Row> {
        let key = id.key(self.order);
        match self.before.get(&key) {
            Some(before) if now < before.until => before.row.as_ref(),
            _ => self.rows.get(&key),
        }
    }

    pub(super) fn was_deleted(&self, id: Guid) -> bool {
        self.deleted.contains(&id)
    }

    /// Makes or replaces a record, which readers see from `seen_at` on, and gives what was there.
    pub(super) fn put(&mut self, row: Row, seen_at: Option<i64>) -> Option<Row> {
        let key = row.id().key(self.order);
        self.deleted.remove(&row.id());
        self.by_modified.insert((row.modified(), key));
        let moved = row.modified();
        let old = self.rows.insert(key, row);
        if let Some(old) = &old
            && old.modified() != moved
        {
            self.by_modified.remove(&(old.modified(), key));
        }
        self.keep(key, old.as_ref(), seen_at);
        old
    }

    pub(super) fn remove(&mut self, id: Guid, seen_at: Option<i64>) -> Option<Row> {
        let key = id.key(self.order);
        let old = self.rows.remove(&key)?;
        self.by_modified.remove(&(old.modified(), key));
        self.deleted.insert(id);
        self.keep(key, Some(&old), seen_at);
        Some(old)
    }

    /// A change within the lag of another leaves readers with what they saw before both.
    fn keep(&mut self, key: Key, old: Option<&Row>, seen_at: Option<i64>) {
        match seen_at {
            Some(until) => {
                let row = || Before {
                    until,
                    row: old.cloned(),
                };
                self.before.entry(key).or_insert_with(row).until = until;
            }
            None => {
                self.before.remove(&key);
            }
        }
    }

    /// Forgets what every reader has left behind at `now`.
    pub(super) fn settle(&mut self, now: i64) {
        self.before.retain(|_, before| now < before.until);
    }

    /// All records as they are, by their ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The records as a reader sees them at `now`, in the order of the walk.
    pub(super) fn walk<'a>(
        &'a self,
        walk: Walk,
        now: i64,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        if self.before.values().any(|before| now < before.until) {
            return self.walk_behind(walk, now);
        }
        match walk {
            Walk::ById { descending: false } => Box::new(self.rows.values()),
            Walk::ById { descending: true } => Box::new(self.rows.values().rev()),
            Walk::ByModified { from, descending } => {
                let least = Guid::ZERO.key(self.order);
                let range = self.by_modified.range((from.unwrap_or(i64::MIN), least)..);
                let row = |(_, key): &(i64, Key)| self.rows.get(key);
                if descending {
                    Box::new(range.rev().filter_map(row))
                } else {
                    Box::new(range.filter_map(row))
                }
            }
        }
    }

    /// The same without the help of an index, for readers who lag behind.
    fn walk_behind(&self, walk: Walk, now: i64) -> Box<dyn Iterator<Item = &Row> + '_> {
        let gone = self
            .before
            .iter()
            .filter(|(key, _)| !self.rows.contains_key(key));
        let keys = self.rows.keys().chain(gone.map(|(key, _)| key));
        let mut seen: Vec<&Row> = keys
            .filter_map(|key| match self.before.get(key) {
                Some(before) if now < before.until => before.row.as_ref(),
                _ => self.rows.get(key),
            })
            .collect();
        let order = self.order;
        let descending = match walk {
            Walk::ById { descending } => {
                seen.sort_by_key(|row| row.id().key(order));
                descending
            }
            Walk::ByModified { from, descending } => {
                seen.retain(|row| from.is_none_or(|from| row.modified() >= from));
                seen.sort_by_key(|row| (row.modified(), row.id().key(order)));
                descending
            }
        };
        if descending {
            seen.reverse();
        }
        Box::new(seen.into_iter())
    }

    pub(super) fn reorder(&mut self, order: GuidOrder) {
        if order == self.order {
            return;
        }
        let old = std::mem::replace(self, Self::new(order));
        self.deleted = old.deleted;
        for row in old.rows.into_values() {
            self.put(row, None);
        }
    }
}
