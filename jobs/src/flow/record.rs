//! What a connector gives: records as they are to be stored, and those that cannot be.

use connectors::page::{self as remote, Item};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::plan::fingerprint::fingerprint;

/// A record as an answer has it, ready to be compared and written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Its identity at the remote.
    pub(crate) key: String,
    /// Its columns. One that is not here keeps what is stored.
    pub(crate) fields: Map<String, Value>,
    /// When the remote says that it was last changed there, if it does.
    pub(crate) modified_at: Option<Timestamp>,
    /// The answer as it came and its fingerprint, where the table keeps them. With an empty fingerprint it is no answer
    /// but what the table keeps beside the fields.
    pub(crate) kept: Option<(Value, Vec<u8>)>,
}

/// One answerful.
#[derive(Debug)]
pub(crate) struct Page {
    /// Records that the answer had, however each was then read.
    pub(crate) fetched: usize,
    pub(crate) records: Vec<Record>,
    pub(crate) bad: Vec<Bad>,
    /// Ids that were asked for one by one and that the remote says do not exist.
    pub(crate) gone: Vec<String>,
    pub(crate) next: Next,
    /// How many records the remote says the whole listing has.
    pub(crate) total: Option<u64>,
    /// The remote's clock at the answer.
    pub(crate) server_at: Option<Timestamp>,
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    More(String),
    End,
    /// The listing moved while it was read: the walk ends and proves nothing, and another one may.
    Drifted,
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

impl Page {
    /// A connector's page, each item read by `read`. A listing that contradicts itself has drifted.
    pub(crate) fn of<T>(
        page: remote::Page<T>,
        read: impl Fn(Item<T>) -> Result<Record, Bad>,
    ) -> Page {
        let fetched = page.items.len();
        let (mut records, mut bad) = (Vec::with_capacity(fetched), Vec::new());
        for item in page.items {
            match read(item) {
                Ok(record) => records.push(record),
                Err(one) => bad.push(one),
            }
        }
        let next = match page.next {
            // Everything was given and not what was asked for: nothing is proven about what changed.
            _ if page.filter_ignored => match page.next {
                remote::Next::More(cursor) => Next::More(cursor),
                _ => Next::Unclear,
            },
            remote::Next::More(cursor) => Next::More(cursor),
            remote::Next::End => Next::End,
            remote::Next::Unclear => Next::Drifted,
        };
        Page {
            fetched,
            records,
            bad,
            gone: Vec::new(),
            next,
            total: page.total,
            server_at: page.server_date,
        }
    }
}

impl Bad {
    /// An item that its connector could not read.
    pub(crate) fn of(key: Option<String>, error: connectors::RecordError, raw: Value) -> Bad {
        Bad {
            key,
            field: error.field,
            expected: error.expected.to_owned(),
            raw,
        }
    }

    /// An id that was asked for, and that neither the remote nor we know.
    pub(crate) fn unknown(key: &str) -> Bad {
        Bad {
            key: Some(key.to_owned()),
            field: "id".into(),
            expected: "one that the remote knows".into(),
            raw: Value::Null,
        }
    }

    /// What it is known by in quarantine.
    pub(crate) fn quarantine_key(&self) -> String {
        use std::fmt::Write as _;
        match &self.key {
            Some(key) => key.clone(),
            None => fingerprint(&self.raw)
                .iter()
                .fold("sha256:".to_owned(), |mut text, byte| {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                }),
        }
    }
}

/// Text as Postgres takes it, of so many characters at the most.
pub(crate) fn text(text: &str, longest: usize) -> String {
    text.chars()
        .map(|c| if c == '\0' { '\u{fffd}' } else { c })
        .take(longest)
        .collect()
}
