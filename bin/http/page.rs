//! Keyset pages. A cursor names the last row that was shown and a hash of the filter it was shown
//! under, so that it cannot be carried over to another list by mistake. It holds no secret and
//! grants nothing; it is opaque so that its inside may change.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::{BAD_CURSOR, BAD_PARAMETER, CURSOR_MISMATCH, Problem};

const LARGEST_PAGE: u16 = 500;
const HASH_BYTES: usize = 8;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// Where the next page is.
    pub(crate) page: PageInfo,
}

/// Where the next page is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageInfo {
    /// The cursor of the next page; none at the end.
    pub(crate) next: Option<String>,
    /// True when there is a next page.
    pub(crate) has_more: bool,
}

/// All there is of a short list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct All<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
}

/// `limit` as the engine takes it.
pub(crate) fn check_limit(limit: Option<u16>) -> Result<(), Problem> {
    match limit {
        Some(limit) if !(1..=LARGEST_PAGE).contains(&limit) => {
            Err(Problem::new(BAD_PARAMETER, format!("limit: expected 1 to {LARGEST_PAGE}, got {limit}")))
        }
        _ => Ok(()),
    }
}

/// The row a cursor names.
pub(crate) fn open(cursor: &str, filter: &[(&str, &str)]) -> Result<Uuid, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().filter(|bytes| bytes.len() == 16 + HASH_BYTES);
    let Some(bytes) = bytes else {
        return Err(Problem::new(BAD_CURSOR, "the cursor cannot be read"));
    };
    let (id, hash) = bytes.split_at(16);
    if hash != hash_of(filter) {
        return Err(Problem::new(CURSOR_MISMATCH, "the cursor was made for another filter"));
    }
    Uuid::from_slice(id).map_err(|_| Problem::new(BAD_CURSOR, "the cursor cannot be read"))
}

/// A page with its `Link` header (RFC 8288).
pub(crate) fn page<T>(
    path: &str,
    data: Vec<T>,
    next: Option<Uuid>,
    filter: &[(&str, &str)],
    limit: Option<u16>,
) -> (HeaderMap, axum::Json<Listed<T>>) {
    let next = next.map(|id| close(id, filter));
    let mut headers = HeaderMap::new();
    if let Some(cursor) = &next {
        let link = link(path, cursor, filter, limit);
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
    }
    let page = PageInfo { has_more: next.is_some(), next };
    (headers, axum::Json(Listed { data, page }))
}

fn close(id: Uuid, filter: &[(&str, &str)]) -> String {
    let mut bytes = id.as_bytes().to_vec();
    bytes.extend_from_slice(&hash_of(filter));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash_of(filter: &[(&str, &str)]) -> [u8; HASH_BYTES] {
    let mut hash = Sha256::new();
    for (name, value) in filter {
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        hash.update(format!("{}:{name}={}:{value};", name.len(), value.len()));
    }
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&hash.finalize()[..HASH_BYTES]);
    short
}

fn link(path: &str, cursor: &str, filter: &[(&str, &str)], limit: Option<u16>) -> String {
    let mut target = format!("{}{path}?cursor={cursor}", super::BASE);
    for (name, value) in filter {
        target.push_str(&format!("&{name}={}", escape(value)));
    }
    if let Some(limit) = limit {
        target.push_str(&format!("&limit={limit}"));
    }
    format!("<{target}>; rel=\"next\"")
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_under_its_own_filter_only() {
        let id = Uuid::now_v7();
        let filter = [("state", "dead")];
        let cursor = close(id, &filter);

        assert_eq!(open(&cursor, &filter).ok(), Some(id));
        assert_eq!(open(&cursor, &[]).expect_err("opened").sort.0, "cursor_mismatch");
        assert_eq!(open(&cursor, &[("stat", "edead")]).expect_err("opened").sort.0, "cursor_mismatch");
        assert_eq!(open("nonsense", &filter).expect_err("opened").sort.0, "bad_cursor");
    }
}
