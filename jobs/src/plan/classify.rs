//! Classify: what one fetched record means for the row that is stored under its id.

/// What is stored of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) company_id: i64,
    /// None for a row that was never written from an answer.
    pub(crate) hash: Option<Vec<u8>>,
    pub(crate) is_orphan: bool,
}

/// What becomes of a record. Everything but `Unchanged` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Created,
    Updated,
    /// It had been marked as gone and is back.
    Revived,
    /// Its row must not be touched.
    Unchanged,
}

/// Compares a record of `company_id` with what is stored under its id.
pub(crate) fn classify(stored: Option<&Stored>, company_id: i64, hash: &[u8]) -> Class {
    match stored {
        None => Class::Created,
        Some(row) if row.is_orphan => Class::Revived,
        // The account that lists a zone has it: an id is never in two accounts, so a row of
        // another company is a zone that moved, or whose account was given to this company.
        Some(row) if row.company_id != company_id || row.hash.as_deref() != Some(hash) => {
            Class::Updated
        }
        Some(_) => Class::Unchanged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(company_id: i64, hash: Option<&[u8]>, is_orphan: bool) -> Option<Stored> {
        Some(Stored {
            company_id,
            hash: hash.map(<[u8]>::to_vec),
            is_orphan,
        })
    }

    #[test]
    fn every_pair_of_stored_and_fetched_has_one_class() {
        let table = [
            (None, Class::Created),
            (stored(1, Some(b"same"), false), Class::Unchanged),
            (stored(1, Some(b"other"), false), Class::Updated),
            (stored(1, None, false), Class::Updated),
            (stored(2, Some(b"same"), false), Class::Updated),
            (stored(1, Some(b"same"), true), Class::Revived),
            (stored(2, Some(b"other"), true), Class::Revived),
        ];
        for (stored, expected) in table {
            assert_eq!(
                classify(stored.as_ref(), 1, b"same"),
                expected,
                "{stored:?}"
            );
        }
    }
}
