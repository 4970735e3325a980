//! World: small cases, policies, and a store on each side that plans are carried out on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::plan::reconcile::*;

pub(super) const NAME: &str = "name";

/// A link and what each side holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct World {
    pub(super) base: Option<Base>,
    pub(super) local: Seen,
    pub(super) remote: Seen,
}

pub(super) fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(second).unwrap())
}

pub(super) fn here(value: &Value, at: Option<Timestamp>) -> Seen {
    let fields = Fields::from_iter([(NAME.to_owned(), value.clone())]);
    Seen::Here(Version { fields, at })
}

pub(super) fn values() -> [Value; 3] {
    [Value::Null, json!("a"), json!("ab")]
}

pub(super) fn worlds() -> Vec<World> {
    let one = |value: &Value| Fields::from_iter([(NAME.to_owned(), value.clone())]);
    let (local_at, remote_at) = (at(3), at(3));
    let mut bases = vec![
        None,
        Some(Base::Unlinked),
        Some(Base::Tombstone {
            local_at,
            remote_at,
        }),
        Some(Base::Active(Bases::default())),
    ];
    for local in values() {
        for remote in values() {
            bases.push(Some(Base::Active(Bases::new(one(&local), one(&remote)))));
        }
    }
    let sides = |at| {
        let there = values().map(|value| here(&value, at));
        [Seen::Unknown, Seen::Gone].into_iter().chain(there)
    };
    let mut worlds = Vec::new();
    for base in &bases {
        for (local_at, remote_at) in [(None, None), (at(2), at(9)), (at(9), at(2)), (at(4), at(5))]
        {
            for local in sides(local_at) {
                for remote in sides(remote_at) {
                    let (base, local) = (base.clone(), local.clone());
                    worlds.push(World {
                        base,
                        local,
                        remote,
                    });
                }
            }
        }
    }
    worlds
}

pub(super) fn resolves() -> Vec<Resolve> {
    let margin = SignedDuration::from_secs(2);
    let merges = [Merge::Union, Merge::Append, Merge::Greatest, Merge::Least];
    let mut resolves: Vec<_> = merges.into_iter().map(Resolve::Merge).collect();
    resolves.extend([Side::Local, Side::Remote].map(Resolve::Take));
    resolves.extend([Resolve::Newest { margin }, Resolve::Manual]);
    resolves
}

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for owner in [
        Owner::Shared,
        Owner::One(Side::Local),
        Owner::One(Side::Remote),
    ] {
        for on_foreign_edit in [Foreign::Revert, Foreign::Keep, Foreign::Conflict] {
            for resolve in resolves() {
                rules.push(Rule {
                    codec: Codec::Text { most: None },
                    owner,
                    on_foreign_edit,
                    initial: resolve.clone(),
                    resolve,
                });
            }
        }
    }
    rules
}

pub(super) fn policy(rule: Rule, on_delete: OnDelete) -> Policy {
    Policy {
        fields: BTreeMap::from([(NAME.to_owned(), rule)]),
        creates_local: true,
        creates_remote: true,
        on_local_delete: on_delete,
        on_remote_delete: on_delete,
    }
}

/// Only what could matter: rules of fields where there are two, rules of deletes where there is one.
pub(super) fn each(mut check: impl FnMut(&World, &Policy)) {
    let deletes = [OnDelete::Follow, OnDelete::Unlink, OnDelete::Conflict];
    for world in worlds() {
        let is_whole = matches!(
            (&world.local, &world.remote),
            (Seen::Here(_), Seen::Here(_))
        );
        for rule in rules() {
            if is_whole {
                check(&world, &policy(rule, OnDelete::Follow));
            } else if rule.resolve == Resolve::Manual && rule.on_foreign_edit == Foreign::Conflict {
                for on_delete in deletes {
                    check(&world, &policy(rule.clone(), on_delete));
                }
            }
        }
    }
}

pub(super) fn plan(world: &World, policy: &Policy) -> Plan {
    let frozen = Frozen::default();
    reconcile(
        world.base.as_ref(),
        &world.local,
        &world.remote,
        policy,
        &frozen,
    )
}

pub(super) fn fields(seen: &Seen) -> Fields {
    match seen {
        Seen::Here(version) => version.fields.clone(),
        _ => Fields::new(),
    }
}

pub(super) fn value(seen: &Seen) -> Option<Value> {
    fields(seen).get(NAME).cloned()
}

/// Carries a plan out, on a remote that stores what it is sent in a form of its own.
pub(super) fn carried_out(world: &World, plan: &Plan, form: fn(Value) -> Value) -> World {
    let mut after = world.clone();
    let buried = Base::Tombstone {
        local_at: at(20),
        remote_at: at(20),
    };
    match plan {
        Plan::Rest | Plan::Conflict { .. } => {}
        Plan::Unlink => after.base = Some(Base::Unlinked),
        Plan::Bury => after.base = Some(buried),
        Plan::Delete { on, .. } => {
            *side_of(&mut after, *on) = Seen::Gone;
            after.base = Some(buried);
        }
        Plan::Create {
            on, fields: made, ..
        } => {
            let stored = match on {
                Side::Remote => formed(made, form),
                Side::Local => made.clone(),
            };
            let at = at(10);
            *side_of(&mut after, *on) = Seen::Here(Version { fields: stored, at });
            let bases = Bases::new(fields(&after.local), fields(&after.remote));
            after.base = Some(Base::Active(bases));
        }
        Plan::Fields(plans) => {
            let seen = stored(world);
            for (name, plan) in plans {
                let (local, remote) = match &plan.act {
                    Act::Push(remote) => (None, Some(remote)),
                    Act::Pull(local) => (Some(local), None),
                    Act::Both { local, remote } => (Some(local), Some(remote)),
                    _ => (None, None),
                };
                if let (Some(value), Seen::Here(version)) = (local, &mut after.local) {
                    version.fields.insert(name.clone(), value.clone());
                }
                if let (Some(value), Seen::Here(version)) = (remote, &mut after.remote) {
                    version.fields.insert(name.clone(), form(value.clone()));
                }
            }
            let bases = match &world.base {
                Some(Base::Active(bases)) => bases.clone(),
                _ => Bases::default(),
            };
            after.base = Some(Base::Active(bases.after(plans, &seen, &stored(&after))));
        }
    }
    after
}

pub(super) fn side_of(world: &mut World, side: Side) -> &mut Seen {
    match side {
        Side::Local => &mut world.local,
        Side::Remote => &mut world.remote,
    }
}

pub(super) fn formed(fields: &Fields, form: fn(Value) -> Value) -> Fields {
    let formed = fields
        .iter()
        .map(|(name, value)| (name.clone(), form(value.clone())));
    formed.collect()
}

pub(super) fn stored(world: &World) -> Stored {
    Stored {
        local: fields(&world.local),
        remote: fields(&world.remote),
    }
}

/// Nothing is written any more; conflicts wait for a person.
pub(super) fn is_quiet(plan: &Plan) -> bool {
    match plan {
        Plan::Rest | Plan::Conflict { .. } => true,
        Plan::Fields(plans) => plans
            .values()
            .all(|plan| matches!(plan.act, Act::Conflict | Act::Unmappable { .. })),
        _ => false,
    }
}

pub(super) fn as_sent(value: Value) -> Value {
    value
}

pub(super) fn upper(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.to_uppercase()),
        other => other,
    }
}
