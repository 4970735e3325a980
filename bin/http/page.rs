//! Keyset pages. A cursor names the last row that was shown and a hash of the list and the filter it was
//! shown under, so that it cannot be carried over to another list by mistake. It holds no secret and
//! grants nothing; it is opaque so that its inside may change.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::problem::{BAD_CURSOR, BAD_PARAMETER, CURSOR_MISMATCH, Problem};

const DEFAULT_PAGE: u16 = 50;
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
    /// Set when the search was stopped before the page was full; the next page looks on from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) searched: Option<Searched>,
}

/// How far a list was searched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Searched {
    /// So many rows were looked at.
    rows: u64,
    /// What makes the search shorter.
    help: &'static str,
}

impl From<engine::Searched> for Searched {
    fn from(of: engine::Searched) -> Searched {
        Searched {
            rows: of.rows,
            help: of.help,
        }
    }
}

/// All there is of a short list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct All<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
}

/// How many rows a page has.
pub(crate) fn check_limit(limit: Option<u16>) -> Result<u16, Problem> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        let detail = format!("limit: expected 1 to {LARGEST_PAGE}, got {limit}");
        return Err(Problem::new(BAD_PARAMETER, detail));
    }
    Ok(limit)
}

/// The key of the row that a cursor of the list at `path` names.
pub(crate) fn open<K: FromStr>(
    path: &str,
    cursor: &str,
    filter: &[(&str, &str)],
) -> Result<K, Problem> {
    let unreadable = || {
        let detail = "the cursor cannot be read: expected `page.next` of the page before";
        Problem::new(BAD_CURSOR, detail)
    };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| unreadable())?;
    let (hash, key) = bytes.split_at_checked(HASH_BYTES).ok_or_else(unreadable)?;
    if hash != hash_of(path, filter) {
        return Err(Problem::new(
            CURSOR_MISMATCH,
            "the cursor was made for another list or filter",
        ));
    }
    let key = str::from_utf8(key).map_err(|_| unreadable())?;
    key.parse().map_err(|_| unreadable())
}

/// A page with its `Link` header (RFC 8288); `next` is the key of its last row when more follow.
pub(crate) fn page<T, K: Display>(
    path: &str,
    data: Vec<T>,
    next: Option<K>,
    filter: &[(&str, &str)],
    limit: Option<u16>,
) -> (HeaderMap, axum::Json<Listed<T>>) {
    let next = next.map(|key| close(path, &key, filter));
    let mut headers = HeaderMap::new();
    if let Some(cursor) = &next {
        let link = link(path, cursor, filter, limit);
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
    }
    let page = PageInfo {
        has_more: next.is_some(),
        next,
        searched: None,
    };
    (headers, axum::Json(Listed { data, page }))
}

fn close(path: &str, key: &impl Display, filter: &[(&str, &str)]) -> String {
    let mut bytes = hash_of(path, filter).to_vec();
    bytes.extend_from_slice(key.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash_of(path: &str, filter: &[(&str, &str)]) -> [u8; HASH_BYTES] {
    let mut hash = Sha256::new();
    for (name, value) in [("", path)].iter().chain(filter) {
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

/// A value as it stands in an address.
pub(crate) fn escape(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape = |byte| {
        if plain(byte) {
            char::from(byte).into()
        } else {
            format!("%{byte:02X}")
        }
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_under_its_own_filter_only() {
        let opened = |path: &str, cursor: &str, filter: &[_]| open::<i64>(path, cursor, filter);
        let refusal = |cursor: &str, filter: &[_]| {
            let refused = opened("/jobs", cursor, filter);
            refused.expect_err("opened").sort.0
        };
        let filter = [("state", "dead")];
        let cursor = close("/jobs", &42, &filter);

        assert_eq!(opened("/jobs", &cursor, &filter).ok(), Some(42));
        let elsewhere = opened("/audit", &cursor, &filter);
        assert_eq!(elsewhere.expect_err("opened").sort.0, "cursor_mismatch");
        assert_eq!(refusal(&cursor, &[]), "cursor_mismatch");
        assert_eq!(refusal(&cursor, &[("stat", "edead")]), "cursor_mismatch");
        assert_eq!(refusal("nonsense", &filter), "bad_cursor");
        assert_eq!(refusal("", &filter), "bad_cursor");
        assert_eq!(
            refusal(&close("/jobs", &"x", &filter), &filter),
            "bad_cursor"
        );
    }
}
