//! The calls we make: which rows, of what, in which order.

use jiff::Timestamp;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::record::{ID, MODIFIED_BY, MODIFIED_ON};
use super::walk::Place;
use crate::Error;
use crate::Token;
use crate::http::{Effect, Request};

/// What is read of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The entity set: `Lead`.
    pub set: String,
    /// Columns. `Id`, `ModifiedOn` and `ModifiedById` are asked for besides.
    pub select: Vec<String>,
}

impl Ask {
    /// These columns of this set.
    #[must_use]
    pub fn new<'a>(set: &str, select: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            set: set.to_owned(),
            select: select.into_iter().map(str::to_owned).collect(),
        }
    }

    /// # Errors
    /// [`Error::Misconfigured`] for a name that is none: it could be more than a name in an address.
    pub(super) fn check(&self, action: &str) -> Result<(), Error> {
        check_name(action, &self.set)?;
        self.select
            .iter()
            .try_for_each(|name| check_name(action, name))
    }

    pub(super) fn columns(&self) -> String {
        let mut names = vec![ID, MODIFIED_ON, MODIFIED_BY];
        for name in &self.select {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.join(",")
    }
}

pub(super) fn check_name(action: &str, name: &str) -> Result<(), Error> {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match begins && name.len() <= 128 && letters.all(plain) {
        true => Ok(()),
        false => Err(Error::misconfigured(
            action,
            "a set or column has a name that is none",
        )),
    }
}

/// How a filter writes an instant, which the sheet is not sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    /// `ModifiedOn gt 2026-09-01T00:00:00Z`, as OData 4 has it.
    Bare,
    Quoted,
}

impl Literals {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Bare => Self::Quoted,
            Self::Quoted => Self::Bare,
        }
    }

    fn write(self, instant: Timestamp) -> String {
        match self {
            Self::Bare => instant.to_string(),
            Self::Quoted => format!("'{instant}'"),
        }
    }
}

/// One call to be made, and how to speak of it.
#[derive(Debug)]
pub(super) struct Call {
    /// What is attempted and with which id, for errors and logs.
    pub(super) action: String,
    method: Method,
    path: String,
    /// Whole, and only of characters that mean themselves in a query.
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Vec<u8>>,
    pub(super) effect: Effect,
}

/// Decimals come as texts of their digits, where the site knows the word.
pub(super) const MEDIA: &str = "application/json;odata.metadata=minimal;IEEE754Compatible=true";

impl Call {
    fn get(action: String, path: &str, query: String) -> Self {
        Self {
            action,
            method: Method::GET,
            path: path.to_owned(),
            query,
            headers: vec![("accept", MEDIA)],
            body: None,
            effect: Effect::Read,
        }
    }

    pub(super) fn metadata() -> Self {
        let mut call = Self::get("read the metadata".to_owned(), "$metadata", String::new());
        call.headers = vec![("accept", "application/xml")];
        call
    }

    /// Inclusive: a row of the same instant may have come after the last look.
    pub(super) fn page(
        ask: &Ask,
        size: u16,
        (place, since): (Option<&Place>, Option<Timestamp>),
        literals: Literals,
    ) -> Self {
        let filter = match (place, since) {
            (Some(place), _) => {
                let (at, id) = (literals.write(place.at), place.id);
                Some(format!(
                    "{MODIFIED_ON} gt {at} or ({MODIFIED_ON} eq {at} and {ID} gt {id})"
                ))
            }
            (None, Some(since)) => Some(format!("{MODIFIED_ON} ge {}", literals.write(since))),
            (None, None) => None,
        };
        let filter = filter.map_or(String::new(), |filter| format!("&$filter={filter}"));
        let query = format!(
            "$select={}&$orderby={MODIFIED_ON} asc,{ID} asc&$top={size}&$count=true{filter}",
            ask.columns()
        );
        Self::get(format!("list {}", ask.set), &ask.set, query)
    }

    /// The oldest record alone, and how many there are.
    pub(super) fn first(set: &str) -> Self {
        let query = format!("$select={ID},{MODIFIED_ON}&$orderby={ID} asc&$top=1&$count=true");
        Self::get(format!("look at {set}"), set, query)
    }

    pub(super) fn batch(action: String, body: Vec<u8>, effect: Effect) -> Self {
        Self {
            action,
            method: Method::POST,
            path: "$batch".to_owned(),
            query: String::new(),
            headers: vec![("accept", MEDIA), ("prefer", "continue-on-error")],
            body: Some(body),
            effect,
        }
    }

    pub(super) fn request(&self, base: &Url, token: Token) -> Request {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&self.path);
        }
        if !self.query.is_empty() {
            url.set_query(Some(&self.query));
        }
        let mut headers = HeaderMap::new();
        // The documents ask for it, though not every site heeds it (sheet section 2).
        headers.insert(
            HeaderName::from_static("forceusesession"),
            HeaderValue::from_static("true"),
        );
        for (name, value) in &self.headers {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        debug_assert!(headers.contains_key(ACCEPT));
        Request {
            method: self.method.clone(),
            url,
            token: Some(token),
            headers,
            body: self.body.clone(),
            effect: self.effect,
            action: self.action.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
        for good in ["Lead", "UsrField_1", "_x"] {
            assert!(check_name("x", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "1x",
            "Lead?$top=1",
            "a/b",
            "a b",
            "Lead(1)",
            "ä",
            "$metadata",
        ] {
            assert!(check_name("x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_column_is_asked_for_once() {
        let ask = Ask::new("Lead", ["Email", "ModifiedOn", "Email"]);

        assert_eq!(ask.columns(), "Id,ModifiedOn,ModifiedById,Email");
    }
}
