//! Every small case, under every policy; and what must hold of all of them.

mod mirror;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::world::*;
use super::*;

#[test]
fn every_case_is_quiet_after_two_rounds_whatever_form_the_remote_stores() {
    each(|world, policy| {
        for form in [as_sent, upper] {
            let mut now = world.clone();
            for _ in 0..2 {
                now = carried_out(&now, &plan(&now, policy), form);
            }

            let third = plan(&now, policy);

            assert!(
                is_quiet(&third),
                "{world:?}\n{policy:?}\n{now:?}\n{third:?}"
            );
        }
    });
}

#[test]
fn a_plan_that_was_carried_out_is_not_carried_out_again() {
    each(|world, policy| {
        let first = plan(world, policy);
        // Its answer was lost: the effect is there, the bases are not.
        let mut after = carried_out(world, &first, as_sent);
        after.base.clone_from(&world.base);

        let again = plan(&after, policy);

        let is_write = |act: &Act| matches!(act, Act::Push(_) | Act::Pull(_) | Act::Both { .. });
        if let (Plan::Fields(first), Plan::Fields(again)) = (&first, &again) {
            for (name, plan) in first.iter().filter(|(_, plan)| is_write(&plan.act)) {
                let again = again.get(name).map(|plan| &plan.act);
                assert!(
                    !again.is_some_and(is_write),
                    "{world:?}\n{policy:?}\n{plan:?}\n{again:?}"
                );
            }
        }
    });
}

#[test]
fn half_of_a_merge_is_carried_to_the_other_side() {
    let merged = json!("x\nours\ntheirs");
    let base = Fields::from_iter([(NAME.to_owned(), json!("x"))]);
    let bases = Bases::new(base.clone(), base);
    let world = World {
        base: Some(Base::Active(bases.clone())),
        local: here(&json!("x\nours"), at(2)),
        remote: here(&json!("x\ntheirs"), at(3)),
    };
    let is_merged =
        |rule: &Rule| rule.owner == Owner::Shared && rule.resolve == Resolve::Merge(Merge::Append);
    for rule in rules().into_iter().filter(is_merged) {
        let policy = policy(rule, OnDelete::Follow);
        let Plan::Fields(plans) = plan(&world, &policy) else {
            panic!("it is merged");
        };
        assert!(matches!(plans[NAME].act, Act::Both { .. }), "{plans:?}");
        for half in [Side::Local, Side::Remote] {
            let seen = stored(&world);
            let mut written = Stored::default();
            let made = match half {
                Side::Local => &mut written.local,
                Side::Remote => &mut written.remote,
            };
            made.insert(NAME.to_owned(), merged.clone());
            let mut after = world.clone();
            *side_of(&mut after, half) = here(&merged, at(4));
            after.base = Some(Base::Active(bases.clone().after(&plans, &seen, &written)));

            let rest = plan(&after, &policy);
            let at_one = carried_out(&after, &rest, as_sent);

            assert_eq!(value(&at_one.local), Some(merged.clone()), "{rest:?}");
            assert_eq!(value(&at_one.remote), Some(merged.clone()), "{rest:?}");
            assert!(is_quiet(&plan(&at_one, &policy)), "{rest:?}");
        }
    }
}

#[test]
fn a_side_that_could_not_be_looked_at_changes_nothing() {
    each(|world, policy| {
        if world.local == Seen::Unknown || world.remote == Seen::Unknown {
            assert_eq!(plan(world, policy), Plan::Rest, "{world:?}");
        }
    });
}

#[test]
fn sides_that_agree_are_never_written() {
    each(|world, policy| {
        if let (Some(local), Some(remote)) = (value(&world.local), value(&world.remote))
            && local == remote
        {
            let plan = plan(world, policy);
            let is_still = match &plan {
                Plan::Rest => true,
                Plan::Fields(plans) => plans.values().all(|plan| plan.act == Act::Adopt),
                _ => false,
            };
            assert!(is_still, "{world:?}\n{policy:?}\n{plan:?}");
        }
    });
}

/// An edit is a value that its own base does not have.
fn edits(world: &World) -> Vec<(Side, Value)> {
    let base = |side| match &world.base {
        Some(Base::Active(bases)) => bases.of(NAME).map(|pair| pair.on(side).clone()),
        _ => None,
    };
    let sides = [(Side::Local, &world.local), (Side::Remote, &world.remote)];
    let values = sides
        .into_iter()
        .filter_map(|(side, seen)| Some((side, value(seen)?)));
    values
        .filter(|(side, value)| base(*side).as_ref() != Some(value))
        // A side that never said anything has nothing to lose.
        .filter(|(side, value)| !value.is_null() || base(*side).is_some())
        .collect()
}

#[test]
fn no_edit_is_lost_without_a_conflict_or_a_note() {
    each(|world, policy| {
        let plan = plan(world, policy);
        let after = carried_out(world, &plan, as_sent);
        let note = match &plan {
            Plan::Fields(plans) => plans.get(NAME).and_then(|plan| plan.note.clone()),
            _ => None,
        };
        for (side, edit) in edits(world) {
            let stands = [&after.local, &after.remote]
                .into_iter()
                .any(|seen| value(seen).as_ref() == Some(&edit));
            let is_noted = match &note {
                Some(Note::Overwrites { side: of, value }) => *of == side && *value == edit,
                Some(Note::Merges { local, remote }) => *local == edit || *remote == edit,
                Some(Note::Keeps { .. }) | None => false,
            };
            let is_kept = matches!(&plan, Plan::Delete { was, .. } if was.get(NAME) == Some(&edit));
            assert!(
                stands || is_noted || is_kept,
                "{edit} of {side:?}\n{world:?}\n{policy:?}\n{plan:?}"
            );
        }
    });
}

