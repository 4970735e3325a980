//! Sorts of records that are synced both ways, and their columns here.

use jiff::Timestamp;
use rust_decimal::Decimal as Number;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A sort of record. In the order in which they are synced: parents before children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    Contact,
    Lead,
    Activity,
    Participant,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Whole,
    Decimal,
    Instant,
    /// The id of a record of another sort.
    Reference(Sort),
}

impl Form {
    /// Whether a column of it can hold the value; numbers may be texts of their digits.
    pub(crate) fn takes(self, value: &Value) -> bool {
        let is = |reads: fn(&str) -> bool| value.as_str().is_some_and(|text| reads(text.trim()));
        match self {
            Form::Text => value.is_string(),
            Form::Whole => value.is_i64() || is(|text| text.parse::<i64>().is_ok()),
            Form::Decimal => value.is_number() || is(|text| text.parse::<Number>().is_ok()),
            Form::Instant => is(|text| text.parse::<Timestamp>().is_ok()),
            Form::Reference(_) => is(|text| text.parse::<Uuid>().is_ok()),
        }
    }

    /// What it can hold, in words.
    pub(crate) fn expected(self) -> String {
        match self {
            Form::Text => "a text".to_owned(),
            Form::Whole => "a whole number".to_owned(),
            Form::Decimal => "a number of at most 28 digits".to_owned(),
            Form::Instant => "an instant, as 2026-10-01T07:00:00Z".to_owned(),
            Form::Reference(sort) => format!("the id of a {} here", sort.as_str()),
        }
    }
}

impl Sort {
    /// All of them, parents first.
    pub const ALL: [Sort; 4] = [Sort::Contact, Sort::Lead, Sort::Activity, Sort::Participant];

    /// As mappings, paths and tables have it: `lead`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Contact => "contact",
            Sort::Lead => "lead",
            Sort::Activity => "activity",
            Sort::Participant => "participant",
        }
    }

    /// As runs, quarantine and history have it: `creatio.leads`.
    #[must_use]
    pub const fn stream(self) -> &'static str {
        match self {
            Sort::Contact => "creatio.contacts",
            Sort::Lead => "creatio.leads",
            Sort::Activity => "creatio.activities",
            Sort::Participant => "creatio.participants",
        }
    }

    /// The sort of a word or of a stream.
    #[must_use]
    pub fn parse(word: &str) -> Option<Sort> {
        Sort::ALL
            .into_iter()
            .find(|one| one.as_str() == word || one.stream() == word)
    }

    pub(crate) fn rank(self) -> i16 {
        self as i16
    }

    /// The columns that a mapping may name, besides `custom.…`.
    pub(crate) fn columns(self) -> &'static [(&'static str, Form)] {
        use Form::{Decimal, Instant, Reference, Text, Whole};
        match self {
            Sort::Contact => &[
                ("full_name", Text),
                ("first_name", Text),
                ("last_name", Text),
                ("email", Text),
                ("phone", Text),
                ("mobile_phone", Text),
                ("job_title", Text),
                ("contact_type", Text),
                ("address", Text),
                ("notes", Text),
            ],
            Sort::Lead => &[
                ("lead_name", Text),
                ("contact_name", Text),
                ("company", Text),
                ("job_title", Text),
                ("email", Text),
                ("mobile_phone", Text),
                ("business_phone", Text),
                ("website", Text),
                ("status", Text),
                ("source", Text),
                ("budget", Decimal),
                ("predictive_score", Whole),
                ("decision_role", Text),
                ("decision_at", Instant),
                ("meeting_at", Instant),
                ("commentary", Text),
                ("notes", Text),
                ("contact_id", Reference(Sort::Contact)),
            ],
            Sort::Activity => &[
                ("title", Text),
                ("starts_at", Instant),
                ("due_at", Instant),
                ("activity_type", Text),
                ("category", Text),
                ("status", Text),
                ("priority", Text),
                ("detailed_result", Text),
                ("notes", Text),
                ("location", Text),
                ("lead_id", Reference(Sort::Lead)),
                ("contact_id", Reference(Sort::Contact)),
            ],
            Sort::Participant => &[
                ("activity_id", Reference(Sort::Activity)),
                ("contact_id", Reference(Sort::Contact)),
                ("role", Text),
                ("description", Text),
            ],
        }
    }

    /// What a column holds; None is no column of it.
    pub(crate) fn form(self, column: &str) -> Option<Form> {
        let mut columns = self.columns().iter();
        columns
            .find(|(name, _)| *name == column)
            .map(|(_, form)| *form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_goes_to_a_sort_that_is_synced_before() {
        for sort in Sort::ALL {
            for (name, form) in sort.columns() {
                if let Form::Reference(parent) = form {
                    assert!(*parent < sort, "{sort:?} {name}");
                }
            }
        }
    }
}
