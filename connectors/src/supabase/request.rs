//! The calls we make: which rows, of what, in which order.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::json;

use super::Config;
use super::customer::CustomerBy;
use super::walk::Place;
use crate::http::{Effect, Request};

const CUSTOMER_COLUMNS: &str = "id,customer_name,contact_number,email,stable_hash_id,update_time";

/// One call to be made, and how to speak of it.
#[derive(Debug)]
pub(super) struct Call {
    /// What is attempted and with which id, for errors and logs.
    pub(super) action: String,
    /// The one record it is about.
    pub(super) record: Option<String>,
    pub(super) has_cursor: bool,
    path: &'static str,
    query: Vec<(&'static str, String)>,
    /// The arguments of a function, as JSON.
    args: Option<Vec<u8>>,
    schema: Option<String>,
}

impl Call {
    fn rows(action: String, path: &'static str, limit: u16) -> Self {
        Self {
            action,
            record: None,
            has_cursor: false,
            path,
            query: vec![("order", "id.asc".to_owned()), ("limit", limit.to_string())],
            args: None,
            schema: None,
        }
    }

    pub(super) fn customers(limit: u16, place: Option<&Place>, since: Option<Timestamp>) -> Self {
        let mut call = Self::rows("list the customers".to_owned(), "customers", limit);
        call.query.push(("select", CUSTOMER_COLUMNS.to_owned()));
        if let Some(since) = since {
            // Inclusive: a row of the same instant may have come after the last look.
            call.query.push(("update_time", format!("gte.{since}")));
        }
        call.behind(place)
    }

    pub(super) fn customers_by(by: &CustomerBy, limit: u16, place: Option<&Place>) -> Option<Self> {
        let action = format!("find customers by {}", by.what());
        let mut call = Self::rows(action, "customers", limit);
        call.query.push(("select", CUSTOMER_COLUMNS.to_owned()));
        call.query.push(by.filter()?);
        Some(call.behind(place))
    }

    /// Whether any customer can be seen, or the one of a hash.
    pub(super) fn sight(hash: Option<&str>) -> Self {
        let mut call = Self::rows(
            "see whether customers are visible".to_owned(),
            "customers",
            1,
        );
        call.query.push(("select", "id".to_owned()));
        if let Some(hash) = hash {
            call.query.push(("stable_hash_id", format!("eq.{hash}")));
        }
        call
    }

    pub(super) fn packages(config: &Config, hash: &str, place: Option<&Place>) -> Self {
        let action = "list the packages of a customer".to_owned();
        let path = "rpc/get_packages_by_hash_id";
        let mut call = Self::rows(action, path, config.page_size);
        call.record = Some(hash.to_owned());
        call.args = Some(json!({"p_stable_hash_id": hash}).to_string().into_bytes());
        call.schema = Some(config.package_schema.clone());
        call.behind(place)
    }

    fn behind(mut self, place: Option<&Place>) -> Self {
        if let Some(place) = place {
            self.has_cursor = true;
            self.query.push(("id", format!("gt.{}", place.key)));
        }
        self
    }

    /// A function is called by POST, and reads all the same: it may be called again.
    pub(super) fn request(&self, base: &Url, config: &Config) -> Request {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(self.path.split('/'));
        }
        url.query_pairs_mut().extend_pairs(&self.query);
        let mut headers = config.key.headers();
        let prefer = HeaderValue::from_static("count=exact");
        headers.insert(HeaderName::from_static("prefer"), prefer);
        self.name_schema(&mut headers);
        Request {
            method: if self.args.is_some() {
                Method::POST
            } else {
                Method::GET
            },
            url,
            token: config.key.bearer(),
            headers,
            body: self.args.clone(),
            effect: Effect::Read,
            action: self.action.clone(),
        }
    }

    fn name_schema(&self, headers: &mut HeaderMap) {
        let schema = self.schema.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(schema)) = schema {
            headers.insert(HeaderName::from_static("content-profile"), schema);
        }
    }
}
