//! Change: what a plan comes to, for people.

use serde_json::Value;

use super::{Change, FieldChange};
use crate::creatio::mapping::Codec;
use crate::flow::reconcile::case::{Case, Remote};
use crate::flow::reconcile::decide::{Planned, What, pulled, pushed};
use crate::flow::reconcile::ground::{Ground, Rules};
use crate::plan::difference::cut;
use crate::plan::reconcile::{Act, Pair, Plan, Side};

/// What would become of a record; None when nothing would.
pub(super) fn change(ground: &Ground, rules: &Rules, case: &Case, what: &What) -> Option<Change> {
    let of = |verb: &str, direction: Option<&str>, code: Option<&str>, fields: Vec<FieldChange>| {
        Some(Change {
            sort: ground.sort,
            local_id: case.local_id,
            remote_id: case.remote_id.filter(|_| case.remote != Remote::Never),
            verb: verb.to_owned(),
            direction: direction.map(str::to_owned),
            code: code.map(str::to_owned),
            fields,
        })
    };
    let planned = match what {
        What::Do(planned) => planned,
        What::Wait(..) => return of("wait", None, Some("waits_for_parent"), Vec::new()),
        What::Later { code, .. } => return of("wait", None, Some(code), Vec::new()),
        What::Fail { code, .. } => return of("fail", None, Some(code), Vec::new()),
        What::Review { code, .. } => return of("review", None, Some(code), Vec::new()),
    };
    match &planned.plan {
        Plan::Rest | Plan::Bury | Plan::Unlink => None,
        Plan::Create {
            on,
            fields,
            unmappable,
        } => {
            let (direction, act) = way(*on);
            let is_later = |name: &String| {
                let codec = ground.map.fields.get(name).map(|field| field.codec);
                matches!(codec, Some(Codec::Reference(_)))
            };
            let names = fields.keys().map(|name| (name, act));
            // A parent that is made by the same sync has no counterpart yet.
            let others = unmappable.keys().map(|name| match is_later(name) {
                true => (name, "later"),
                false => (name, "unmappable"),
            });
            let names = names.chain(others);
            of(
                "create",
                Some(direction),
                None,
                names
                    .map(|(name, act)| field(rules, planned, name, act))
                    .collect(),
            )
        }
        Plan::Delete { on, .. } => of("delete", Some(way(*on).0), None, Vec::new()),
        Plan::Conflict { .. } => of("conflict", None, Some("edited_and_deleted"), Vec::new()),
        Plan::Fields(plans) => {
            let pushes = plans.values().any(|plan| pushed(plan).is_some());
            let pulls = plans.values().any(|plan| pulled(plan).is_some());
            let direction = match (pushes, pulls) {
                (true, true) => Some("both"),
                (true, false) => Some("to_creatio"),
                (false, true) => Some("from_creatio"),
                (false, false) => None,
            };
            let acts = plans
                .iter()
                .filter_map(|(name, plan)| Some((name, word(&plan.act)?)));
            let fields: Vec<FieldChange> = acts
                .map(|(name, act)| field(rules, planned, name, act))
                .collect();
            match (direction, case.base.is_none(), fields.is_empty()) {
                (Some(direction), _, _) => of("update", Some(direction), None, fields),
                (None, true, _) => of("link", None, None, fields),
                (None, false, true) => None,
                (None, false, false) if fields.iter().any(|field| field.act == "conflict") => {
                    of("conflict", None, None, fields)
                }
                (None, false, false) => of("fail", None, Some("unmappable"), fields),
            }
        }
    }
}

fn way(on: Side) -> (&'static str, &'static str) {
    match on {
        Side::Remote => ("to_creatio", "push"),
        Side::Local => ("from_creatio", "pull"),
    }
}

fn word(act: &Act) -> Option<&'static str> {
    match act {
        Act::Rest | Act::Adopt => None,
        Act::Push(_) => Some("push"),
        Act::Pull(_) => Some("pull"),
        Act::Both { .. } => Some("both"),
        Act::Conflict => Some("conflict"),
        Act::Unmappable { .. } => Some("unmappable"),
    }
}

fn field(rules: &Rules, planned: &Planned, name: &str, act: &str) -> FieldChange {
    let now = Pair::of(name, &planned.local, &planned.remote);
    let carried = |value: &Value| {
        let rule = rules.policy.fields.get(name);
        rule.and_then(|rule| rule.codec.carry(Side::Remote, value).ok())
            .unwrap_or_else(|| value.clone())
    };
    let becomes = match (&planned.plan, act) {
        (Plan::Fields(plans), "both") => plans
            .get(name)
            .and_then(pulled)
            .cloned()
            .unwrap_or_default(),
        (_, "push") => now.local.clone(),
        (_, "pull") => carried(now.remote),
        _ => Value::Null,
    };
    FieldChange {
        field: name.to_owned(),
        act: act.to_owned(),
        ours: cut(now.local),
        theirs: cut(&carried(now.remote)),
        becomes: cut(&becomes),
    }
}
