//! Guids, and the two orders in which a database puts them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An id of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Guid([u8; 16]);

/// How a database compares guids. A keyset over `ModifiedOn, Id` is as right as its client's idea of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GuidOrder {
    /// As their text, as PostgreSQL does.
    Text,
    /// The last six bytes first, as Microsoft SQL Server does.
    SqlServer,
}

/// A guid's bytes in the order in which they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key([u8; 16]);

/// Which byte of a guid's text SQL Server compares first, second …
const SQL_SERVER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0];

impl Guid {
    /// What an empty lookup comes back as.
    pub const ZERO: Self = Self([0; 16]);

    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lengths: [usize; 5] = [8, 4, 4, 4, 12];
        let mut groups = text.split('-');
        let whole = lengths
            .iter()
            .all(|length| groups.next().is_some_and(|group| group.len() == *length));
        if !whole || groups.next().is_some() {
            return None;
        }
        let digits: String = text.split('-').collect();
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(&digits, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }

    /// A guid of version 4 made of two drawn numbers.
    pub(super) fn drawn(high: u64, low: u64) -> Self {
        let number = (u128::from(high) << 64) | u128::from(low);
        let mut bytes = number.to_be_bytes();
        bytes[6] = 0x40 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }

    pub(super) fn key(self, order: GuidOrder) -> Key {
        match order {
            GuidOrder::Text => Key(self.0),
            GuidOrder::SqlServer => Key(SQL_SERVER.map(|byte| self.0[byte])),
        }
    }

    /// Another sequence for each `turn`, for ties that are broken anew.
    pub(super) fn turned(self, turn: u64) -> u64 {
        let mixed = u128::from_be_bytes(self.0) as u64 ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no guid")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_what_it_writes_and_nothing_else() {
        let text = "3b9f1667-165a-4dbf-b422-4d490c214605";

        assert_eq!(Guid::parse(text).unwrap().to_string(), text);
        assert_eq!(
            Guid::parse("3B9F1667-165A-4DBF-B422-4D490C214605"),
            Guid::parse(text)
        );
        for bad in [
            "",
            "3b9f1667165a4dbfb4224d490c214605",
            &text[1..],
            "+b9f1667-165a-4dbf-b422-4d490c214605",
            "3b9f1667-165a-4dbf-b422-4d490c214605-",
        ] {
            assert_eq!(Guid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sql_server_compares_the_last_bytes_first() {
        let first = Guid::parse("ffffffff-ffff-ffff-ffff-000000000001").unwrap();
        let second = Guid::parse("00000000-0000-0000-0000-000000000002").unwrap();

        assert!(first.key(GuidOrder::Text) > second.key(GuidOrder::Text));
        assert!(first.key(GuidOrder::SqlServer) < second.key(GuidOrder::SqlServer));
    }
}
