//! Parse: from text to a mapping that makes sense by itself, or everything that is wrong with it.

mod field;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Codec, Fault, FieldMap, Mapping, SortMap, did_you_mean};
use crate::creatio::Sort;
use crate::plan::fingerprint::fingerprint;
use crate::plan::reconcile::OnDelete;

const OF_SORT: [&str; 7] = [
    "remote",
    "creates",
    "on_local_delete",
    "on_remote_delete",
    "match_by",
    "required",
    "fields",
];

pub(in crate::creatio::mapping) fn mapping(text: &str) -> Result<Mapping, Vec<Fault>> {
    let mut reader = Reader {
        text,
        faults: Vec::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        reader.fault(at, "", error.message());
    }
    let mut sorts = BTreeMap::new();
    if reader.faults.is_empty() {
        let known = Sort::ALL.map(Sort::as_str);
        for (name, value) in table.get_ref() {
            match (Sort::parse(name.get_ref()), value.get_ref()) {
                (Some(sort), DeValue::Table(table)) => {
                    if let Some(map) = reader.sort(sort, table, value.span()) {
                        sorts.insert(sort, map);
                    }
                }
                (Some(sort), _) => reader.fault(value.span(), sort.as_str(), "expected a table"),
                (None, _) => reader.unknown(name.span(), name.get_ref(), name.get_ref(), &known),
            }
        }
        if sorts.is_empty() && reader.faults.is_empty() {
            reader.fault(
                0..0,
                "",
                "expected a table of at least one of contact, lead, activity and participant",
            );
        }
    }
    if !reader.faults.is_empty() {
        reader
            .faults
            .sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
        return Err(reader.faults);
    }
    let hash = fingerprint(&serde_json::Value::from(text));
    let hash = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Mapping { hash, sorts })
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

type Place<'a> = (&'a str, &'a DeTable<'a>);

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn fault(&mut self, at: Range<usize>, path: &str, problem: impl Into<String>) {
        self.faults.push(Fault {
            line: self.line(at.start),
            path: path.to_owned(),
            problem: problem.into(),
        });
    }

    fn unknown(&mut self, at: Range<usize>, path: &str, word: &str, known: &[&str]) {
        let near = did_you_mean(word, known.iter().copied());
        let all = known.join(", ");
        self.fault(at, path, format!("expected one of {all}{near}"));
    }

    fn keys(&mut self, (path, table): Place<'_>, known: &[&str]) {
        for name in table.keys() {
            if !known.contains(&name.get_ref().as_ref()) {
                let path = format!("{path}.{}", name.get_ref());
                self.unknown(name.span(), &path, name.get_ref(), known);
            }
        }
    }

    fn text<'t>(
        &mut self,
        (path, table): (&str, &'t DeTable<'_>),
        key: &str,
    ) -> Option<(&'t str, Range<usize>)> {
        let value: &Spanned<DeValue<'_>> = table.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some((text, value.span())),
            _ => {
                self.fault(value.span(), &format!("{path}.{key}"), "expected a text");
                None
            }
        }
    }

    /// The value of a word, or of its absence.
    fn word<T: Clone>(
        &mut self,
        place: (&str, &DeTable<'_>),
        key: &str,
        known: &[(&str, T)],
        otherwise: T,
    ) -> T {
        let Some((text, at)) = self.text(place, key) else {
            return otherwise;
        };
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
            return value.clone();
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        self.unknown(at, &format!("{}.{key}", place.0), text, &words);
        otherwise
    }

    fn texts(
        &mut self,
        (path, table): (&str, &DeTable<'_>),
        key: &str,
    ) -> Vec<(String, Range<usize>)> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array();
        let texts: Option<Vec<_>> = items.and_then(|items| {
            let each = items
                .iter()
                .map(|one| Some((one.get_ref().as_str()?.to_owned(), one.span())));
            each.collect()
        });
        texts.unwrap_or_else(|| {
            self.fault(
                value.span(),
                &format!("{path}.{key}"),
                "expected a list of texts",
            );
            Vec::new()
        })
    }

    fn sort(&mut self, sort: Sort, table: &DeTable<'_>, at: Range<usize>) -> Option<SortMap> {
        let path = sort.as_str();
        let place = (path, table);
        self.keys(place, &OF_SORT);
        let remote = self.text(place, "remote").map(|(text, _)| text.to_owned());
        if remote.is_none() && table.get("remote").is_none() {
            self.fault(
                at.clone(),
                path,
                "expected `remote`, the name of Creatio's set",
            );
        }
        let both = [
            ("both", (true, true)),
            ("local", (true, false)),
            ("creatio", (false, true)),
            ("none", (false, false)),
        ];
        let (creates_local, creates_remote) = self.word(place, "creates", &both, (true, true));
        let deletes = [
            ("follow", OnDelete::Follow),
            ("unlink", OnDelete::Unlink),
            ("conflict", OnDelete::Conflict),
        ];
        let on_local_delete = self.word(place, "on_local_delete", &deletes, OnDelete::Unlink);
        let on_remote_delete = self.word(place, "on_remote_delete", &deletes, OnDelete::Follow);
        let fields = self.fields(sort, table, &at);
        let match_by = self.match_by(place, &fields);
        let required = self.texts(place, "required");
        Some(SortMap {
            remote: remote?,
            creates_local,
            creates_remote,
            on_local_delete,
            on_remote_delete,
            match_by,
            required: required.into_iter().map(|(name, _)| name).collect(),
            fields,
            line: self.line(at.start),
        })
    }

    /// Only what stands for one person: the columns that the tables have match keys of.
    fn match_by(
        &mut self,
        place: (&str, &DeTable<'_>),
        fields: &BTreeMap<String, FieldMap>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        for (name, at) in self.texts(place, "match_by") {
            let codec = fields.get(&name).map(|field| field.codec);
            match (name.as_str(), codec) {
                ("email", Some(Codec::Email)) | ("mobile_phone", Some(Codec::Phone)) => names.push(name),
                _ => self.fault(
                    at,
                    &format!("{}.match_by", place.0),
                    format!("`{name}` cannot be matched by: expected `email` (codec email) or `mobile_phone` (codec phone), if they are mapped"),
                ),
            }
        }
        names
    }
}
