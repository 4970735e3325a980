//! A customer of the CRM, as far as matching needs one.

use std::fmt;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::walk::Row;
use crate::RecordError;
use crate::record::Record;

/// One row of `customers`. Its identity is `id`; the hash, the name and the number all move.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// A UUID or digits. Opaque. A reload of the CRM may give new ones.
    pub id: String,
    pub name: Option<String>,
    /// As people wrote it.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// See [`super::stable_hash`].
    pub stable_hash: Option<String>,
    pub updated_at: Option<Timestamp>,
}

/// Names and numbers of people are in no log: only the id is shown.
impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Row for Customer {
    fn decode(raw: &RawValue) -> Result<Self, RecordError> {
        let record = Record::read(raw)?;
        Ok(Self {
            id: record.id("id")?,
            name: record.maybe_text("customer_name")?,
            phone: record.maybe_text("contact_number")?,
            email: record.maybe_text("email")?,
            stable_hash: record.maybe_text("stable_hash_id")?,
            updated_at: record.maybe_instant("update_time")?,
        })
    }
}

/// How a customer is looked for.
#[derive(Clone, Copy)]
pub enum CustomerBy<'a> {
    Id(&'a str),
    StableHash(&'a str),
    /// Whatever its case.
    Email(&'a str),
    /// The last digits of the number, at least seven, however it is written. Numbers of several
    /// countries may end alike: what comes back are candidates.
    PhoneEnding(&'a str),
    /// The whole name, whatever its case. Several people may have it: what comes back are candidates.
    Name(&'a str),
}

impl fmt::Debug for CustomerBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}

impl CustomerBy<'_> {
    /// How it is looked for, without what for.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::StableHash(_) => "stable hash",
            Self::Email(_) => "e-mail",
            Self::PhoneEnding(_) => "phone",
            Self::Name(_) => "name",
        }
    }

    /// The filter's column and value; `None` if it would find everybody or nobody.
    pub(super) fn filter(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Id(id) => some(id).map(|id| ("id", format!("eq.{id}"))),
            Self::StableHash(hash) => {
                some(hash).map(|hash| ("stable_hash_id", format!("eq.{hash}")))
            }
            Self::Email(email) => {
                some(email).map(|email| ("email", format!("ilike.{}", literal(email))))
            }
            Self::Name(name) => {
                let name = some(name).map(str::trim);
                name.map(|name| ("customer_name", format!("ilike.{}", literal(name))))
            }
            Self::PhoneEnding(digits) => {
                let is_number = digits.len() >= 7 && digits.bytes().all(|b| b.is_ascii_digit());
                let spread = digits
                    .chars()
                    .fold(String::new(), |all, c| all + "*" + &c.to_string());
                is_number.then(|| ("contact_number", format!("like.{spread}*")))
            }
        }
    }

    /// What the remote cannot be asked exactly is looked at here.
    pub(super) fn fits(&self, customer: &Customer) -> bool {
        let Self::PhoneEnding(ending) = self else {
            return true;
        };
        let phone = customer.phone.as_deref().unwrap_or_default();
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        digits.ends_with(ending)
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.trim().is_empty()).then_some(text)
}

/// A pattern that stands for nothing but the text. PostgREST reads `*` as `%` and knows no way to
/// write a plain one, so that one character is left open.
fn literal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '%' | '_' | '\\' => format!("\\{c}"),
            '*' => "_".to_owned(),
            c => c.to_string(),
        })
        .collect()
}
