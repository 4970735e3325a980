//! Request headers that say how an answer should be given.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::problem::{BAD_HEADER, Problem};

pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const LONGEST_KEY: usize = 180;

/// `Idempotency-Key`: a token, or a string in quotes as draft-ietf-httpapi-idempotency-key-header-07
/// has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

/// `Prefer` (RFC 7240), as far as we honour it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    pub(crate) respond_async: bool,
    pub(crate) wait: Option<Duration>,
}

/// The caller's `traceparent`, when it is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = given.next() else {
            return Ok(IdempotencyKey(None));
        };
        let bare = value.to_str().ok().map(|text| {
            let text = text.trim();
            text.strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'))
                .unwrap_or(text)
        });
        match bare {
            Some(key) if given.next().is_none() && is_key(key) => {
                Ok(IdempotencyKey(Some(key.to_owned())))
            }
            _ => Err(Problem::new(
                BAD_HEADER,
                format!(
                    "Idempotency-Key: expected one string of 1 to {LONGEST_KEY} printable ASCII characters"
                ),
            )),
        }
    }
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len())
        && key.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"')
}

impl<S: Send + Sync> FromRequestParts<S> for Prefer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(prefer(&parts.headers))
    }
}

/// A preference that is unknown or malformed is ignored, as the RFC asks.
fn prefer(headers: &HeaderMap) -> Prefer {
    let mut found = Prefer::default();
    for value in headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        for word in value.split([',', ';']).map(str::trim) {
            match word.split_once('=') {
                None if word.eq_ignore_ascii_case("respond-async") => found.respond_async = true,
                Some((name, span)) if name.trim().eq_ignore_ascii_case("wait") => {
                    found.wait = span
                        .trim()
                        .trim_matches('"')
                        .parse::<u32>()
                        .ok()
                        .map(|s| Duration::from_secs(s.into()));
                }
                _ => {}
            }
        }
    }
    found
}

impl<S: Send + Sync> FromRequestParts<S> for Trace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = parts
            .headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        let plain = |text: &&str| {
            text.len() == 55 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        };
        Ok(Trace(given.filter(plain).map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_preference_is_read_in_any_of_its_spellings() {
        let table = [
            ("respond-async", true, None),
            ("Respond-Async, wait=10", true, Some(10)),
            ("wait=\"5\"; foo=bar", false, Some(5)),
            ("wait=soon", false, None),
            ("return=minimal", false, None),
        ];

        for (text, respond_async, wait) in table {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static(text),
            )]);
            let wait = wait.map(Duration::from_secs);

            assert_eq!(
                prefer(&headers),
                Prefer {
                    respond_async,
                    wait
                },
                "{text}"
            );
        }
    }
}
