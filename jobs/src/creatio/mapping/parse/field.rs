//! Field: one field of a mapping, from text to rule.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;
use crate::creatio::mapping::{Codec, FieldMap, MARGIN, did_you_mean};
use crate::creatio::{Form, Sort};
use crate::plan::reconcile::{Foreign, Merge, Owner, Resolve, Side};

const OF_FIELD: [&str; 7] = [
    "remote",
    "codec",
    "owner",
    "on_foreign_edit",
    "resolve",
    "initial",
    "margin",
];
const CODECS: [&str; 10] = [
    "text",
    "cut",
    "email",
    "phone",
    "whole",
    "decimal",
    "flag",
    "instant",
    "lookup",
    "reference",
];
const RESOLVES: [&str; 8] = [
    "newest", "local", "creatio", "manual", "union", "append", "greatest", "least",
];

impl Reader<'_> {
    pub(super) fn fields(
        &mut self,
        sort: Sort,
        table: &DeTable<'_>,
        at: &Range<usize>,
    ) -> BTreeMap<String, FieldMap> {
        let path = format!("{}.fields", sort.as_str());
        let Some(DeValue::Table(all)) = table.get("fields").map(Spanned::get_ref) else {
            self.fault(at.clone(), &path, "expected a table of fields");
            return BTreeMap::new();
        };
        let (mut fields, mut taken) = (BTreeMap::new(), BTreeMap::<String, String>::new());
        for (name, value) in all {
            let path = format!("{path}.{}", name.get_ref());
            let Some(form) = self.local(sort, name, &path) else {
                continue;
            };
            let DeValue::Table(table) = value.get_ref() else {
                self.fault(
                    value.span(),
                    &path,
                    "expected a table as { remote = \"Column\" }",
                );
                continue;
            };
            let Some(field) = self.field(form, (&path, table), name.span()) else {
                continue;
            };
            if let Some(other) = taken.insert(field.remote.clone(), name.get_ref().to_string()) {
                let problem = format!("`{}` is the column of `{other}` already", field.remote);
                self.fault(name.span(), &path, problem);
            }
            fields.insert(name.get_ref().to_string(), field);
        }
        fields
    }

    fn local(
        &mut self,
        sort: Sort,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        path: &str,
    ) -> Option<Form> {
        let word: &str = name.get_ref();
        if let Some(custom) = word.strip_prefix("custom.") {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if (1..=40).contains(&custom.len()) && custom.chars().all(is_plain) {
                return Some(Form::Text);
            }
            self.fault(
                name.span(),
                path,
                "expected a custom field of small letters, digits and `_`, 40 at most",
            );
            return None;
        }
        if let Some(form) = sort.form(word) {
            return Some(form);
        }
        let near = did_you_mean(word, sort.columns().iter().map(|(name, _)| *name));
        let problem = format!(
            "there is no local column `{word}` of a {}; fields of your own are `custom.…`{near}",
            sort.as_str()
        );
        self.fault(name.span(), path, problem);
        None
    }

    fn field(
        &mut self,
        form: Form,
        place: (&str, &DeTable<'_>),
        at: Range<usize>,
    ) -> Option<FieldMap> {
        let (path, table) = place;
        self.keys(place, &OF_FIELD);
        let remote = self.text(place, "remote").map(|(text, _)| text.to_owned());
        if remote.is_none() && table.get("remote").is_none() {
            self.fault(
                at.clone(),
                path,
                "expected `remote`, the name of Creatio's column",
            );
        }
        let codec = self.codec(form, place);
        let owners = [
            ("shared", Owner::Shared),
            ("local", Owner::One(Side::Local)),
            ("creatio", Owner::One(Side::Remote)),
        ];
        let owner = self.word(place, "owner", &owners, Owner::Shared);
        let edits = [
            ("revert", Foreign::Revert),
            ("keep", Foreign::Keep),
            ("conflict", Foreign::Conflict),
        ];
        let on_foreign_edit = self.word(place, "on_foreign_edit", &edits, Foreign::Revert);
        let margin = self.margin(place);
        let resolve = self.resolve(place, "resolve", margin, Resolve::Newest { margin });
        let initial = self.resolve(place, "initial", margin, resolve.clone());
        if !codec.is_invertible() && owner != Owner::One(Side::Local) {
            let problem =
                "this codec loses what Creatio has no room for, so `owner = \"local\"` is expected";
            self.fault(at.clone(), path, problem);
        }
        Some(FieldMap {
            remote: remote?,
            codec,
            owner,
            on_foreign_edit,
            resolve,
            initial,
            line: self.line(at.start),
        })
    }

    fn codec(&mut self, form: Form, place: (&str, &DeTable<'_>)) -> Codec {
        let natural = Codec::of(form);
        let Some((word, at)) = self.text(place, "codec") else {
            return natural;
        };
        let path = format!("{}.codec", place.0);
        let codec = match word {
            "text" => Codec::Text,
            "cut" => Codec::Cut,
            "email" => Codec::Email,
            "phone" => Codec::Phone,
            "whole" => Codec::Whole,
            "decimal" => Codec::Decimal,
            "flag" => Codec::Flag,
            "instant" => Codec::Instant,
            "lookup" => Codec::Lookup,
            "reference" => natural,
            _ => {
                self.unknown(at, &path, word, &CODECS);
                return natural;
            }
        };
        let is_custom = place.0.contains(".custom.");
        let of_text = matches!(
            codec,
            Codec::Text | Codec::Cut | Codec::Email | Codec::Phone | Codec::Lookup
        );
        let fits = match form {
            Form::Text => of_text || (is_custom && word != "reference"),
            _ => codec == natural,
        };
        if !fits {
            self.fault(at, &path, format!("`{word}` does not fit the local column"));
        }
        codec
    }

    fn margin(&mut self, place: (&str, &DeTable<'_>)) -> SignedDuration {
        let Some((text, at)) = self.text(place, "margin") else {
            return MARGIN;
        };
        match text.parse::<SignedDuration>() {
            Ok(margin) if !margin.is_negative() => margin,
            _ => {
                self.fault(
                    at,
                    &format!("{}.margin", place.0),
                    "expected a span as `10s`",
                );
                MARGIN
            }
        }
    }

    fn resolve(
        &mut self,
        place: (&str, &DeTable<'_>),
        key: &str,
        margin: SignedDuration,
        otherwise: Resolve,
    ) -> Resolve {
        let values = [
            Resolve::Newest { margin },
            Resolve::Take(Side::Local),
            Resolve::Take(Side::Remote),
            Resolve::Manual,
            Resolve::Merge(Merge::Union),
            Resolve::Merge(Merge::Append),
            Resolve::Merge(Merge::Greatest),
            Resolve::Merge(Merge::Least),
        ];
        let known: Vec<(&str, Resolve)> = RESOLVES.into_iter().zip(values).collect();
        self.word(place, key, &known, otherwise)
    }
}
