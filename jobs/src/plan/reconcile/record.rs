//! Record: whether a record is made, deleted, settled by a person, or compared field by field.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::field::Field;
use super::{Base, Bases, FieldPlan, Fields, OnDelete, Owner, Pair, Policy, Seen, Side, Version};

/// What is done about a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// Nothing, and nothing to remember.
    Rest,
    /// It is made on a side, of these values. Fields that cannot be carried are left out, with the reason.
    Create {
        on: Side,
        fields: Fields,
        unmappable: BTreeMap<String, String>,
    },
    /// It is on both sides: what each field comes to. Fields that rest are not named.
    Fields(BTreeMap<String, FieldPlan>),
    /// It is soft-deleted or archived on a side, and the link is a tombstone then. What it was is for the
    /// audit trail.
    Delete { on: Side, was: Fields },
    /// Deleted on one side and edited, or not to be deleted, on the other: a person must say. The edit stays.
    Conflict { gone: Side },
    /// It is gone on both sides. The link stays for a while, so that a late answer makes no new record.
    Bury,
    /// The two have no more to do with each other.
    Unlink,
}

/// What nobody has settled yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Frozen {
    pub(crate) record: bool,
    pub(crate) fields: BTreeSet<String>,
}

/// Plans a record: pure and total, with one answer for one input.
pub(crate) fn reconcile(
    base: Option<&Base>,
    local: &Seen,
    remote: &Seen,
    policy: &Policy,
    frozen: &Frozen,
) -> Plan {
    if base == Some(&Base::Unlinked) {
        return Plan::Rest;
    }
    let plan = match (local, remote) {
        (Seen::Unknown, _) | (_, Seen::Unknown) => return Plan::Rest,
        (Seen::Gone, Seen::Gone) => match base {
            Some(Base::Active(_)) => Plan::Bury,
            _ => Plan::Rest,
        },
        (Seen::Here(version), Seen::Gone) => one_side(base, Side::Local, version, policy),
        (Seen::Gone, Seen::Here(version)) => one_side(base, Side::Remote, version, policy),
        (Seen::Here(local), Seen::Here(remote)) => {
            both_sides(bases(base), local, remote, policy, &frozen.fields)
        }
    };
    match plan {
        // Whoever put the record back, or took it away for good, has settled it.
        Plan::Fields(_) | Plan::Bury | Plan::Rest => plan,
        _ if frozen.record => Plan::Conflict {
            gone: match local {
                Seen::Here(_) => Side::Remote,
                _ => Side::Local,
            },
        },
        plan => plan,
    }
}

fn bases(base: Option<&Base>) -> Option<&Bases> {
    match base {
        Some(Base::Active(bases)) => Some(bases),
        // It is back on both sides: as at first contact.
        Some(Base::Tombstone { .. } | Base::Unlinked) | None => None,
    }
}

/// The record is on this side alone.
fn one_side(base: Option<&Base>, here: Side, version: &Version, policy: &Policy) -> Plan {
    let there = here.other();
    match base {
        None if policy.creates(there) => create(there, version, policy),
        None | Some(Base::Unlinked) => Plan::Rest,
        Some(Base::Tombstone {
            local_at,
            remote_at,
        }) => {
            let buried_at = match here {
                Side::Local => local_at,
                Side::Remote => remote_at,
            };
            match is_later(version.at, *buried_at) && policy.creates(there) {
                true => create(there, version, policy),
                // A late answer, or an old copy.
                false => Plan::Rest,
            }
        }
        Some(Base::Active(bases)) if is_edited(bases, here, version, policy) => {
            Plan::Conflict { gone: there }
        }
        Some(Base::Active(_)) => match policy.on_delete(there) {
            OnDelete::Follow => Plan::Delete {
                on: here,
                was: version.fields.clone(),
            },
            OnDelete::Unlink => Plan::Unlink,
            OnDelete::Conflict => Plan::Conflict { gone: there },
        },
    }
}

fn is_later(at: Option<Timestamp>, buried_at: Option<Timestamp>) -> bool {
    matches!((at, buried_at), (Some(at), Some(buried_at)) if at > buried_at)
}

/// Fields that the other side owns are its own affair: an edit of them is none that could be lost. A field
/// that was never at one is an edit when it says anything.
fn is_edited(bases: &Bases, side: Side, version: &Version, policy: &Policy) -> bool {
    policy.fields.iter().any(|(name, rule)| {
        let base = bases.of(name).map_or(&Value::Null, |base| base.on(side));
        let now = version.fields.get(name).unwrap_or(&Value::Null);
        rule.owner != Owner::One(side.other()) && base != now
    })
}

fn create(on: Side, version: &Version, policy: &Policy) -> Plan {
    let (mut fields, mut unmappable) = (Fields::new(), BTreeMap::new());
    for (name, rule) in &policy.fields {
        let value = version.fields.get(name).filter(|value| !value.is_null());
        // What that side owns it fills in by itself, and we read it then.
        let Some(value) = value.filter(|_| rule.owner != Owner::One(on)) else {
            continue;
        };
        match rule.codec.carry(on.other(), value) {
            Ok(value) => drop(fields.insert(name.clone(), value)),
            Err(reason) => drop(unmappable.insert(name.clone(), reason)),
        }
    }
    Plan::Create {
        on,
        fields,
        unmappable,
    }
}

fn both_sides(
    bases: Option<&Bases>,
    local: &Version,
    remote: &Version,
    policy: &Policy,
    frozen: &BTreeSet<String>,
) -> Plan {
    let mut plans = BTreeMap::new();
    for (name, rule) in &policy.fields {
        let field = Field {
            rule,
            base: bases.and_then(|bases| bases.of(name)),
            now: Pair::of(name, &local.fields, &remote.fields),
            local_at: local.at,
            remote_at: remote.at,
        };
        let plan = field.plan(frozen.contains(name));
        if plan.act != super::Act::Rest {
            plans.insert(name.clone(), plan);
        }
    }
    match plans.is_empty() && bases.is_some() {
        true => Plan::Rest,
        // Empty at first contact: the two are linked all the same.
        false => Plan::Fields(plans),
    }
}
