//! Decide: what a person's word on a conflict comes to.

use serde_json::Value;

use super::field::{both, to};
use super::{Act, FieldPlan, Note, Pair, Rule, Side};

/// What a person said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    Side(Side),
    /// Another value, in its local form.
    Value(Value),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decided {
    Act(FieldPlan),
    /// A side has changed since the person looked: the conflict is shown again, with what is there now.
    Stale,
}

/// Applies a choice only to what was seen when it was made (law L11). What is written over stands in the note.
pub(crate) fn decide(rule: &Rule, seen: Pair<'_>, now: Pair<'_>, choice: &Choice) -> Decided {
    if seen != now {
        return Decided::Stale;
    }
    let overwrites = |side: Side| {
        Some(Note::Overwrites {
            side,
            value: now.on(side).clone(),
        })
    };
    let plan = match choice {
        Choice::Side(side) => match rule.codec.carry(*side, now.on(*side)) {
            Ok(value) => FieldPlan {
                act: to(side.other(), value),
                note: overwrites(side.other()),
            },
            Err(reason) => FieldPlan::from(Act::Unmappable {
                from: *side,
                reason,
            }),
        },
        Choice::Value(value) => match rule.codec.canonical(Side::Local, value) {
            Ok(value) => FieldPlan::from(both(rule, now, value)),
            Err(reason) => FieldPlan::from(Act::Unmappable {
                from: Side::Local,
                reason,
            }),
        },
    };
    Decided::Act(plan)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Codec, Foreign, Owner, Resolve};
    use super::*;

    fn rule() -> Rule {
        Rule {
            codec: Codec::Text { most: Some(5) },
            owner: Owner::Shared,
            on_foreign_edit: Foreign::Conflict,
            resolve: Resolve::Manual,
            initial: Resolve::Manual,
        }
    }

    fn decided(local: &str, choice: &Choice) -> Decided {
        let seen = (json!("ours"), json!("their"));
        let (local, remote) = (json!(local), json!("their"));
        let pair = |local, remote| Pair { local, remote };
        decide(
            &rule(),
            pair(&seen.0, &seen.1),
            pair(&local, &remote),
            choice,
        )
    }

    #[test]
    fn a_choice_is_written_where_the_value_is_not_yet() {
        let table = [
            (Choice::Side(Side::Local), Act::Push(json!("ours"))),
            (Choice::Side(Side::Remote), Act::Pull(json!("their"))),
            (Choice::Value(json!("ours")), Act::Push(json!("ours"))),
            (
                Choice::Value(json!("new")),
                Act::Both {
                    local: json!("new"),
                    remote: json!("new"),
                },
            ),
        ];
        for (choice, expected) in table {
            let Decided::Act(plan) = decided("ours", &choice) else {
                panic!("{choice:?} is stale");
            };
            assert_eq!(plan.act, expected, "{choice:?}");
        }
    }

    #[test]
    fn a_side_that_changed_since_makes_the_choice_stale() {
        for choice in [Choice::Side(Side::Remote), Choice::Value(json!("new"))] {
            assert_eq!(decided("edited", &choice), Decided::Stale);
        }
    }

    #[test]
    fn a_value_that_the_remote_cannot_take_is_told() {
        let Decided::Act(plan) = decided("ours", &Choice::Value(json!("too long"))) else {
            panic!("stale");
        };
        assert!(matches!(plan.act, Act::Unmappable { .. }), "{plan:?}");
    }
}
