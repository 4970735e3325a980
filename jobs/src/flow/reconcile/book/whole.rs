//! A record as a whole: made, deleted, or edited on one side and deleted on the other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Book, Left, tombstone};
use crate::creatio::Status;
use crate::creatio::conflict::RECORD;
use crate::flow::reconcile::case::Case;
use crate::flow::reconcile::decide::{Planned, shown};
use crate::flow::reconcile::lost;
use crate::flow::reconcile::write::{Ready, Sent};
use crate::plan::difference::cut;
use crate::plan::reconcile::{Base, Bases, Fields, Side, Stored};
use crate::store::creatio::conflict::Found;
use crate::store::creatio::local::Local;

impl Book<'_> {
    pub(super) fn enter_create(
        &mut self,
        one: &Ready,
        (on, planned): (Side, &Planned),
        (fields, unmappable): (&Fields, &BTreeMap<String, String>),
        written: Option<&Local>,
    ) {
        let case = &one.case;
        let (mut local, mut remote) = (planned.local.clone(), planned.remote.clone());
        match (on, &one.sent, written) {
            (Side::Remote, Sent::Made(seen, by), _) => {
                self.learnt.user_id = *by;
                self.learnt.keeps_ids =
                    Some(case.remote_id == Some(seen.id) && self.learnt.keeps_ids != Some(false));
                if let Some(link) = case
                    .link
                    .as_ref()
                    .filter(|_| case.remote_id != Some(seen.id))
                {
                    self.names.push((link.id, (case.local_id, Some(seen.id))));
                }
                remote = self.ground.of_remote(seen).unwrap_or_default();
                self.wakes.push(seen.id);
            }
            (Side::Local, _, Some(row)) => local = self.ground.of_local(row).unwrap_or_default(),
            // Somebody writes the row now.
            _ => {
                self.leave(case, Left::stands(case, Status::Pending, Some("busy")));
                return self.release(case, Some(1.0), None);
            }
        }
        let of = |side: &Fields| -> Fields {
            let named = fields
                .keys()
                .map(|name| (name.clone(), side.get(name).cloned().unwrap_or_default()));
            named.collect()
        };
        let bases = Bases::new(of(&local), of(&remote));
        let direction = if on == Side::Remote {
            "to_creatio"
        } else {
            "from_creatio"
        };
        let mut changes = Map::new();
        for name in fields.keys() {
            changes.insert(
                name.clone(),
                json!([null, cut(local.get(name).unwrap_or(&Value::Null))]),
            );
        }
        self.wakes
            .extend([case.local_id, case.remote_id].into_iter().flatten());
        self.apply_record(planned);
        self.supersede(case, &[]);
        self.tell(
            case,
            ("create", Some(direction)),
            ("success", None),
            changes,
        );
        let stored = Stored { local, remote };
        let kept: Vec<&str> = unmappable.keys().map(String::as_str).collect();
        let again = self.is_unsettled(&bases, &stored, &kept);
        let mut left = Left::at(Base::Active(bases), Status::Success);
        left.direction = Some(direction);
        if !unmappable.is_empty() {
            left = left.wrong(Status::Failed, "unmappable", json!(unmappable));
        }
        if again {
            left.status = Status::Pending;
        }
        self.leave(case, left);
        self.release(case, again.then_some(0.0), None);
    }

    pub(super) fn enter_delete(
        &mut self,
        one: &Ready,
        (on, planned): (Side, &Planned),
        was: &Fields,
        written: Option<&Local>,
    ) {
        let case = &one.case;
        let direction = match on {
            Side::Local => "from_creatio",
            Side::Remote => "to_creatio",
        };
        if on == Side::Local && written.is_none() {
            self.leave(case, Left::stands(case, Status::Pending, Some("busy")));
            return self.release(case, Some(1.0), None);
        }
        if on == Side::Remote {
            self.buried.extend(case.remote_id);
            // It was looked at just before, which is no news any more.
            self.seen.retain(|seen| Some(seen.id) != case.remote_id);
        }
        if on == Side::Local {
            self.lost.push(lost::of_delete((case, planned), on, was));
            self.apply_record(planned);
        }
        self.supersede(case, &[]);
        self.tell(
            case,
            ("delete", Some(direction)),
            ("success", None),
            Map::new(),
        );
        let mut left = Left::at(tombstone(case), Status::Success);
        left.direction = Some(direction);
        self.leave(case, left);
        self.release(case, None, None);
    }

    pub(super) fn enter_conflict(&mut self, case: &Case, planned: &Planned, gone: Side) {
        self.tell_conflicts(case, &[RECORD]);
        self.conflicts.push(Found {
            gone: Some(crate::store::creatio::dirty::word(gone)),
            ours: shown(&Value::Object(planned.local.clone())),
            theirs: shown(&Value::Object(planned.remote.clone())),
            policy: "edited_and_deleted",
            ..self.found(case, planned, RECORD)
        });
        self.supersede(case, &[RECORD]);
        self.leave(case, Left::stands(case, Status::Conflict, None));
        self.release(case, None, None);
    }

    fn apply_record(&mut self, planned: &Planned) {
        let of_record = planned
            .applies
            .iter()
            .filter(|(_, field, _)| field == RECORD);
        self.applied.extend(of_record.map(|(id, _, _)| *id));
    }
}
