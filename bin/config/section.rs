//! Reads tables of a TOML document field by field and goes on after a mistake, so that one run shows
//! all of them. serde would stop at the first.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::field::Field;
use super::problem::{Problem, Problems, Severity};
use super::suggest::did_you_mean;

/// A table and which of its keys were asked for.
#[derive(Debug)]
pub(super) struct Section<'d> {
    path: String,
    span: Range<usize>,
    table: &'d DeTable<'d>,
    problems: &'d Problems,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// The table that a field holds.
    pub(super) fn of(field: &Field<'d>, table: &'d DeTable<'d>) -> Section<'d> {
        Section {
            path: field.path.clone(),
            span: field.span.clone(),
            table,
            problems: field.problems,
            asked: RefCell::default(),
        }
    }

    pub(super) fn root(document: &'d Spanned<DeTable<'d>>, problems: &'d Problems) -> Section<'d> {
        Section {
            path: String::new(),
            span: document.span(),
            table: document.get_ref(),
            problems,
            asked: RefCell::default(),
        }
    }

    /// The value of a key, if it is there. What is never asked for is unknown to [`Section::finish`].
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'d>> {
        self.asked.borrow_mut().push(key);
        self.entries()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, field)| field)
    }

    /// The table of a key, if it is there and is a table.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'d>> {
        self.get(key)?.section()
    }

    /// All keys with their values, for tables whose keys are names.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'d Spanned<std::borrow::Cow<'d, str>>, Field<'d>)> + '_ {
        self.table.iter().map(|(key, value)| {
            let field = Field {
                path: join(&self.path, key.get_ref()),
                span: value.span(),
                value: value.get_ref(),
                problems: self.problems,
            };
            (key, field)
        })
    }

    /// Complains of a key that must be there and is not.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.problems.add(Problem {
            severity: Severity::Error,
            at: self.path.clone(),
            span: self.span.clone(),
            message: format!("`{key}` is missing"),
            label: format!("`{key}` belongs in this table"),
            help: Some(format!("add `{example}`")),
        });
    }

    /// Complains of every key that nobody asked for. `elsewhere` explains keys that have a place,
    /// but not here.
    pub(super) fn finish(self, elsewhere: &[(&str, &str)]) {
        let asked = self.asked.borrow();
        for (key, field) in self.entries() {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let moved = elsewhere.iter().find(|(key, _)| *key == name);
            let help = match moved {
                Some((_, where_to)) => Some((*where_to).to_owned()),
                None => did_you_mean(name, &asked),
            };
            self.problems.add(Problem {
                severity: Severity::Error,
                at: field.path,
                span: key.span(),
                message: format!("unknown setting `{name}`"),
                label: "not a setting of this table".into(),
                help,
            });
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        quoted(key)
    } else {
        format!("{path}.{}", quoted(key))
    }
}

/// Keys with dots need quotes in TOML, and get them here.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
