//! One switch for each thing the contract sheet marks as uncertain, so that a client can be shown
//! to work whichever way the vendor does it.

use serde::{Deserialize, Serialize};

/// How the simulated vendor behaves where its documents are silent or disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// Tokens a bucket holds at most and at the start. 3600 in the vendor's documents.
    pub capacity: f64,
    /// Tokens that come back each second: 5 in the documents of 2021, 50 in notes of 2026. `None`
    /// never refuses a call for its cost.
    pub refill_per_second: Option<f64>,
    /// How many times faster than the real clock buckets refill.
    pub refill_speed: f64,
    pub bucket_scope: BucketScope,
    pub cost_model: CostModel,
    pub over_limit: OverLimit,
    pub rate_headers: RateHeaders,
    /// The largest `first` or `last`; a larger one is a GraphQL error.
    pub max_page_size: u32,
    /// The page size when a query names neither `first` nor `last`.
    pub default_page_size: u32,
    pub cursors: Cursors,
    pub invalid_document: InvalidDocument,
    pub unauthenticated_body: UnauthenticatedBody,
    pub missing_location: Missing,
    pub unknown_object: Missing,
    pub moved_zone_id: MovedZoneId,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            capacity: 3600.0,
            refill_per_second: Some(50.0),
            refill_speed: 1.0,
            bucket_scope: BucketScope::Token,
            cost_model: CostModel::Documented,
            over_limit: OverLimit::Errors,
            rate_headers: RateHeaders::Every,
            max_page_size: 100,
            default_page_size: 20,
            cursors: Cursors::Offset,
            invalid_document: InvalidDocument::Http200,
            unauthenticated_body: UnauthenticatedBody::Errors,
            missing_location: Missing::NotFound,
            unknown_object: Missing::NotFound,
            moved_zone_id: MovedZoneId::Kept,
        }
    }
}

/// Which calls share one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BucketScope {
    /// All calls with one token.
    Token,
    /// All calls over one TCP connection: one reading of "per session".
    Connection,
    /// Every call of everyone.
    Everyone,
}

/// How a query is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CostModel {
    /// Nested page sizes multiply, as documented in 2021.
    Documented,
    /// Nested page sizes do not multiply: the largest on the path counts. An invention that lets
    /// the customers' nested queries run, as they do in production.
    Soft,
}

/// How a call that costs more than the bucket holds is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverLimit {
    /// HTTP 429, and no word on when to come back.
    Http429,
    /// HTTP 429 with `Retry-After` in whole seconds.
    Http429RetryAfter,
    /// HTTP 200 with an error in the body.
    Errors,
}

/// Which replies carry the `x-ratelimiting-…` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RateHeaders {
    Every,
    /// Only those that the GraphQL server itself gives: none on 401, 429 and 5xx.
    GraphqlOnly,
}

/// What a cursor remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cursors {
    /// A position. A zone that moves across it is skipped or repeated.
    Offset,
    /// The sort key and id of the edge, so only a zone whose own key changes can be missed.
    Keyset,
}

/// The HTTP status of a document that does not parse or does not fit the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InvalidDocument {
    Http200,
    Http400,
}

/// The body of a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnauthenticatedBody {
    /// GraphQL errors with the code `UNAUTHENTICATED`.
    Errors,
    /// The bare word.
    Text,
    Empty,
}

/// How something that is not there is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missing {
    /// Null, and an error with the code `NOT_FOUND`.
    NotFound,
    /// Null and nothing else.
    Null,
}

/// What becomes of a zone's id when it moves to another location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MovedZoneId {
    Kept,
    /// It changes, as it would if the id really is made of the location's.
    Changed,
}
