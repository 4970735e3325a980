//! Where a list goes on: the place of its last row. Opaque to callers, who hand it back as it is; it
//! holds no secret and grants nothing.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// The place of a row in a list: its time, where the list is in the order of one, and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<K = Uuid> {
    pub(crate) at: Option<Timestamp>,
    pub(crate) key: K,
}

impl<K> Cursor<K> {
    /// The place of the row with this key, in a list that is in the order of keys.
    pub fn of(key: K) -> Cursor<K> {
        Cursor { at: None, key }
    }

    /// The row's key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Refuses a place with a time in a list that is in the order of none, and the other way round: it
    /// would be no place at all, and the list begin again for ever.
    pub(crate) fn check(from: Option<&Cursor<K>>, is_timed: bool) -> Result<(), Error> {
        if from.is_none_or(|from| from.at.is_some() == is_timed) {
            return Ok(());
        }
        Err(Error::Invalid(
            "the place to go on from is of another list".to_owned(),
        ))
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected what a list gave as its next place")]
pub struct BadCursor;

impl<K: fmt::Display> fmt::Display for Cursor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}~{}", at.as_microsecond(), self.key),
            None => write!(f, "{}", self.key),
        }
    }
}

impl<K: FromStr> FromStr for Cursor<K> {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Cursor<K>, BadCursor> {
        let (at, key) = match text.split_once('~') {
            Some((at, key)) => (Some(at), key),
            None => (None, text),
        };
        let at = at
            .map(|at| {
                let micros = at.parse().map_err(|_| BadCursor)?;
                Timestamp::from_microsecond(micros).map_err(|_| BadCursor)
            })
            .transpose()?;
        let key = key.parse().map_err(|_| BadCursor)?;
        Ok(Cursor { at, key })
    }
}

impl<K: fmt::Display> serde::Serialize for Cursor<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_does_not() {
        let at = Timestamp::from_microsecond(1_763_000_000_123_456).ok();
        for at in [at, None] {
            let cursor = Cursor {
                at,
                key: Uuid::from_u128(7),
            };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in [
            "",
            "x",
            "~",
            "1~",
            "9999999999999999999~x",
            "999999999999999999~00000000-0000-0000-0000-000000000007",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
