//! Decide: what becomes of one case, by the pure planner and by what people have said.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::case::{Case, Remote};
use super::ground::{Ground, Rules};
use crate::creatio::conflict::RECORD;
use crate::creatio::mapping::Codec;
use crate::creatio::{Chosen, Decision, Sort};
use crate::plan::reconcile::{
    Act, Base, Choice, Decided, FieldPlan, Fields, Note, Pair, Plan, Seen, Side, Version,
    decide as decided_by, reconcile,
};

/// A look at a side that failed is not repeated before.
const NOT_SEEN_S: f64 = 600.0;
const STALE_S: f64 = 3.0;

/// What becomes of a case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Do(Box<Planned>),
    /// Its parent comes first.
    Wait(Sort, Uuid),
    /// Nothing can be said of it now.
    Later {
        code: &'static str,
        after_s: f64,
    },
    /// Nothing can be done about it before something changes.
    Fail {
        code: &'static str,
        detail: Value,
    },
    /// A person must say what it is.
    Review {
        code: &'static str,
        detail: Value,
    },
}

/// A plan, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) local: Fields,
    pub(crate) remote: Fields,
    /// Decisions of people that the plan carries out: conflict, field, who.
    pub(crate) applies: Vec<(i64, String, String)>,
    /// Decisions that cannot be carried out, and why.
    pub(crate) refused: Vec<(i64, String)>,
}

/// Plans a case.
pub(crate) fn decide(case: &Case, ground: &Ground, rules: &Rules) -> What {
    let (local, remote) = match case.seen(ground) {
        Ok(seen) => seen,
        Err(detail) => return fail("bad_value", Value::Object(detail)),
    };
    if let Remote::Unknown(code) = case.remote {
        let after_s = if code == "stale" { STALE_S } else { NOT_SEEN_S };
        return What::Later { code, after_s };
    }
    if let Some((parent, id)) = waits(case, ground, rules, (&local, &remote)) {
        return What::Wait(parent, id);
    }
    let plan = reconcile(
        case.base.as_ref(),
        &local,
        &remote,
        &rules.policy,
        &case.frozen(),
    );
    let mut planned = Planned {
        plan,
        local: fields(&local),
        remote: fields(&remote),
        applies: Vec::new(),
        refused: Vec::new(),
    };
    match &planned.plan {
        Plan::Fields(_) => of_fields(case, rules, &mut planned),
        Plan::Conflict { gone } => of_record(case, rules, *gone, (&local, &remote), &mut planned),
        _ => {}
    }
    if let Plan::Create {
        on: Side::Remote,
        fields,
        ..
    } = &planned.plan
    {
        let lacking = lacking(ground, fields);
        if !lacking.is_empty() {
            return fail("required", json!(lacking));
        }
    }
    What::Do(Box::new(planned))
}

impl Planned {
    /// Whether something is sent to Creatio for it.
    pub(crate) fn writes_there(&self) -> bool {
        match &self.plan {
            Plan::Create { on, .. } | Plan::Delete { on, .. } => *on == Side::Remote,
            Plan::Fields(plans) => plans.values().any(|plan| pushed(plan).is_some()),
            _ => false,
        }
    }
}

/// What a field's plan sends to Creatio.
pub(crate) fn pushed(plan: &FieldPlan) -> Option<&Value> {
    match &plan.act {
        Act::Push(value) | Act::Both { remote: value, .. } => Some(value),
        _ => None,
    }
}

/// What a field's plan writes here.
pub(crate) fn pulled(plan: &FieldPlan) -> Option<&Value> {
    match &plan.act {
        Act::Pull(value) | Act::Both { local: value, .. } => Some(value),
        _ => None,
    }
}

fn fail(code: &'static str, detail: Value) -> What {
    What::Fail { code, detail }
}

fn fields(seen: &Seen) -> Fields {
    match seen {
        Seen::Here(version) => version.fields.clone(),
        Seen::Gone | Seen::Unknown => Fields::new(),
    }
}

