//! Mapping: which fields of which records are synced, and by which rules.
//!
//! A mapping is TOML ([`DEFAULT`] is one). It is in force for a connection once it was checked against what
//! Creatio says of itself ([`check`], [`enable`]); every version is kept, and a change has all records looked at
//! once more.

mod check;
mod parse;
mod version;

#[cfg(test)]
mod mapping_tests;

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::Serialize;

use super::{Form, Sort};
use crate::plan::reconcile::{Foreign, OnDelete, Owner, Resolve};

pub(crate) use version::in_force;
pub use version::{Checked, Enabled, Version, check, current, enable, versions};

/// What is in force where nobody has said otherwise.
pub const DEFAULT: &str = include_str!("default_mapping.toml");

/// Edits closer than this are a person's to settle, unless the mapping says otherwise.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// A mapping that was read and makes sense by itself.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// Of its text: under another one, everything is looked at anew.
    pub(crate) hash: String,
    pub(crate) sorts: BTreeMap<Sort, SortMap>,
}

/// How one sort of record is synced.
#[derive(Debug, Clone)]
pub(crate) struct SortMap {
    /// The set at Creatio: `Lead`.
    pub(crate) remote: String,
    pub(crate) creates_local: bool,
    pub(crate) creates_remote: bool,
    pub(crate) on_local_delete: OnDelete,
    pub(crate) on_remote_delete: OnDelete,
    /// Local fields that a record is found again by at first contact.
    pub(crate) match_by: Vec<String>,
    /// Columns that Creatio does not make a record without.
    pub(crate) required: Vec<String>,
    pub(crate) fields: BTreeMap<String, FieldMap>,
    pub(crate) line: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct FieldMap {
    pub(crate) remote: String,
    pub(crate) codec: Codec,
    pub(crate) owner: Owner,
    pub(crate) on_foreign_edit: Foreign,
    pub(crate) resolve: Resolve,
    pub(crate) initial: Resolve,
    pub(crate) line: usize,
}

/// The form of a field's values; what it needs of Creatio is looked up when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Text,
    /// What Creatio has no room for is cut off: only for what this side owns.
    Cut,
    Email,
    Phone,
    Whole,
    Decimal,
    Flag,
    Instant,
    Lookup,
    Reference(Sort),
}

/// What is wrong with a mapping, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// `lead.fields.email.codec`.
    pub path: String,
    pub problem: String,
}

impl Mapping {
    /// # Errors
    /// Everything that is wrong with it, in the order of lines.
    pub(crate) fn parse(text: &str) -> Result<Mapping, Vec<Fault>> {
        parse::mapping(text)
    }

    pub(crate) fn sort(&self, sort: Sort) -> Option<&SortMap> {
        self.sorts.get(&sort)
    }
}

impl SortMap {
    /// The columns at Creatio, each once.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.fields.values().map(|field| field.remote.as_str())
    }
}

impl Codec {
    fn of(form: Form) -> Codec {
        match form {
            Form::Text => Codec::Text,
            Form::Whole => Codec::Whole,
            Form::Decimal => Codec::Decimal,
            Form::Instant => Codec::Instant,
            Form::Reference(sort) => Codec::Reference(sort),
        }
    }

    /// Whether every value comes back as it went.
    fn is_invertible(self) -> bool {
        self != Codec::Cut
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, path, problem) = (self.line, &self.path, &self.problem);
        match path.is_empty() {
            // The text is no TOML: there are no places in it yet.
            true => write!(f, "line {line}: {problem}"),
            false => write!(f, "line {line}: {path}: {problem}"),
        }
    }
}

/// `; did you mean "x"?`, if one of the known words is near.
fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known
        .into_iter()
        .map(|one| {
            (
                strsim::jaro_winkler(&word.to_lowercase(), &one.to_lowercase()),
                one,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    near.map_or_else(String::new, |(_, one)| format!("; did you mean `{one}`?"))
}
