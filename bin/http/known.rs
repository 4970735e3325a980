//! Tokens that were shown lately, by their hash: those that open nothing are not looked up again for some
//! seconds, and those that do are looked up however often their address was wrong. What a token may do is
//! asked of the database each time: a revoked one opens nothing from that moment on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How long a token that opens nothing is not looked up again. A secret cannot be shown before it was
/// made, so that nobody waits for this.
const BAD_FOR: Duration = Duration::from_secs(30);
/// How long a token that was good makes its address trusted enough for a look.
const GOOD_FOR: Duration = Duration::from_secs(3_600);
/// Tokens of each sort that are remembered.
const MOST: usize = 10_000;

/// What is known of a token before it is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was good within the hour.
    Good,
    /// It opened nothing a moment ago.
    Bad,
    /// It was not seen.
    No,
}

/// The tokens that this process has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<[u8; 32], (Known, Instant)>>);

impl Seen {
    pub(crate) fn look(&self, token: &SecretString) -> Known {
        match self.map().get(&hash(token)) {
            Some((known, at)) if at.elapsed() < lasts(*known) => *known,
            _ => Known::No,
        }
    }

    /// Remembers what became of a token.
    pub(crate) fn note(&self, token: &SecretString, known: Known) {
        let mut seen = self.map();
        if seen.len() >= 2 * MOST {
            seen.retain(|_, (known, at)| at.elapsed() < lasts(*known));
        }
        let alike = || seen.values().filter(|(other, _)| *other == known).count();
        if seen.len() >= MOST && alike() >= MOST {
            // A crowd: it is looked up again, within what its addresses may.
            seen.retain(|_, (other, _)| *other != known);
        }
        seen.insert(hash(token), (known, Instant::now()));
    }

    fn map(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Known, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(known: Known) -> Duration {
    match known {
        Known::Good => GOOD_FOR,
        Known::Bad => BAD_FOR,
        Known::No => Duration::ZERO,
    }
}

fn hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_token_is_remembered_and_a_crowd_of_bad_ones_stays_bounded() {
        let seen = Seen::default();
        let token = |n: usize| SecretString::from(format!("token {n}"));
        seen.note(&token(0), Known::Good);

        for n in 1..=MOST {
            seen.note(&token(n), Known::Bad);
        }
        let full = seen.map().len();
        seen.note(&token(MOST + 1), Known::Bad);

        assert_eq!(full, MOST + 1);
        assert_eq!(seen.map().len(), 2);
        assert_eq!(seen.look(&token(0)), Known::Good);
        assert_eq!(seen.look(&token(MOST + 1)), Known::Bad);
        assert_eq!(seen.look(&token(1)), Known::No);
    }
}
