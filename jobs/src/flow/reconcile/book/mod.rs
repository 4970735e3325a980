//! Book: what a transaction writes down of its cases, worked out without writing.

mod fields;
mod left;
mod notes;
mod whole;

use jiff::Timestamp;
use serde_json::{Map, json};
use uuid::Uuid;

use super::case::{Case, Remote};
use super::decide::{Planned, What, pulled, pushed};
use super::ground::{Ground, Rules};
use super::write::{Ready, Sent};
use crate::creatio::Status;
use crate::plan::reconcile::{Base, FieldPlan, Plan};
use crate::store::creatio::conflict::Found;
use crate::store::creatio::dirty::Release;
use crate::store::creatio::intent::{End, State};
use crate::store::creatio::journal::Lost;
use crate::store::creatio::link::Standing;
use crate::store::creatio::local::Local;
use crate::store::creatio::observed::Observed;
use crate::store::creatio::operation::Done;
use crate::store::creatio::site::Site;
use left::Left;

/// The local and the remote id.
type Ids = (Option<Uuid>, Option<Uuid>);

/// A child looks again by itself, should nobody wake it.
const PARENT_S: f64 = 60.0;
/// The first wait after a try that failed by passing trouble; doubled each time, ten minutes at the most.
const TROUBLE_S: f64 = 2.0;
const LONGEST_S: f64 = 600.0;

pub(super) struct Book<'a> {
    ground: &'a Ground,
    rules: &'a Rules,
    site: Site,
    pub(super) ends: Vec<End>,
    pub(super) names: Vec<(i64, Ids)>,
    pub(super) standings: Vec<Standing>,
    pub(super) seen: Vec<Observed>,
    pub(super) buried: Vec<Uuid>,
    pub(super) applied: Vec<i64>,
    pub(super) superseded: Vec<i64>,
    pub(super) refused: Vec<(i64, String)>,
    pub(super) conflicts: Vec<Found>,
    pub(super) lost: Vec<Lost>,
    pub(super) done: Vec<Done>,
    pub(super) learnt: Site,
    pub(super) wakes: Vec<Uuid>,
    pub(super) releases: Vec<Release>,
}

