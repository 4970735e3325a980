//! When bad records stop a run: a few are theirs alone, many are a fault of the remote or ours.

/// Bad records that are always borne (`research/sync.md` 6.8).
const BORNE: u64 = 20;
/// Of all fetched records, one in so many may be bad.
const ONE_IN: u64 = 20;

/// True when more than max(20, 5 %) of what a run has fetched could not be read.
pub(crate) fn is_systemic(bad: u64, fetched: u64) -> bool {
    bad > BORNE.max(fetched / ONE_IN)
}

/// Fewer records of a page may all be bad by chance: a last page may be as short.
const SEVERAL: usize = 3;

/// True when nothing of a page could be read: then it is not the records that are bad.
pub(crate) fn is_whole_page(bad: usize, fetched: usize) -> bool {
    fetched >= SEVERAL && bad == fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_records_and_no_good_one_among_them_are_a_bad_page() {
        let table = [
            (1, 1, false),
            (2, 2, false),
            (3, 3, true),
            (199, 200, false),
        ];
        for (bad, fetched, expected) in table {
            assert_eq!(is_whole_page(bad, fetched), expected, "{bad} of {fetched}");
        }
    }

    #[test]
    fn twenty_or_five_percent_are_borne_whichever_is_more() {
        let table = [
            (0, 0, false),
            (20, 20, false),
            (21, 21, true),
            (21, 400, true),
            (50, 1_000, false),
            (51, 1_000, true),
        ];
        for (bad, fetched, expected) in table {
            assert_eq!(is_systemic(bad, fetched), expected, "{bad} of {fetched}");
        }
    }
}
