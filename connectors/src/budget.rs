//! Pacing: how many tokens of a remote's rate limit are left, and how long to wait for more.
//!
//! The seam is two steps: [`SharedBucket::acquire`] before a call, [`Permit::settle`] (or
//! [`Permit::refused`], [`Permit::unsent`]) after it. A bucket shared by the whole fleet in
//! Postgres can stand behind the same two steps. Until then a `SharedBucket` knows only the calls
//! of its own process: another process with the same token is seen through the headers alone, so
//! one token should have one process.

mod bucket;
mod refill;
mod shared;

use reqwest::header::HeaderMap;

pub use self::bucket::{Bucket, BucketConfig, CallId, Wait};
pub use self::shared::{Permit, SharedBucket};

/// What one call cost and what was left after it, in tokens, as the remote counted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Tokens that the call was priced at.
    pub cost: u32,
    /// Tokens left once it was charged.
    pub available: u32,
}

impl Cost {
    /// Reads `x-ratelimiting-cost` and `x-ratelimiting-tokens-available`, the two headers that
    /// Soundtrack's own client reads (sheet section 4). `None` unless both are there and are
    /// whole numbers; a fraction is rounded against us.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
        let cost = number("x-ratelimiting-cost").filter(|n| n.is_finite())?;
        let available = number("x-ratelimiting-tokens-available").filter(|n| n.is_finite())?;
        // A float to integer cast saturates, so a negative remainder reads as none left.
        Some(Self {
            cost: cost.ceil() as u32,
            available: available.floor() as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_only_when_both_headers_are_numbers() {
        let table = [
            (
                Some("801"),
                Some("2799"),
                Some(Cost {
                    cost: 801,
                    available: 2799,
                }),
            ),
            (
                Some("1.2"),
                Some("9.9"),
                Some(Cost {
                    cost: 2,
                    available: 9,
                }),
            ),
            (
                Some("16"),
                Some("-4"),
                Some(Cost {
                    cost: 16,
                    available: 0,
                }),
            ),
            (Some("16"), None, None),
            (None, Some("16"), None),
            (Some("many"), Some("16"), None),
            (Some("NaN"), Some("16"), None),
        ];
        for (cost, available, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(value) = cost {
                headers.insert("x-ratelimiting-cost", value.parse().unwrap());
            }
            if let Some(value) = available {
                headers.insert("x-ratelimiting-tokens-available", value.parse().unwrap());
            }

            assert_eq!(
                Cost::from_headers(&headers),
                expected,
                "{cost:?} {available:?}"
            );
        }
    }
}
