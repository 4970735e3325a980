//! Records of one sort, by id, and sorted by name within their parent: the vendor's default order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What a record must tell to stand on a [`Shelf`].
pub(super) trait Shelved {
    fn id(&self) -> &str;
    fn parent(&self) -> &str;
    fn name(&self) -> &str;
}

#[derive(Debug)]
pub(super) struct Shelf<T> {
    by_id: HashMap<String, Arc<T>>,
    // Keyed by name and id: names are not unique, and a page needs one order.
    by_parent: HashMap<String, BTreeMap<(String, String), Arc<T>>>,
}

impl<T: Shelved> Shelf<T> {
    pub(super) fn new() -> Self {
        Self {
            by_id: HashMap::new(),
            by_parent: HashMap::new(),
        }
    }

    /// Adds a record or replaces the one with its id.
    pub(super) fn put(&mut self, record: T) {
        self.remove(record.id());
        let record = Arc::new(record);
        let siblings = self
            .by_parent
            .entry(record.parent().to_owned())
            .or_default();
        siblings.insert(key(&*record), Arc::clone(&record));
        self.by_id.insert(record.id().to_owned(), record);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<T>> {
        let record = self.by_id.remove(id)?;
        if let Some(siblings) = self.by_parent.get_mut(record.parent()) {
            siblings.remove(&key(&*record));
            if siblings.is_empty() {
                self.by_parent.remove(record.parent());
            }
        }
        Some(record)
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<T>> {
        self.by_id.get(id).cloned()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn of_parent(&self, parent: &str) -> Vec<Arc<T>> {
        match self.by_parent.get(parent) {
            Some(siblings) => siblings.values().cloned().collect(),
            None => Vec::new(),
        }
    }
}

fn key<T: Shelved>(record: &T) -> (String, String) {
    (record.name().to_owned(), record.id().to_owned())
}
