//! Pacing: how many tokens of a remote's rate limit are left, and how long to wait for more.
//!
//! The seam is two steps: [`Budget::acquire`] before a call, [`Charge::settle`] (or
//! [`Charge::refused`], [`Charge::unsent`]) after it. Clients know no more than that, so that what
//! stands behind it may be a [`SharedBucket`] or a [`Window`], which know only the calls of their own
//! process, or a budget that all processes share.

mod bucket;
mod refill;
mod shared;
mod window;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reqwest::header::HeaderMap;

pub use self::bucket::{Bucket, BucketConfig, CallId, Wait};
pub use self::shared::{Permit, SharedBucket};
pub use self::window::Window;

/// The tokens of one credential, whoever counts them.
pub trait Budget: Debug + Send + Sync {
    /// Waits at most `patience` until a call of `cost` tokens may be sent, and takes them. Send at
    /// once, then tell the charge how the call ended.
    fn acquire(&self, cost: u32, patience: Duration) -> Acquiring<'_>;

    /// The largest cost that can ever be let through, in tokens.
    fn capacity(&self) -> u32;
}

/// The answer of [`Budget::acquire`]; the wait as it looks when giving up.
pub type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Charge>, Wait>> + Send + 'a>>;

/// The right to send one call. Dropped without a word, its tokens count as spent.
pub trait Charge: Debug + Send {
    /// The call ended; `reading` is what its reply said of the bucket, if anything.
    fn settle(self: Box<Self>, reading: Option<Cost>);

    /// The rate limit refused the call. `available` is the level the refusal named, `after` the wait it
    /// named. The answer is the wait before a call of `cost` makes sense, if that is known.
    fn refused(
        self: Box<Self>,
        cost: u32,
        available: Option<u32>,
        after: Option<Duration>,
    ) -> Option<Duration>;

    /// The call was never sent.
    fn unsent(self: Box<Self>);
}

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
