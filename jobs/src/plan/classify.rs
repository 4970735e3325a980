//! Classify: what one fetched record means for the row that is stored under its id.

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
    pub(crate) fields: Map<String, Value>,
}

/// What becomes of a record. Everything but `Unchanged` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Created,
    Updated,
    /// It had been marked as gone and is back.
    Revived,
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
    (class, changes)
}

impl Class {
    /// The word in `sync.history`.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Class::Created => Some("created"),
            Class::Updated => Some("updated"),
            Class::Revived => Some("revived"),
            Class::Unchanged => None,
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
            fields: fields(name),
        })
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
        let record = Record {
            key: "1".into(),
            fields: fields("Bar"),
            kept: Some((Value::Null, b"same".to_vec())),
        };
        for (stored, expected) in table {
            assert_eq!(classify(stored.as_ref(), &record).0, expected, "{stored:?}");
        }
    }

    #[test]
    fn where_no_answers_are_kept_the_fields_alone_decide() {
        let record = Record {
            key: "1".into(),
            fields: fields("Bar"),
            kept: None,
        };
        for (name, expected) in [("Bar", Class::Unchanged), ("Pool", Class::Updated)] {
            let row = stored(true, None, false, name);

            assert_eq!(classify(row.as_ref(), &record).0, expected, "{name}");
        }
    }
}
