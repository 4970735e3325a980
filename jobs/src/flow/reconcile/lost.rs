//! Lost: what a plan writes over, as the journal tells it. What is written over at Creatio is noted with the intent, and
//! stands in the journal as soon as the write is known to be made, however that came to be known.

use serde_json::Value;

use super::case::Case;
use super::decide::Planned;
use super::ground::Rules;
use crate::creatio::conflict::RECORD;
use crate::plan::reconcile::{Act, FieldPlan, Fields, Note, Pair, Side};
use crate::store::creatio::journal::Lost;

/// What a field's plan writes over; None if nothing that anybody said.
pub(super) fn of_field(
    rules: &Rules,
    (case, planned): (&Case, &Planned),
    (name, plan): (&str, &FieldPlan),
) -> Option<Lost> {
    let here = |value: &Value| here(rules, name, value);
    let (event, local, remote) = match plan.note.as_ref()? {
        Note::Overwrites {
            side: Side::Local,
            value,
        } => ("overwrote_local", value.clone(), Value::Null),
        Note::Overwrites {
            side: Side::Remote,
            value,
        } => ("overwrote_remote", Value::Null, here(value)),
        Note::Keeps { side: Side::Local } => ("kept_local", Value::Null, Value::Null),
        Note::Keeps { side: Side::Remote } => ("kept_remote", Value::Null, Value::Null),
        Note::Merges { local, remote } => ("merged", local.clone(), here(remote)),
    };
    let now_local = to_be(plan, Pair::of(name, &planned.local, &planned.remote));
    Some(entry(
        (case, planned),
        (name, event),
        (local, remote),
        now_local,
    ))
}

/// The record that a delete takes away on a side.
pub(super) fn of_delete(of: (&Case, &Planned), on: Side, was: &Fields) -> Lost {
    let was = Value::Object(was.clone());
    let (event, lost) = match on {
        Side::Local => ("deleted_local", (was, Value::Null)),
        Side::Remote => ("deleted_remote", (Value::Null, was)),
    };
    entry(of, (RECORD, event), lost, Value::Null)
}

/// What is here once a field's plan is carried out.
pub(super) fn to_be(plan: &FieldPlan, now: Pair<'_>) -> Value {
    match &plan.act {
        Act::Pull(value) | Act::Both { local: value, .. } => value.clone(),
        _ => now.local.clone(),
    }
}

/// A value of Creatio's in local form, for people; as it is, where it has none.
pub(super) fn here(rules: &Rules, name: &str, remote: &Value) -> Value {
    let rule = rules.policy.fields.get(name);
    let carried = rule.and_then(|rule| rule.codec.carry(Side::Remote, remote).ok());
    carried.unwrap_or_else(|| remote.clone())
}

fn entry(
    (case, planned): (&Case, &Planned),
    (field, event): (&str, &'static str),
    (lost_local, lost_remote): (Value, Value),
    now_local: Value,
) -> Lost {
    let applied = planned.applies.iter().find(|(_, name, _)| name == field);
    Lost {
        link_id: case.link.as_ref().map_or(0, |link| link.id),
        field: field.to_owned(),
        event: event.into(),
        lost_local,
        lost_remote,
        now_local,
        conflict_id: applied.map(|(id, _, _)| *id),
        actor: applied.map_or_else(|| "sync".to_owned(), |(_, _, by)| by.clone()),
    }
}
