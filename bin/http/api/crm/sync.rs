//! Syncs with Creatio, and how they stand.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::{Answer, Enqueued, JobView, NewJob};
use jiff::Timestamp;
use jobs::creatio::preview::preview;
use jobs::creatio::{Sort, SyncAll, Totals, meeting, record, sync_all_of, sync_lead_of};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::DryRun;
use super::super::packages::{ended, result_of};
use super::super::sync::GoesOn;
use super::super::view::mirror;
use super::{names, sort, the_one};
use crate::audited::{self, Told};
use crate::http::FrontState;
use crate::http::extract::{Body, MaybeBody, Params};
use crate::http::headers::Prefer;
use crate::http::problem::{Problem, REMOTE, TIMED_OUT};
use crate::http::token::Caller;

/// Changes that a dry run tells; all are counted.
const MOST_TOLD: usize = 1_000;

/// How much.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http::api) struct WantedSync {
    /// Only this connection; all of them unless said.
    connection: Option<String>,
    /// Only what was modified at Creatio since last time; what is gone there is not noticed.
    changed: bool,
}

/// Which lead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct WantedLead {
    /// Its id here.
    lead_id: Uuid,
}

/// Which failed records.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http::api) struct WantedRetry {
    /// Only this connection; all of them unless said.
    connection: Option<String>,
    /// Only these: contact, lead, activity or participant.
    sort: Option<String>,
}

/// Of which connection.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Of {
    /// Only this connection; all of them together unless said.
    pub(super) connection: Option<String>,
}

/// What a sync did, in records.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct CrmSynced {
    /// No record and no part failed.
    success: bool,
    /// The job that did it.
    job: Uuid,
    #[schema(value_type = Object, example = json!({"seen": 40, "created_in_creatio": 2, "updated_in_creatio": 1, "deleted_in_creatio": 0, "created_here": 38, "updated_here": 0, "deleted_here": 0, "linked": 0, "conflicts": 1, "in_review": 0, "failed": 0, "errors": []}))]
    result: Totals,
    #[schema(example = "Synced 40 records with 0 errors")]
    message: String,
    /// When it ended.
    timestamp: Option<Timestamp>,
}

/// What became of one lead.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(in crate::http::api) struct LeadSynced {
    /// Its id here.
    lead_id: Uuid,
    /// success, conflict, manual_review, failed, pending or in_progress.
    status: String,
    /// to_creatio, from_creatio, both; none when nothing was to be done.
    direction: Option<String>,
    /// What is wrong, a stable word.
    code: Option<String>,
    /// Its id at Creatio.
    remote_id: Option<Uuid>,
}

/// Records that are looked at again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct Retried {
    records: i64,
}

mirror! {
    /// So many records of a sort are in a status.
    CrmCount of record::Count {
        /// creatio.contacts, creatio.leads, creatio.activities or creatio.participants.
        stream: String,
        /// pending, in_progress, success, failed, conflict or manual_review.
        status: String,
        records: i64,
    }
}

mirror! {
    /// How the operations of a stream and direction went in the last 24 hours.
    CrmRate of record::Rate {
        stream: String,
        /// to_creatio, from_creatio or both.
        direction: String,
        succeeded: i64,
        failed: i64,
        /// From the look at both sides to the end.
        took_p50_ms: f64,
        took_p95_ms: f64,
    }
}

/// How the sync with Creatio stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct CrmStatus {
    records: Vec<CrmCount>,
    /// Conflicts that nobody has settled, that somebody has proposed to settle, and that are settled and not yet
    /// carried over.
    open_conflicts: i64,
    proposed_conflicts: i64,
    resolved_conflicts: i64,
    /// Records that are to be looked at now, and later.
    due: i64,
    later: i64,
    /// How long the oldest of those due has waited, in seconds.
    oldest_s: Option<f64>,
    rates: Vec<CrmRate>,
}

/// Syncs everything with Creatio, both ways.
///
/// Waits for the result, as long as the server's bound or `Prefer: wait=…` allows; then, and at once with
/// `Prefer: respond-async`, answers 202 with the job's address. With `dry_run`, asks Creatio and answers every change,
/// field by field, and writes nothing on either side.
#[utoipa::path(
    post, path = "/crm/sync/sync_all/", tag = "crm", operation_id = "crm_sync_all", request_body = Option<WantedSync>,
    params(DryRun, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, body = CrmSynced), (status = 202, body = GoesOn))
)]
pub(in crate::http::api) async fn all(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Params(dry): Params<DryRun>,
    MaybeBody(wanted): MaybeBody<WantedSync>,
) -> Result<Response, Problem> {
    let over = names(&front, wanted.connection.as_deref())?;
    front.env.connections.declare().await?;
    if dry.dry_run {
        return plan(&front, &over).await;
    }
    let asked = SyncAll {
        connection: (over.len() == 1).then(|| over[0].clone()),
        changed: wanted.changed,
    };
    let job = sync_all_of(&asked, &caller.name);
    let made = enqueue(&front, &caller, job, ("sync.creatio", &over.join(", "))).await?;
    let job = match ended(&front, prefer, made.id, &over).await? {
        Ok(job) => job,
        Err(goes_on) => return Ok(goes_on),
    };
    let totals: Totals = result_of(&not_failed(&job)?)?;
    let errors = totals.counts.failed + totals.errors.len() as i64;
    let synced = CrmSynced {
        success: errors == 0,
        job: job.id,
        message: format!("Synced {} records with {errors} errors", totals.seen),
        result: totals,
        timestamp: job.ended_at,
    };
    Ok(Json(synced).into_response())
}

