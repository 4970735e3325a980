//! Merge: one value of two edits, where both can be kept.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::Pair;

/// How two edits become one value. All work on local forms, and none depends on which side is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Lists: what either side added, without what either side took away.
    Union,
    /// Texts that both grew at the end: one growth after the other.
    Append,
    /// Numbers: the greater, or the smaller.
    Greatest,
    Least,
}

impl Merge {
    /// None when the two edits do not go together: a person must say. Each edit is one of its own base.
    pub(super) fn apply(self, base: Option<Pair<'_>>, edits: Pair<'_>) -> Option<Value> {
        let nothing = Pair {
            local: &Value::Null,
            remote: &Value::Null,
        };
        let base = base.unwrap_or(nothing);
        match self {
            Merge::Union => union(base, edits),
            Merge::Append => append(base, edits),
            Merge::Greatest => pick(edits, |a, b| a >= b),
            Merge::Least => pick(edits, |a, b| a <= b),
        }
    }
}

fn union(base: Pair<'_>, edits: Pair<'_>) -> Option<Value> {
    let (local, remote) = (set(edits.local)?, set(edits.remote)?);
    let (had, they_had) = (set(base.local)?, set(base.remote)?);
    let was_taken = |one: &&str| {
        (had.contains(one) && !local.contains(one))
            || (they_had.contains(one) && !remote.contains(one))
    };
    let merged = local.union(&remote).copied();
    Some(
        merged
            .filter(|one| !was_taken(one))
            .map(Value::from)
            .collect(),
    )
}

fn set(value: &Value) -> Option<BTreeSet<&str>> {
    match value {
        Value::Null => Some(BTreeSet::new()),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn append(base: Pair<'_>, edits: Pair<'_>) -> Option<Value> {
    // From two beginnings there is no one text to go on with.
    if base.local != base.remote {
        return None;
    }
    let text = |value: &Value| match value {
        Value::Null => Some(String::new()),
        other => other.as_str().map(str::to_owned),
    };
    let (base, local, remote) = (text(base.local)?, text(edits.local)?, text(edits.remote)?);
    let mut grown = [local.strip_prefix(&base)?, remote.strip_prefix(&base)?];
    // By content, so that both sides would come to the same text.
    grown.sort_unstable();
    let merged = match grown {
        [first, second] if second.starts_with(first) => format!("{base}{second}"),
        [first, second] => format!("{base}{first}\n{}", second.trim_start_matches('\n')),
    };
    Some(Value::from(merged))
}

fn pick(edits: Pair<'_>, is_first: impl Fn(Decimal, Decimal) -> bool) -> Option<Value> {
    let number = |value: &Value| -> Option<Decimal> {
        match value {
            Value::Number(number) => number.to_string().parse().ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    };
    let (local, remote) = (number(edits.local)?, number(edits.remote)?);
    let picked = if is_first(local, remote) {
        edits.local
    } else {
        edits.remote
    };
    Some(picked.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edits_that_go_together_become_one_value_whichever_side_made_them() {
        let table = [
            (
                Merge::Union,
                json!(["a", "b"]),
                json!(["a", "b", "c"]),
                json!(["b", "d"]),
                Some(json!(["b", "c", "d"])),
            ),
            (
                Merge::Union,
                Value::Null,
                json!(["a"]),
                json!(["b"]),
                Some(json!(["a", "b"])),
            ),
            (Merge::Union, json!(["a"]), json!("a"), json!(["b"]), None),
            (
                Merge::Append,
                json!("x"),
                json!("x\nwe"),
                json!("x\nthey"),
                Some(json!("x\nthey\nwe")),
            ),
            (
                Merge::Append,
                json!("x"),
                json!("xy"),
                json!("xyz"),
                Some(json!("xyz")),
            ),
            (
                Merge::Append,
                json!("x"),
                json!("new"),
                json!("x\nthey"),
                None,
            ),
            (
                Merge::Append,
                Value::Null,
                json!("a"),
                json!("b"),
                Some(json!("a\nb")),
            ),
            (
                Merge::Greatest,
                json!("1"),
                json!("9.5"),
                json!("10"),
                Some(json!("10")),
            ),
            (Merge::Least, json!(1), json!(9), json!(10), Some(json!(9))),
            (Merge::Greatest, json!("1"), Value::Null, json!("10"), None),
        ];
        for (merge, base, one, other, expected) in table {
            for (local, remote) in [(&one, &other), (&other, &one)] {
                let base = Pair {
                    local: &base,
                    remote: &base,
                };
                let merged = merge.apply(Some(base), Pair { local, remote });

                assert_eq!(merged, expected, "{merge:?} {base:?} {local} {remote}");
            }
        }
    }
}
