//! An index over the texts of a column, as a real database has for its keys: without one, a project of fifty thousand
//! customers would answer slower with every one of them.

use std::collections::HashMap;
use std::sync::Mutex;

use super::cell::Cell;
use super::table::Row;

type Places = HashMap<String, Vec<usize>>;

/// Made for a column when it is first looked through. A copy of a table begins with none.
#[derive(Debug, Default)]
pub(super) struct Index(Mutex<HashMap<usize, Places>>);

impl Clone for Index {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Index {
    /// The places of the rows that have this text, ascending.
    pub(super) fn places(&self, rows: &[Row], column: usize, text: &str) -> Vec<usize> {
        let mut all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let places = all.entry(column).or_insert_with(|| made(rows, column));
        places.get(text).cloned().unwrap_or_default()
    }

    /// The rows may change now.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn made(rows: &[Row], column: usize) -> Places {
    let mut places = Places::new();
    for (place, row) in rows.iter().enumerate() {
        if let Cell::Text(text) = &row[column] {
            places.entry(text.clone()).or_default().push(place);
        }
    }
    places
}
