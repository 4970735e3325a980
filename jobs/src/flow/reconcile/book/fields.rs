//! A record that both sides have: what became of its fields, and what the two are at one with now.

use serde_json::{Map, Value, json};

use super::{Book, Left, Plans, direction, trouble};
use crate::creatio::Status;
use crate::flow::reconcile::case::Case;
use crate::flow::reconcile::decide::{Planned, What, pulled, pushed};
use crate::flow::reconcile::doubt::{is_ours, kept};
use crate::flow::reconcile::lost::{self, here, to_be};
use crate::flow::reconcile::write::{Ready, Sent};
use crate::plan::difference::cut;
use crate::plan::reconcile::{Act, Base, Bases, FieldPlan, Fields, Pair, Plan, Stored};
use crate::store::creatio::local::Local;

/// Copies that are read from are seldom behind by more.
const BEHIND_S: f64 = 5.0;

impl Book<'_> {
    pub(super) fn enter_fields(
        &mut self,
        one: &Ready,
        planned: &Planned,
        plans: &Plans,
        written: Option<&Local>,
    ) {
        let case = &one.case;
        let stored = self.stored(one, planned, plans, written);
        let before = match &case.base {
            Some(Base::Active(bases)) => bases.clone(),
            _ => Bases::default(),
        };
        let seen = Stored {
            local: planned.local.clone(),
            remote: planned.remote.clone(),
        };
        let bases = self.mapped(&before.after(plans, &seen, &stored));
        let (mut open, mut unmappable, mut changes) = (Vec::new(), Map::new(), Map::new());
        for (name, plan) in plans {
            match &plan.act {
                Act::Conflict => {
                    open.push(name.as_str());
                    self.conflicts.push(self.found(case, planned, name));
                }
                Act::Unmappable { reason, .. } => {
                    unmappable.insert(name.clone(), Value::from(reason.as_str()));
                }
                _ => self.enter_field((case, planned), (name, plan), &stored, &mut changes),
            }
        }
        self.tell_conflicts(case, &open);
        let kept: Vec<&str> = open
            .iter()
            .copied()
            .chain(unmappable.keys().map(String::as_str))
            .collect();
        self.supersede(case, &kept);
        if case.base.is_none() {
            self.wakes
                .extend([case.local_id, case.remote_id].into_iter().flatten());
            self.tell(case, ("link", None), ("success", None), Map::new());
        }
        let direction = direction(plans);
        let is_rejected = matches!(one.sent, Sent::Rejected(_));
        if is_rejected {
            self.tell(
                case,
                ("update", direction),
                ("failed", Some("rejected")),
                Map::new(),
            );
        } else if !changes.is_empty() {
            self.tell(case, ("update", direction), ("success", None), changes);
        }
        let unsettled =
            !is_rejected && self.is_unsettled(&bases, &self.actual(one, planned, written), &kept);
        let mut left = Left::at(Base::Active(bases), Status::Success);
        left.direction = direction.filter(|_| !is_rejected);
        if !unmappable.is_empty() {
            self.tell_unmappable(case, plans, &unmappable);
            left = left.wrong(Status::Failed, "unmappable", Value::Object(unmappable));
        }
        if let Sent::Rejected(code) = &one.sent {
            left = left.wrong(Status::Failed, "rejected", json!({"creatio_says": code}));
        }
        if !open.is_empty() {
            left.status = Status::Conflict;
        }
        // Not kept, or read from a copy that is behind: sending it again at once would not help.
        let is_behind = plans
            .iter()
            .any(|(name, plan)| pushed(plan).is_some() && !stored.remote.contains_key(name));
        if unsettled {
            (left.status, left.again_s) = match is_behind {
                true => (Status::InProgress, Some(trouble(case).max(BEHIND_S))),
                false => (Status::Pending, Some(0.0)),
            };
        }
        let again_s = left.again_s;
        self.leave(case, left);
        self.release(case, again_s, None);
    }

    /// What the two sides hold of the fields that were written.
    fn stored(
        &mut self,
        one: &Ready,
        planned: &Planned,
        plans: &Plans,
        written: Option<&Local>,
    ) -> Stored {
        let mut stored = Stored::default();
        let here = written
            .and_then(|row| self.ground.of_local(row).ok())
            .unwrap_or_default();
        let there = self.there(one);
        for (name, plan) in plans {
            if pulled(plan).is_some()
                && let Some(value) = here.get(name)
            {
                stored.local.insert(name.clone(), value.clone());
            }
            if let (Some(sent), Some(there)) = (pushed(plan), &there)
                && let Some(value) = kept_there(there, planned, (name, sent))
            {
                stored.remote.insert(name.clone(), value.clone());
            }
        }
        stored
    }

    /// The record as it was read after the write, and whether we were the last to change it.
    fn there(&self, one: &Ready) -> Option<(Fields, bool)> {
        let (Sent::Done(Some(seen)) | Sent::Made(seen, _)) = &one.sent else {
            return None;
        };
        let fields = self.ground.of_remote(seen).ok()?;
        Some((fields, is_ours(seen, self.site)))
    }

    /// Fields of which Creatio has not kept what it was sent.
    pub(super) fn unkept(&self, one: &Ready) -> Vec<String> {
        let (What::Do(planned), Some(there)) = (&one.what, self.there(one)) else {
            return Vec::new();
        };
        let Plan::Fields(plans) = &planned.plan else {
            return Vec::new();
        };
        let is_unkept = |name: &str, plan: &FieldPlan| match &plan.act {
            Act::Push(sent) => kept_there(&there, planned, (name, sent)).is_none(),
            _ => false,
        };
        let unkept = plans.iter().filter(|(name, plan)| is_unkept(name, plan));
        unkept.map(|(name, _)| name.clone()).collect()
    }

    /// A field that was written, or is at one now. What was written over at Creatio its intent tells.
    fn enter_field(
        &mut self,
        (case, planned): (&Case, &Planned),
        (name, plan): (&String, &FieldPlan),
        stored: &Stored,
        changes: &mut Map<String, Value>,
    ) {
        let now = Pair::of(name, &planned.local, &planned.remote);
        let here = here(self.rules, name, now.remote);
        let is_done = match &plan.act {
            Act::Pull(_) => stored.local.contains_key(name),
            Act::Push(_) => stored.remote.contains_key(name),
            Act::Both { .. } => stored.local.contains_key(name) && stored.remote.contains_key(name),
            _ => true,
        };
        let to = to_be(plan, now);
        match &plan.act {
            Act::Pull(_) if is_done => {
                drop(changes.insert(name.clone(), json!([cut(now.local), cut(&to)])));
            }
            Act::Push(_) | Act::Both { .. } if is_done => {
                changes.insert(name.clone(), json!([cut(&here), cut(&to)]));
            }
            _ => {}
        }
        if !is_done || pushed(plan).is_some() {
            return;
        }
        let applied = planned.applies.iter().find(|(_, field, _)| field == name);
        self.applied.extend(applied.map(|(id, _, _)| *id));
        let lost = lost::of_field(self.rules, (case, planned), (name, plan));
        self.lost.extend(lost);
    }

    /// Fields that are mapped no more are forgotten, so that they are new when they are again.
    pub(super) fn mapped(&self, bases: &Bases) -> Bases {
        let is_mapped = |name: &String| self.ground.map.fields.contains_key(name);
        let keep = |fields: &Fields| -> Fields {
            let kept = fields.iter().filter(|(name, _)| is_mapped(name));
            kept.map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        Bases::new(keep(bases.local()), keep(bases.remote()))
    }

    /// What the two sides hold now, as far as anybody has looked.
    fn actual(&self, one: &Ready, planned: &Planned, written: Option<&Local>) -> Stored {
        let local = written.and_then(|row| self.ground.of_local(row).ok());
        let remote = match &one.sent {
            Sent::Done(Some(seen)) => self.ground.of_remote(seen).ok(),
            _ => None,
        };
        Stored {
            local: local.unwrap_or_else(|| planned.local.clone()),
            remote: remote.unwrap_or_else(|| planned.remote.clone()),
        }
    }

    /// Whether a side holds something else than its base by now: another look is due.
    pub(super) fn is_unsettled(&self, bases: &Bases, actual: &Stored, still: &[&str]) -> bool {
        self.rules.policy.fields.keys().any(|name| {
            let now = Pair::of(name, &actual.local, &actual.remote);
            let is_settled = match bases.of(name) {
                Some(base) => base == now,
                None => now.local.is_null() && now.remote.is_null(),
            };
            !is_settled && !still.contains(&name.as_str())
        })
    }
}

/// What Creatio has of a field that it was sent; None when it is as before.
fn kept_there<'a>(
    (fields, is_ours): &'a (Fields, bool),
    planned: &Planned,
    (name, sent): (&str, &'a Value),
) -> Option<&'a Value> {
    let before = planned.remote.get(name).unwrap_or(&Value::Null);
    let now = fields.get(name).unwrap_or(&Value::Null);
    kept((sent, before), now, *is_ours)
}
