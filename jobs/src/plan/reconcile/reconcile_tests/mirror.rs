//! Mirror: the same with the sides in each other's place.

use super::world::World;
use crate::plan::reconcile::*;

pub(super) fn world(world: &World) -> World {
    World {
        base: world.base.as_ref().map(base),
        local: world.remote.clone(),
        remote: world.local.clone(),
    }
}

fn base(base: &Base) -> Base {
    match base {
        Base::Active(bases) => {
            Base::Active(Bases::new(bases.remote().clone(), bases.local().clone()))
        }
        Base::Tombstone {
            local_at,
            remote_at,
        } => Base::Tombstone {
            local_at: *remote_at,
            remote_at: *local_at,
        },
        Base::Unlinked => Base::Unlinked,
    }
}

pub(super) fn policy(policy: &Policy) -> Policy {
    let fields = policy
        .fields
        .iter()
        .map(|(name, one)| (name.clone(), rule(one)));
    Policy {
        fields: fields.collect(),
        creates_local: policy.creates_remote,
        creates_remote: policy.creates_local,
        on_local_delete: policy.on_remote_delete,
        on_remote_delete: policy.on_local_delete,
    }
}

fn rule(rule: &Rule) -> Rule {
    Rule {
        owner: match rule.owner {
            Owner::One(side) => Owner::One(side.other()),
            Owner::Shared => Owner::Shared,
        },
        resolve: resolve(&rule.resolve),
        initial: resolve(&rule.initial),
        ..rule.clone()
    }
}

fn resolve(resolve: &Resolve) -> Resolve {
    match resolve {
        Resolve::Take(side) => Resolve::Take(side.other()),
        other => other.clone(),
    }
}

pub(super) fn plan(plan: &Plan) -> Plan {
    match plan.clone() {
        Plan::Create {
            on,
            fields,
            unmappable,
        } => Plan::Create {
            on: on.other(),
            fields,
            unmappable,
        },
        Plan::Delete { on, was } => Plan::Delete {
            on: on.other(),
            was,
        },
        Plan::Conflict { gone } => Plan::Conflict { gone: gone.other() },
        Plan::Fields(plans) => {
            let plans = plans.into_iter().map(|(name, plan)| (name, field(plan)));
            Plan::Fields(plans.collect())
        }
        same @ (Plan::Rest | Plan::Bury | Plan::Unlink) => same,
    }
}

fn field(plan: FieldPlan) -> FieldPlan {
    FieldPlan {
        act: match plan.act {
            Act::Push(value) => Act::Pull(value),
            Act::Pull(value) => Act::Push(value),
            Act::Both { local, remote } => Act::Both {
                local: remote,
                remote: local,
            },
            Act::Unmappable { from, reason } => Act::Unmappable {
                from: from.other(),
                reason,
            },
            same @ (Act::Rest | Act::Adopt | Act::Conflict) => same,
        },
        note: plan.note.map(|note| match note {
            Note::Overwrites { side, value } => Note::Overwrites {
                side: side.other(),
                value,
            },
            Note::Keeps { side } => Note::Keeps { side: side.other() },
            Note::Merges { local, remote } => Note::Merges {
                local: remote,
                remote: local,
            },
        }),
    }
}
