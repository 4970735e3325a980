//! Adopt: when a row that a person made, without a remote id, is the zone that a listing names.
//!
//! A name proves little: it is not unique and it changes. So a name only ever adopts a row without
//! an id, and only when nothing else could be meant: one such row, and one record of that name in
//! the whole listing. That is known at the end of a complete walk and not before: two records of
//! one name may stand on two pages.

use std::collections::HashMap;

/// A row of a company, by what adoption looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Created from an answer of this very run: an older row has a life of its own and is kept.
    pub(crate) is_fresh: bool,
}

/// A row that a person made, and the fresh row whose remote id it takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adoption {
    pub(crate) kept_id: i64,
    pub(crate) fresh_id: i64,
}

/// Pairs `without_id` with the rows of the same listing that have one.
pub(crate) fn adoptions(without_id: &[Named], with_id: &[Named]) -> Vec<Adoption> {
    let (ours, theirs) = (by_name(without_id), by_name(with_id));
    let mut adoptions = Vec::new();
    for row in without_id {
        let name = row.name.trim();
        let (Some([kept]), Some([fresh])) = (
            ours.get(name).map(Vec::as_slice),
            theirs.get(name).map(Vec::as_slice),
        ) else {
            continue;
        };
        if fresh.is_fresh {
            adoptions.push(Adoption {
                kept_id: kept.id,
                fresh_id: fresh.id,
            });
        }
    }
    adoptions
}

fn by_name(rows: &[Named]) -> HashMap<&str, Vec<&Named>> {
    let mut by_name: HashMap<&str, Vec<&Named>> = HashMap::new();
    for row in rows {
        by_name.entry(row.name.trim()).or_default().push(row);
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, name: &str, is_fresh: bool) -> Named {
        Named {
            id,
            name: name.into(),
            is_fresh,
        }
    }

    #[test]
    fn a_name_adopts_only_when_nothing_else_could_be_meant() {
        let one = vec![Adoption {
            kept_id: 1,
            fresh_id: 9,
        }];
        let table = [
            (
                "one of each",
                vec![row(1, "Bar", false)],
                vec![row(9, "Bar", true)],
                one.clone(),
            ),
            (
                "blanks around it",
                vec![row(1, " Bar ", false)],
                vec![row(9, "Bar", true)],
                one,
            ),
            (
                "another name",
                vec![row(1, "Bar", false)],
                vec![row(9, "Pool", true)],
                vec![],
            ),
            (
                "another case",
                vec![row(1, "Bar", false)],
                vec![row(9, "bar", true)],
                vec![],
            ),
            (
                "two rows of ours",
                vec![row(1, "Bar", false), row(2, "Bar", false)],
                vec![row(9, "Bar", true)],
                vec![],
            ),
            (
                "two records",
                vec![row(1, "Bar", false)],
                vec![row(8, "Bar", false), row(9, "Bar", true)],
                vec![],
            ),
            (
                "an older row",
                vec![row(1, "Bar", false)],
                vec![row(9, "Bar", false)],
                vec![],
            ),
        ];
        for (what, without_id, with_id, expected) in table {
            assert_eq!(adoptions(&without_id, &with_id), expected, "{what}");
        }
    }
}