#[test]
fn an_owner_is_never_written_but_by_its_own_edit() {
    each(|world, policy| {
        let Owner::One(owner) = policy.fields[NAME].owner else {
            return;
        };
        if let Plan::Fields(plans) = plan(world, policy) {
            for plan in plans.values() {
                let wrote = match plan.act {
                    Act::Pull(_) => owner == Side::Local,
                    Act::Push(_) => owner == Side::Remote,
                    Act::Both { .. } => true,
                    _ => false,
                };
                assert!(!wrote, "{world:?}\n{policy:?}\n{plan:?}");
            }
        }
    });
}

#[test]
fn an_edited_record_is_never_deleted() {
    each(|world, policy| {
        if let Plan::Delete { on, .. } = plan(world, policy) {
            let owner = policy.fields[NAME].owner;
            let theirs = owner == Owner::One(on.other());
            let was_edited = edits(world).iter().any(|(side, _)| *side == on);
            assert!(!was_edited || theirs, "{world:?}\n{policy:?}");
        }
    });
}

#[test]
fn a_tombstone_brings_nothing_back_but_what_was_changed_later() {
    each(|world, policy| {
        if let Some(Base::Tombstone { .. }) = world.base
            && let Plan::Create { on, .. } = plan(world, policy)
        {
            let Seen::Here(version) = (match on {
                Side::Local => &world.remote,
                Side::Remote => &world.local,
            }) else {
                panic!("made of nothing: {world:?}");
            };
            assert!(version.at > at(3), "{world:?}");
        }
    });
}

#[test]
fn the_mirrored_case_has_the_mirrored_plan() {
    each(|world, policy| {
        let mirrored = mirror::plan(&plan(world, policy));

        let plan = plan(&mirror::world(world), &mirror::policy(policy));

        assert_eq!(plan, mirrored, "{world:?}\n{policy:?}");
    });
}

#[test]
fn a_frozen_field_moves_only_when_the_sides_agree() {
    let frozen = Frozen {
        record: true,
        fields: [NAME.to_owned()].into(),
    };
    each(|world, policy| {
        let plan = reconcile(
            world.base.as_ref(),
            &world.local,
            &world.remote,
            policy,
            &frozen,
        );
        if let Plan::Fields(plans) = &plan {
            for plan in plans.values() {
                assert!(
                    matches!(plan.act, Act::Adopt | Act::Conflict),
                    "{world:?}\n{plan:?}"
                );
            }
        } else {
            let is_still = matches!(plan, Plan::Rest | Plan::Bury | Plan::Conflict { .. });
            assert!(is_still, "{world:?}\n{plan:?}");
        }
    });
}

/// What no rule of a text can do: a codec that two values share a form of.
#[test]
fn a_codec_that_loses_case_does_not_oscillate() {
    let mut rule = rules().remove(0);
    rule.codec = Codec::Email;
    let policy = policy(rule, OnDelete::Follow);
    for (local, remote) in [("a", "A"), ("A", "a"), ("A", "A"), ("A", "b"), ("b", "A")] {
        let canonical = |side, text: &str| Codec::Email.canonical(side, &json!(text)).unwrap();
        let mut now = World {
            base: Some(Base::Active(Bases::default())),
            local: here(&canonical(Side::Local, local), at(1)),
            remote: here(&canonical(Side::Remote, remote), at(1)),
        };
        for _ in 0..2 {
            now = carried_out(&now, &plan(&now, &policy), upper_then_canonical);
        }
        assert!(is_quiet(&plan(&now, &policy)), "{local} {remote}: {now:?}");
    }
}

fn upper_then_canonical(value: Value) -> Value {
    Codec::Email.canonical(Side::Remote, &upper(value)).unwrap()
}

proptest! {
    /// Two edits of one version, as people make them; fields do not hear of each other.
    #[test]
    fn each_field_has_the_plan_that_it_has_alone(
        base in prop::collection::vec(0..3_usize, 4),
        local in prop::collection::vec(prop::option::of(0..3_usize), 4),
        remote in prop::collection::vec(prop::option::of(0..3_usize), 4),
        rule in prop::collection::vec(0..rules().len(), 4),
    ) {
        let (rules, values) = (rules(), values());
        let name = |nth: usize| format!("field_{nth}");
        let version = |edits: &[Option<usize>]| -> Fields {
            let value = |nth: usize| values[edits[nth].unwrap_or(base[nth])].clone();
            (0..4).map(|nth| (name(nth), value(nth))).collect()
        };
        let policy_of = |fields: &[usize]| Policy {
            fields: fields.iter().map(|&nth| (name(nth), rules[rule[nth]].clone())).collect(),
            ..policy(rules[0].clone(), OnDelete::Follow)
        };
        let unedited = version(&[None; 4]);
        let world = World {
            base: Some(Base::Active(Bases::new(unedited.clone(), unedited))),
            local: Seen::Here(Version { fields: version(&local), at: at(1) }),
            remote: Seen::Here(Version { fields: version(&remote), at: at(9) }),
        };

        let whole = plan(&world, &policy_of(&[0, 1, 2, 3]));

        let mut alone = BTreeMap::new();
        for nth in 0..4 {
            if let Plan::Fields(plans) = plan(&world, &policy_of(&[nth])) {
                alone.extend(plans);
            }
        }
        let alone = if alone.is_empty() { Plan::Rest } else { Plan::Fields(alone) };
        prop_assert_eq!(whole, alone);
    }
}