/// A parent that will be linked, and is not yet. What both sides have had before is no reason to wait.
fn waits(
    case: &Case,
    ground: &Ground,
    rules: &Rules,
    (local, remote): (&Seen, &Seen),
) -> Option<(Sort, Uuid)> {
    for (name, field) in &ground.map.fields {
        let Codec::Reference(parent) = field.codec else {
            continue;
        };
        for (side, seen) in [(Side::Local, local), (Side::Remote, remote)] {
            let Seen::Here(Version { fields, .. }) = seen else {
                continue;
            };
            let now = fields.get(name).unwrap_or(&Value::Null);
            let base = match &case.base {
                Some(Base::Active(bases)) => bases.of(name).map(|base| base.on(side)),
                _ => None,
            };
            let id = now.as_str().and_then(|id| id.parse::<Uuid>().ok());
            if let Some(id) = id.filter(|_| base != Some(now))
                && rules.unlinked.contains(&(parent, id))
            {
                return Some((parent, id));
            }
        }
    }
    None
}

/// What people have decided of fields takes the place of their conflicts, if both sides are still what they saw.
fn of_fields(case: &Case, rules: &Rules, planned: &mut Planned) {
    let Plan::Fields(plans) = &mut planned.plan else {
        return;
    };
    for (name, plan) in plans.iter_mut() {
        let Some(conflict) = case.decided(name).filter(|_| plan.act == Act::Conflict) else {
            continue;
        };
        let (Some(rule), Some(decision)) = (rules.policy.fields.get(name), &conflict.decision)
        else {
            continue;
        };
        let seen = Pair {
            local: &conflict.ours,
            remote: &conflict.theirs,
        };
        let now = Pair::of(name, &planned.local, &planned.remote);
        let choice = match decision {
            Decision::Take(Chosen::Local) => Choice::Side(Side::Local),
            Decision::Take(Chosen::Creatio) => Choice::Side(Side::Remote),
            Decision::Value(value) => Choice::Value(value.clone()),
        };
        match decided_by(rule, seen, now, &choice) {
            Decided::Stale => {}
            Decided::Act(FieldPlan {
                act: Act::Unmappable { reason, .. },
                ..
            }) => {
                planned.refused.push((conflict.id, reason));
            }
            Decided::Act(mut act) => {
                // A value of a person's is over both.
                if matches!(decision, Decision::Value(_)) && !matches!(act.act, Act::Adopt) {
                    act.note = Some(Note::Merges {
                        local: now.local.clone(),
                        remote: now.remote.clone(),
                    });
                }
                *plan = act;
                let by = conflict.decided_by.clone().unwrap_or_default();
                planned.applies.push((conflict.id, name.clone(), by));
            }
        }
    }
}

fn of_record(
    case: &Case,
    rules: &Rules,
    gone: Side,
    (local, remote): (&Seen, &Seen),
    planned: &mut Planned,
) {
    let Some(conflict) = case.decided(RECORD) else {
        return;
    };
    let now = (
        Value::Object(planned.local.clone()),
        Value::Object(planned.remote.clone()),
    );
    let is_as_seen = (&conflict.ours, &conflict.theirs) == (&shown(&now.0), &shown(&now.1));
    let take = match conflict.decision {
        Some(Decision::Take(Chosen::Local)) => Side::Local,
        Some(Decision::Take(Chosen::Creatio)) => Side::Remote,
        _ => return,
    };
    if !is_as_seen {
        return;
    }
    planned.plan = if take == gone {
        let was = if gone == Side::Local {
            &planned.remote
        } else {
            &planned.local
        };
        Plan::Delete {
            on: gone.other(),
            was: was.clone(),
        }
    } else {
        let mut policy = rules.policy.clone();
        (policy.creates_local, policy.creates_remote) = (true, true);
        reconcile(None, local, remote, &policy, &Default::default())
    };
    let by = conflict.decided_by.clone().unwrap_or_default();
    planned.applies.push((conflict.id, RECORD.to_owned(), by));
}

/// The fields of a side as a conflict shows them; nothing of a side that is gone.
pub(crate) fn shown(fields: &Value) -> Value {
    match fields {
        Value::Object(fields) if fields.is_empty() => Value::Null,
        other => other.clone(),
    }
}

/// The columns that Creatio does not make a record without, and that this one has not.
fn lacking(ground: &Ground, fields: &Map<String, Value>) -> Vec<String> {
    let given = |column: &str| {
        let mapped = ground
            .map
            .fields
            .iter()
            .filter(|(_, field)| field.remote == column);
        mapped.clone().count() == 0
            || mapped
                .into_iter()
                .any(|(name, _)| fields.contains_key(name))
    };
    let required = ground.map.required.iter();
    required.filter(|column| !given(column)).cloned().collect()
}
