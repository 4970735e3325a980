//! What people are told: conflicts and operations.

use serde_json::{Map, Value};

use super::{Book, Plans};
use crate::flow::reconcile::case::Case;
use crate::flow::reconcile::decide::Planned;
use crate::plan::reconcile::{Act, Base, FieldPlan, Owner, Pair, Resolve, Side};
use crate::store::creatio::conflict::Found;
use crate::store::creatio::operation::Done;

impl Book<'_> {
    pub(super) fn found(&self, case: &Case, planned: &Planned, name: &str) -> Found {
        let now = Pair::of(name, &planned.local, &planned.remote);
        let base = match &case.base {
            Some(Base::Active(bases)) => bases
                .of(name)
                .map(|base| (base.local.clone(), base.remote.clone())),
            _ => None,
        };
        let rule = self.rules.policy.fields.get(name);
        let carried = rule.and_then(|rule| rule.codec.carry(Side::Remote, now.remote).ok());
        let policy = match rule {
            Some(rule) if rule.owner != Owner::Shared => "foreign_edit",
            Some(rule) => match if base.is_some() {
                &rule.resolve
            } else {
                &rule.initial
            } {
                Resolve::Newest { .. } => "newest",
                Resolve::Merge(_) => "merge",
                _ => "manual",
            },
            None => "manual",
        };
        Found {
            link_id: case.link.as_ref().map_or(0, |link| link.id),
            field: name.to_owned(),
            base: base.unwrap_or_default(),
            ours: now.local.clone(),
            theirs: now.remote.clone(),
            theirs_local: carried.unwrap_or_default(),
            gone: None,
            local_version: case.local.as_ref().map(|row| row.version),
            local_at: case.local.as_ref().map(|row| row.edited_at),
            remote_at: case.modified_at(),
            policy,
        }
    }

    /// Live conflicts that are none any more: the sides agree, or the record is whole again.
    pub(super) fn supersede(&mut self, case: &Case, still: &[&str]) {
        for one in &case.conflicts {
            if !still.contains(&one.field.as_str()) && !self.applied.contains(&one.id) {
                self.superseded.push(one.id);
            }
        }
    }

    pub(super) fn tell_conflicts(&mut self, case: &Case, fields: &[&str]) {
        let is_new = |field: &&&str| case.conflicts.iter().all(|one| one.field != **field);
        let new = fields.iter().filter(is_new);
        let changes: Map<String, Value> = new
            .map(|field| ((*field).to_owned(), Value::Null))
            .collect();
        if !changes.is_empty() {
            self.tell(case, ("conflict", None), ("conflict", None), changes);
        }
    }

    /// Once, however often the record is looked at while it stays so.
    pub(super) fn tell_unmappable(
        &mut self,
        case: &Case,
        plans: &Plans,
        fields: &Map<String, Value>,
    ) {
        let was = case.link.as_ref().filter(|link| {
            link.code.as_deref() == Some("unmappable")
                && link.detail.as_ref().and_then(Value::as_object) == Some(fields)
        });
        let comes_from = |side| {
            let of =
                |plan: &FieldPlan| matches!(plan.act, Act::Unmappable { from, .. } if from == side);
            plans.values().any(of)
        };
        let direction = match (comes_from(Side::Local), comes_from(Side::Remote)) {
            (true, true) => "both",
            (true, false) => "to_creatio",
            _ => "from_creatio",
        };
        if was.is_none() {
            let changes = fields.keys().map(|name| (name.clone(), Value::Null));
            self.tell(
                case,
                ("update", Some(direction)),
                ("failed", Some("unmappable")),
                changes.collect(),
            );
        }
    }

    pub(super) fn tell(
        &mut self,
        case: &Case,
        (verb, direction): (&'static str, Option<&'static str>),
        (status, code): (&'static str, Option<&str>),
        changes: Map<String, Value>,
    ) {
        let Some(link) = &case.link else {
            return;
        };
        self.done.push(Done {
            link_id: link.id,
            verb,
            direction,
            status,
            code: code.map(str::to_owned),
            changes,
            took_ms: i64::try_from(case.began.elapsed().as_millis()).unwrap_or(i64::MAX),
        });
    }
}