/// Syncs one lead, and before it the contact that it names.
///
/// Waits as the sync of everything does.
#[utoipa::path(
    post, path = "/crm/sync/sync-lead/", tag = "crm", operation_id = "crm_sync_lead", request_body = WantedLead,
    params(DryRun, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, body = LeadSynced), (status = 202, body = GoesOn))
)]
pub(in crate::http::api) async fn lead(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Params(dry): Params<DryRun>,
    Body(wanted): Body<WantedLead>,
) -> Result<Response, Problem> {
    let name = meeting::connection_of_lead(&front.env.pool, wanted.lead_id).await?;
    let name = the_one(&front, Some(&name))?;
    if dry.dry_run {
        return Ok(
            Json(json!({"dry_run": true, "lead_id": wanted.lead_id, "connection": name}))
                .into_response(),
        );
    }
    let job = sync_lead_of(&name, wanted.lead_id, &caller.name);
    let target = wanted.lead_id.to_string();
    let made = enqueue(&front, &caller, job, ("sync.creatio_lead", &target)).await?;
    match ended(&front, prefer, made.id, &[name]).await? {
        Ok(job) => Ok(Json(result_of::<LeadSynced>(&not_failed(&job)?)?).into_response()),
        Err(goes_on) => Ok(goes_on),
    }
}

/// Shows how many records stand how, what waits, and how it went in the last day.
#[utoipa::path(
    get, path = "/crm/sync/status/", tag = "crm", operation_id = "crm_sync_status", params(Of),
    security(("token" = ["crm:read"])), responses((status = 200, body = CrmStatus))
)]
pub(in crate::http::api) async fn status(
    State(front): State<FrontState>,
    Params(of): Params<Of>,
) -> Result<Json<CrmStatus>, Problem> {
    if let Some(name) = of.connection.as_deref() {
        names(&front, Some(name))?;
    }
    let now = record::overview(&front.env.pool, of.connection.as_deref()).await?;
    Ok(Json(CrmStatus {
        records: now.records.into_iter().map(CrmCount::from).collect(),
        open_conflicts: now.open_conflicts,
        proposed_conflicts: now.proposed_conflicts,
        resolved_conflicts: now.resolved_conflicts,
        due: now.due,
        later: now.later,
        oldest_s: now.oldest_s,
        rates: now.rates.into_iter().map(CrmRate::from).collect(),
    }))
}

/// Has failed records looked at again.
#[utoipa::path(
    post, path = "/crm/sync/retry-failed/", tag = "crm", operation_id = "crm_retry_failed",
    request_body = Option<WantedRetry>, params(DryRun),
    security(("token" = ["crm:write"])), responses((status = 200, body = Retried))
)]
pub(in crate::http::api) async fn retry_failed(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    MaybeBody(wanted): MaybeBody<WantedRetry>,
) -> Result<Json<Retried>, Problem> {
    let over = names(&front, wanted.connection.as_deref())?;
    let of: Option<Sort> = wanted.sort.as_deref().map(sort).transpose()?;
    let asked = caller.asked(&dry);
    let records = audited::creatio::retry_failed(&front.client, &over, of, &asked).await?;
    Ok(Json(Retried { records }))
}

async fn enqueue(
    front: &FrontState,
    caller: &Caller,
    job: NewJob,
    (action, target): (&'static str, &str),
) -> Result<Enqueued, Problem> {
    let id = job.id();
    let told = |stood: &[Enqueued]| {
        let is_new = stood.iter().any(|one| one.answer == Answer::Inserted);
        is_new.then(|| Told {
            action,
            target: target.to_owned(),
            detail: json!({"job": id}),
        })
    };
    let by = caller.asked(&DryRun::default());
    let stood = audited::enqueue(&front.client, &[job], &by, told).await?;
    Ok(stood.into_iter().next().ok_or(engine::Error::NoJob(id))?)
}

/// A sync that was not done is no success with zeroes.
fn not_failed(job: &JobView) -> Result<JobView, Problem> {
    if job.state == engine::State::Completed {
        return Ok(job.clone());
    }
    let code = job.code.clone().unwrap_or_else(|| job.state.to_string());
    let detail = format!("the sync was not done: {code}; see job {}", job.id);
    Err(Problem::new(REMOTE, detail))
}

/// Bounded as a wait is, and in what it tells: more is for the command line.
async fn plan(front: &FrontState, over: &[String]) -> Result<Response, Problem> {
    let (mut changes, mut all) = (Vec::new(), 0_usize);
    let walks = async {
        let mut sums = Vec::new();
        for name in over {
            let told = |change| {
                all += 1;
                if changes.len() < MOST_TOLD {
                    changes.push(json!(change));
                }
            };
            let mut sum = json!(preview(&front.env, name, told).await?);
            sum["connection"] = Value::from(name.as_str());
            sums.push(sum);
        }
        Ok::<_, jobs::Error>(sums)
    };
    let Ok(sums) = tokio::time::timeout(front.options.sync_wait, walks).await else {
        let detail =
            "there is too much for a dry run over HTTP: lockstep sync creatio sync-all --dry-run";
        return Err(Problem::new(TIMED_OUT, detail));
    };
    let sums = sums?;
    let is_cut = all > changes.len();
    Ok(
        Json(json!({"dry_run": true, "connections": sums, "changes": changes, "is_cut": is_cut}))
            .into_response(),
    )
}