impl<'a> Book<'a> {
    pub(super) fn new(ground: &'a Ground, rules: &'a Rules, site: Site) -> Book<'a> {
        Book {
            ground,
            rules,
            site,
            ends: Vec::new(),
            names: Vec::new(),
            standings: Vec::new(),
            seen: Vec::new(),
            buried: Vec::new(),
            applied: Vec::new(),
            superseded: Vec::new(),
            refused: Vec::new(),
            conflicts: Vec::new(),
            lost: Vec::new(),
            done: Vec::new(),
            learnt: Site::default(),
            wakes: Vec::new(),
            releases: Vec::new(),
        }
    }

    /// Enters a case; `written` is its local row after the write here, if that happened.
    pub(super) fn enter(&mut self, one: &Ready, written: Option<&Local>) {
        let case = &one.case;
        // Of one record the last look counts, which is what a write was answered with.
        match (&one.sent, &case.remote) {
            (Sent::Done(Some(seen)) | Sent::Made(seen, _), _) => self.seen.push(seen.clone()),
            (
                _,
                Remote::Here {
                    seen,
                    is_fresh: true,
                },
            ) => self.seen.push(seen.clone()),
            _ => {}
        }
        self.end_intent(one);
        match &one.what {
            What::Do(planned) => self.enter_plan(one, planned, written),
            What::Wait(parent, id) => {
                let left =
                    Left::stands(case, Status::Pending, Some("waits_for_parent")).again(PARENT_S);
                self.leave(case, left);
                self.release(case, Some(PARENT_S), Some((*parent, *id)));
            }
            What::Later { code, after_s } => {
                let left = Left::stands(case, Status::Pending, Some(code));
                self.leave(case, left);
                self.release(case, Some(*after_s), None);
            }
            What::Fail { code, detail } => {
                self.tell(case, ("update", None), ("failed", Some(code)), Map::new());
                let left = Left::stands(case, Status::Failed, Some(code)).because(detail.clone());
                self.leave(case, left);
                self.release(case, None, None);
            }
            What::Review { code, detail } => {
                self.tell(
                    case,
                    ("review", None),
                    ("manual_review", Some(code)),
                    Map::new(),
                );
                let left =
                    Left::stands(case, Status::ManualReview, Some(code)).because(detail.clone());
                self.leave(case, left);
                self.release(case, None, None);
            }
        }
    }

    fn end_intent(&mut self, one: &Ready) {
        let Some(op_id) = one.op_id else {
            return;
        };
        let (state, code) = match &one.sent {
            Sent::Done(_) | Sent::Made(..) => (State::Acked, None),
            Sent::Rejected(code) => (State::Rejected, Some(code.clone())),
            Sent::Held | Sent::Nothing => (State::Rejected, Some("not_sent".to_owned())),
            Sent::Missing => (State::Rejected, Some("not_seen".to_owned())),
            Sent::Unknown => (State::Unknown, Some("no_answer".to_owned())),
        };
        self.ends.push(End {
            op_id,
            state,
            code,
            unkept: self.unkept(one),
        });
    }

    fn enter_plan(&mut self, one: &Ready, planned: &Planned, written: Option<&Local>) {
        let case = &one.case;
        if planned.writes_there()
            && !matches!(one.sent, Sent::Done(_) | Sent::Made(..))
            && !self.may_go_on(one, planned)
        {
            return;
        }
        self.refused.extend(planned.refused.iter().cloned());
        match &planned.plan {
            Plan::Rest => self.enter_rest(case),
            Plan::Fields(plans) => self.enter_fields(one, planned, plans, written),
            Plan::Create {
                on,
                fields,
                unmappable,
            } => self.enter_create(one, (*on, planned), (fields, unmappable), written),
            Plan::Delete { on, was } => self.enter_delete(one, (*on, planned), was, written),
            Plan::Conflict { gone } => self.enter_conflict(case, planned, *gone),
            Plan::Bury => {
                self.supersede(case, &[]);
                self.tell(case, ("bury", None), ("success", None), Map::new());
                let base = tombstone(case);
                self.leave(case, Left::at(base, Status::Success));
                self.release(case, None, None);
            }
            Plan::Unlink => {
                self.supersede(case, &[]);
                self.tell(case, ("unlink", None), ("success", None), Map::new());
                self.leave(case, Left::at(Base::Unlinked, Status::Success));
                self.release(case, None, None);
            }
        }
    }

    /// What becomes of a case whose write did not succeed; true when the rest of its plan is carried out.
    fn may_go_on(&mut self, one: &Ready, planned: &Planned) -> bool {
        let case = &one.case;
        let verb = match &planned.plan {
            Plan::Create { .. } => "create",
            Plan::Delete { .. } => "delete",
            _ => "update",
        };
        let (status, code, left) = match &one.sent {
            Sent::Rejected(_) if matches!(planned.plan, Plan::Fields(_)) => return true,
            Sent::Rejected(code) => {
                self.tell(
                    case,
                    (verb, Some("to_creatio")),
                    ("failed", Some("rejected")),
                    Map::new(),
                );
                let left = Left::stands(case, Status::Failed, Some("rejected"))
                    .because(json!({"creatio_says": code}));
                self.leave(case, left);
                self.release(case, None, None);
                return false;
            }
            Sent::Missing => ("failed", "not_seen", Status::Pending),
            Sent::Held | Sent::Nothing => ("failed", "not_sent", Status::Pending),
            _ => ("unknown", "no_answer", Status::InProgress),
        };
        self.tell(
            case,
            (verb, Some("to_creatio")),
            (status, Some(code)),
            Map::new(),
        );
        self.leave(case, Left::stands(case, left, Some(code)));
        let wait = match one.sent {
            Sent::Missing => LONGEST_S,
            _ => trouble(case),
        };
        self.release(case, Some(wait), None);
        false
    }

    fn enter_rest(&mut self, case: &Case) {
        self.supersede(case, &[]);
        let active = match &case.base {
            Some(Base::Active(bases)) => Some(self.mapped(bases)),
            _ => None,
        };
        let left = match (active, &case.base) {
            (Some(bases), _) => Left::at(Base::Active(bases), Status::Success),
            (None, Some(base)) => Left::at(base.clone(), Status::Success),
            // On one side alone, and not to be made on the other.
            (None, None) => Left::stands(case, Status::Success, None),
        };
        self.leave(case, left);
        self.release(case, None, None);
    }

    fn leave(&mut self, case: &Case, left: Left) {
        let Some(link) = &case.link else {
            return;
        };
        self.standings.push(Standing {
            id: link.id,
            is_synced: left.status == Status::Success && matches!(left.base, Some(Base::Active(_))),
            base: left.base,
            status: left.status,
            direction: left.direction,
            code: left.code,
            detail: left.detail,
        });
    }

    fn release(
        &mut self,
        case: &Case,
        again_s: Option<f64>,
        waits: Option<(crate::creatio::Sort, Uuid)>,
    ) {
        let Some(row) = &case.dirty else {
            return;
        };
        self.releases.push(Release {
            side: row.side,
            key: row.key,
            marked: row.marked,
            again_s,
            waits,
            counts: again_s.is_some_and(|wait| wait > 0.0),
        });
    }
}

type Plans = std::collections::BTreeMap<String, FieldPlan>;

fn tombstone(case: &Case) -> Base {
    let local_at: Option<Timestamp> = case.local.as_ref().map(|row| row.edited_at);
    Base::Tombstone {
        local_at: local_at.or(Some(Timestamp::UNIX_EPOCH)),
        remote_at: case.modified_at().or(Some(Timestamp::UNIX_EPOCH)),
    }
}

fn direction(plans: &Plans) -> Option<&'static str> {
    let pushes = plans.values().any(|plan| pushed(plan).is_some());
    let pulls = plans.values().any(|plan| pulled(plan).is_some());
    match (pushes, pulls) {
        (true, true) => Some("both"),
        (true, false) => Some("to_creatio"),
        (false, true) => Some("from_creatio"),
        (false, false) => None,
    }
}

fn trouble(case: &Case) -> f64 {
    let tries = case.dirty.as_ref().map_or(0, |row| row.tries.clamp(0, 16));
    (TROUBLE_S * 2_f64.powi(tries)).min(LONGEST_S)
}
