//! Classify: what one fetched record means for the row that is stored under its id.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::difference::{Changes, difference};
use crate::flow::Record;

/// What is stored of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// It belongs to the partition that lists it now.
    pub(crate) is_ours: bool,
    /// None for a table that keeps no answers, and for a row that was never written from one.
    pub(crate) hash: Option<Vec<u8>>,
    pub(crate) is_gone: bool,
    /// When the remote says that it changed what the row has. Only of rows that were written within ten minutes: no copy
    /// of a remote is further behind, and who loads an old backup there must be believed in the end.
    pub(crate) modified_at: Option<Timestamp>,
    pub(crate) fields: Map<String, Value>,
}

/// What becomes of a record. Everything but `Stale` and `Unchanged` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Created,
    Updated,
    /// It had been marked as gone and is back.
    Revived,
    /// It differs, and is older than what is stored: an answer from a copy that is behind.
    Stale,
    /// Its row must not be touched.
    Unchanged,
}

/// Compares a record with what is stored under its id, and says which fields differ.
pub(crate) fn classify(stored: Option<&Stored>, record: &Record) -> (Class, Changes) {
    let Some(row) = stored else {
        return (Class::Created, difference(None, &record.fields));
    };
    let changes = difference(Some(&row.fields), &record.fields);
    let hash = record.kept.as_ref().map(|(_, hash)| hash);
    let class = if row.is_gone {
        Class::Revived
    // Who lists a record has it: a row of another company is a zone that moved, or whose account was
    // given to this company.
    } else if !row.is_ours || !changes.is_empty() || (hash.is_some() && hash != row.hash.as_ref()) {
        Class::Updated
    } else {
        Class::Unchanged
    };
    let is_older = row
        .modified_at
        .zip(record.modified_at)
        .is_some_and(|(ours, theirs)| theirs < ours);
    match class {
        Class::Updated | Class::Revived if is_older => (Class::Stale, Changes::new()),
        _ => (class, changes),
    }
}

impl Class {
    /// The word in `sync.history`.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Class::Created => Some("created"),
            Class::Updated => Some("updated"),
            Class::Revived => Some("revived"),
            Class::Stale | Class::Unchanged => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(name: &str) -> Map<String, Value> {
        Map::from_iter([("name".to_owned(), json!(name))])
    }

    fn stored(is_ours: bool, hash: Option<&[u8]>, is_gone: bool, name: &str) -> Option<Stored> {
        Some(Stored {
            is_ours,
            hash: hash.map(<[u8]>::to_vec),
            is_gone,
            modified_at: None,
            fields: fields(name),
        })
    }

    #[test]
    fn what_is_older_than_its_row_is_stale_unless_it_is_the_same() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        let table = [
            (at(10), at(9), "Pool", false, Class::Stale),
            (at(10), at(9), "Pool", true, Class::Stale),
            (at(10), at(9), "Bar", false, Class::Unchanged),
            // Zoho's stock may change without it.
            (at(10), at(10), "Pool", false, Class::Updated),
            (at(10), at(11), "Pool", false, Class::Updated),
            (at(10), None, "Pool", false, Class::Updated),
            (None, at(9), "Pool", false, Class::Updated),
        ];
        for (ours, theirs, name, is_gone, expected) in table {
            let row = Stored {
                modified_at: ours,
                ..stored(true, None, is_gone, name).unwrap()
            };
            let record = Record {
                modified_at: theirs,
                ..record(None)
            };

            let (class, changes) = classify(Some(&row), &record);

            assert_eq!(class, expected, "{ours:?} {theirs:?} {name}");
            assert!(class != Class::Stale || changes.is_empty());
        }
    }

    fn record(kept: Option<(Value, Vec<u8>)>) -> Record {
        Record {
            key: "1".into(),
            fields: fields("Bar"),
            modified_at: None,
            kept,
        }
    }

    #[test]
    fn every_pair_of_stored_and_fetched_has_one_class() {
        let table = [
            (None, Class::Created),
            (stored(true, Some(b"same"), false, "Bar"), Class::Unchanged),
            (stored(true, Some(b"other"), false, "Bar"), Class::Updated),
            (stored(true, None, false, "Bar"), Class::Updated),
            (stored(false, Some(b"same"), false, "Bar"), Class::Updated),
            (stored(true, Some(b"same"), true, "Bar"), Class::Revived),
            (stored(false, Some(b"other"), true, "Bar"), Class::Revived),
            (stored(true, Some(b"same"), false, "Pool"), Class::Updated),
        ];
        let record = record(Some((Value::Null, b"same".to_vec())));
        for (stored, expected) in table {
            assert_eq!(classify(stored.as_ref(), &record).0, expected, "{stored:?}");
        }
    }

    #[test]
    fn where_no_answers_are_kept_the_fields_alone_decide() {
        let record = record(None);
        for (name, expected) in [("Bar", Class::Unchanged), ("Pool", Class::Updated)] {
            let row = stored(true, None, false, name);

            assert_eq!(classify(row.as_ref(), &record).0, expected, "{name}");
        }
    }
}
