//! Where a list goes on: the place of its last row. Opaque to callers, who hand it back as it is; it
//! holds no secret and grants nothing.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// The place of a row in a list: its time, where the list is in the order of one, and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<K = Uuid> {
    pub(crate) at: Option<Timestamp>,
    pub(crate) key: K,
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
