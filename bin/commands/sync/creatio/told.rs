//! What a sync with Creatio has done, in words, and how the command ends.

use engine::{JobView, State};
use jobs::creatio::{Counts, Status, Totals, record};
use serde_json::Value;
use uuid::Uuid;

use super::super::ended_badly;
use crate::app::{App, Session};
use crate::output::{Exit, plural};

pub(super) async fn tell(
    app: &App,
    session: &Session,
    (over, job): (&[String], &JobView),
) -> anyhow::Result<Exit> {
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
    left(app, session, over).await?;
    Ok(
        match totals.counts.failed > 0 || !totals.errors.is_empty() {
            true => Exit::Partial,
            false => Exit::Ok,
        },
    )
}

/// What earlier syncs have left to people is left still: the counts are of what this one found anew.
async fn left(app: &App, session: &Session, over: &[String]) -> anyhow::Result<()> {
    let (mut conflicts, mut review, mut failed) = (0, 0, 0);
    for connection in over {
        let now = record::overview(&session.env.pool, Some(connection)).await?;
        conflicts += now.open_conflicts + now.proposed_conflicts;
        let of = |status: Status| {
            let counts = now.records.iter();
            let counts = counts.filter(|one| one.status == status.as_str());
            counts.map(|one| one.records).sum::<i64>()
        };
        review += of(Status::ManualReview);
        failed += of(Status::Failed);
    }
    for (records, what, how) in [
        (
            conflicts,
            "conflict",
            "for a person to settle: lockstep conflict list",
        ),
        (
            review,
            "record",
            "for a person to match: lockstep record list --status manual_review",
        ),
        (
            failed,
            "failed record",
            "to be mended: lockstep record list --status failed",
        ),
    ] {
        if records > 0 {
            let records = plural(usize::try_from(records).unwrap_or(0), what);
            app.out.next(&format!("Left: {records} {how}"));
        }
    }
    Ok(())
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
            format!(
                "Lead {lead_id} is {other} ({}). What is wrong with it: lockstep record show lead {lead_id}",
                text("code")
            ),
            Exit::Partial,
        ),
    };
    app.out.done(&words, &job.id.to_string(), &result)?;
    Ok(exit)
}
