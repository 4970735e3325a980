//! What a sync with Creatio has done, in words, and how the command ends.

use engine::{JobView, State};
use jobs::creatio::{Counts, Totals};
use serde_json::Value;
use uuid::Uuid;

use super::super::ended_badly;
use crate::app::App;
use crate::output::{Exit, plural};

pub(super) fn tell(app: &App, job: &JobView) -> anyhow::Result<Exit> {
    if job.state != State::Completed {
        return Err(ended_badly(job).into());
    }
    let result = job.result.clone().unwrap_or_default();
    let totals: Totals = serde_json::from_value(result.clone())?;
    for error in &totals.errors {
        app.out.note(&format!("✗ {error}"));
    }
    let words = format!(
        "Synced {}: {}",
        seen(totals.seen),
        of_counts(&totals.counts)
    );
    app.out.done(&words, &job.id.to_string(), &result)?;
    if totals.counts.conflicts > 0 {
        app.out
            .next("What a person must settle: lockstep conflict list");
    }
    if totals.counts.in_review > 0 {
        app.out
            .next("What a person must say: lockstep record list --status manual_review");
    }
    Ok(
        match totals.counts.failed > 0 || !totals.errors.is_empty() {
            true => Exit::Partial,
            false => Exit::Ok,
        },
    )
}

pub(in crate::commands) fn seen(records: i64) -> String {
    plural(usize::try_from(records).unwrap_or(0), "record")
}

/// What was done, in one line.
pub(in crate::commands) fn of_counts(counts: &Counts) -> String {
    format!(
        "{} made, {} changed and {} deleted in Creatio; {} made, {} changed and {} deleted here; {} linked, {} in conflict, \
         {} to be reviewed, {} failed.",
        counts.created_in_creatio,
        counts.updated_in_creatio,
        counts.deleted_in_creatio,
        counts.created_here,
        counts.updated_here,
        counts.deleted_here,
        counts.linked,
        counts.conflicts,
        counts.in_review,
        counts.failed,
    )
}

pub(super) fn tell_lead(app: &App, job: &JobView, lead_id: Uuid) -> anyhow::Result<Exit> {
    if job.state != State::Completed {
        return Err(ended_badly(job).into());
    }
    let result = job.result.clone().unwrap_or_default();
    let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or("-");
    let (words, exit) = match text("status") {
        "success" => (
            format!(
                "Lead {lead_id} is {} at Creatio; both say the same.",
                text("remote_id")
            ),
            Exit::Ok,
        ),
        "conflict" => (
            format!(
                "Lead {lead_id} has fields that a person must settle: lockstep conflict list --record {lead_id}"
            ),
            Exit::Conflict,
        ),
        "manual_review" => (
            format!(
                "A person must say who lead {lead_id} is ({}): lockstep record show lead {lead_id}",
                text("code")
            ),
            Exit::Conflict,
        ),
        other => (
            format!("Lead {lead_id} is {other} ({}).", text("code")),
            Exit::Partial,
        ),
    };
    app.out.done(&words, &job.id.to_string(), &result)?;
    Ok(exit)
}
