//! A record that both sides have: what became of its fields, and what the two are at one with now.

use serde_json::{Map, Value, json};

use super::{Book, Left, Plans, direction, trouble};
use crate::creatio::Status;
use crate::flow::reconcile::case::Case;
use crate::flow::reconcile::decide::{Planned, pulled, pushed};
use crate::flow::reconcile::look::{is_ours, kept};
use crate::flow::reconcile::write::{Ready, Sent};
use crate::plan::difference::cut;
use crate::plan::reconcile::{Act, Base, Bases, FieldPlan, Fields, Note, Pair, Side, Stored};
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
        let there = match &one.sent {
            Sent::Done(Some(seen)) | Sent::Made(seen, _) => self
                .ground
                .of_remote(seen)
                .ok()
                .map(|fields| (fields, is_ours(seen, self.site))),
            _ => None,
        };
        for (name, plan) in plans {
            if pulled(plan).is_some()
                && let Some(value) = here.get(name)
            {
                stored.local.insert(name.clone(), value.clone());
            }
            if let (Some(sent), Some((fields, is_ours))) = (pushed(plan), &there) {
                let before = planned.remote.get(name).unwrap_or(&Value::Null);
                let now = fields.get(name).unwrap_or(&Value::Null);
                if let Some(value) = kept((sent, before), now, *is_ours) {
                    stored.remote.insert(name.clone(), value.clone());
                }
            }
        }
        stored
    }

    /// A field that was written, or is at one now.
    fn enter_field(
        &mut self,
        (case, planned): (&Case, &Planned),
        (name, plan): (&String, &FieldPlan),
        stored: &Stored,
        changes: &mut Map<String, Value>,
    ) {
        let now = Pair::of(name, &planned.local, &planned.remote);
        let here = self.here(name, now.remote);
        let is_done = match &plan.act {
            Act::Pull(_) => stored.local.contains_key(name),
            Act::Push(_) => stored.remote.contains_key(name),
            Act::Both { .. } => stored.local.contains_key(name) && stored.remote.contains_key(name),
            _ => true,
        };
        let to = match &plan.act {
            Act::Pull(value) | Act::Both { local: value, .. } => value.clone(),
            _ => now.local.clone(),
        };
        match &plan.act {
            Act::Pull(_) if is_done => {
                drop(changes.insert(name.clone(), json!([cut(now.local), cut(&to)])));
            }
            Act::Push(_) | Act::Both { .. } if is_done => {
                changes.insert(name.clone(), json!([cut(&here), cut(&to)]));
            }
            _ => {}
        }
        if !is_done {
            return;
        }
        let applied = planned.applies.iter().find(|(_, field, _)| field == name);
        self.applied.extend(applied.map(|(id, _, _)| *id));
        let Some(note) = &plan.note else {
            return;
        };
        let (event, local, remote) = match note {
            Note::Overwrites {
                side: Side::Local,
                value,
            } => ("overwrote_local", value.clone(), Value::Null),
            Note::Overwrites {
                side: Side::Remote,
                value,
            } => ("overwrote_remote", Value::Null, self.here(name, value)),
            Note::Keeps { side: Side::Local } => ("kept_local", Value::Null, Value::Null),
            Note::Keeps { side: Side::Remote } => ("kept_remote", Value::Null, Value::Null),
            Note::Merges { local, remote } => ("merged", local.clone(), self.here(name, remote)),
        };
        self.lose((case, planned), (name, event), (local, remote), to);
    }

    /// A value of Creatio's in local form, for people; as it is, where it has none.
    fn here(&self, name: &str, remote: &Value) -> Value {
        let rule = self.rules.policy.fields.get(name);
        let carried = rule.and_then(|rule| rule.codec.carry(Side::Remote, remote).ok());
        carried.unwrap_or_else(|| remote.clone())
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
