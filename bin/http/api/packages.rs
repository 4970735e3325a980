//! The bulk sync of packages, on the path and with the body that callers of the replaced system know. It stands where
//! it stood, not below our base. Behind it is a job like any other: who does not want to wait gets its address.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use engine::{Answer, Enqueued, JobView};
use jiff::Timestamp;
use jobs::packages::{self, SyncAll, Totals, sync_all_of};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::DryRun;
use super::sync::{GoesOn, held};
use crate::audited::{self, Told};
use crate::http::extract::{MaybeBody, Params};
use crate::http::headers::Prefer;
use crate::http::problem::Problem;
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// How much of it. Nothing said is every profile that is linked to a customer, twenty a batch, half a second apart.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BulkSync {
    /// Profiles a batch, 1 to 100; 20 unless said.
    batch_size: Option<u16>,
    /// No more profiles than this; those that have waited longest come first.
    max_profiles: Option<u32>,
    /// Those that were never synced, instead of those that are linked.
    only_new_profiles: Option<bool>,
}

/// What a bulk sync did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkSynced {
    success: bool,
    result: BulkResult,
    /// When it ended.
    timestamp: Option<Timestamp>,
}

/// The sums of a bulk sync.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BulkResult {
    #[schema(example = 50)]
    total_profiles: i64,
    #[schema(example = 48)]
    successful_profiles: i64,
    /// Those that wait for a person among them.
    #[schema(example = 2)]
    failed_profiles: i64,
    #[schema(example = 125)]
    total_packages: i64,
    /// The first twenty.
    #[schema(example = json!(["Profile 0198c7a2-…: rejected"]))]
    errors: Vec<String>,
    #[schema(example = "45s")]
    duration: String,
}

/// The error body of the two kept paths of packages, where a sync was asked for and not done. Other errors are problems.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotSynced {
    #[schema(example = "Bulk sync failed")]
    error: &'static str,
    /// A stable word.
    details: String,
}

/// Syncs the packages of many profiles.
///
/// Waits for the result, as long as the server's bound or `Prefer: wait=…` allows; then, and at once with
/// `Prefer: respond-async`, answers 202 with the job's address.
#[utoipa::path(
    post, path = "/api/crm/sync-packages", tag = "syncs", operation_id = "sync_packages", request_body = Option<BulkSync>,
    params(("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, body = BulkSynced), (status = 202, body = GoesOn), (status = 500, body = NotSynced))
)]
pub(super) async fn bulk(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    MaybeBody(wanted): MaybeBody<BulkSync>,
) -> Result<Response, Problem> {
    sync_all(&front, &caller, prefer, &wanted).await
}

/// The same by GET, as some callers of the replaced system ask.
#[utoipa::path(
    get, path = "/api/crm/sync-packages", tag = "syncs", operation_id = "sync_packages_by_get",
    params(BulkSync, ("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, body = BulkSynced), (status = 202, body = GoesOn), (status = 500, body = NotSynced))
)]
pub(super) async fn bulk_by_get(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Params(wanted): Params<BulkSync>,
) -> Result<Response, Problem> {
    sync_all(&front, &caller, prefer, &wanted).await
}

async fn sync_all(
    front: &FrontState,
    caller: &Caller,
    prefer: Prefer,
    wanted: &BulkSync,
) -> Result<Response, Problem> {
    let usual = SyncAll::default();
    let asked = SyncAll {
        only_new: wanted.only_new_profiles.unwrap_or(usual.only_new),
        max_profiles: wanted.max_profiles,
        batch_size: wanted.batch_size.unwrap_or(usual.batch_size),
        ..usual
    };
    asked.check().map_err(as_body_says)?;
    let made = enqueue_all(front, caller, &asked).await?;
    let shops = packages::shops(&front.env.connections);
    let job = match ended(front, prefer, made.id, &shops).await? {
        Ok(job) => job,
        Err(goes_on) => return Ok(goes_on),
    };
    if job.state != engine::State::Completed {
        return Ok(not_synced("Bulk sync failed", &job));
    }
    let totals: Totals = result_of(&job)?;
    let result = BulkResult {
        total_profiles: totals.total_profiles,
        successful_profiles: totals.successful_profiles,
        failed_profiles: totals.failed_profiles,
        total_packages: totals.total_packages,
        errors: totals.errors,
        duration: seconds(&job),
    };
    Ok(Json(BulkSynced {
        success: true,
        result,
        timestamp: job.ended_at,
    })
    .into_response())
}

/// What is wrong with the job's args, by the body's names for them.
fn as_body_says(error: jobs::Error) -> jobs::Error {
    match error {
        jobs::Error::Invalid(text) => jobs::Error::Invalid(
            text.replacen("batch_size", "batchSize", 1)
                .replacen("max_profiles", "maxProfiles", 1),
        ),
        other => other,
    }
}

async fn enqueue_all(
    front: &FrontState,
    caller: &Caller,
    asked: &SyncAll,
) -> Result<Enqueued, Problem> {
    let job = sync_all_of(asked, &caller.name);
    let id = job.id();
    let told = |stood: &[Enqueued]| {
        let is_new = stood.iter().any(|one| one.answer == Answer::Inserted);
        is_new.then(|| Told {
            action: "sync.packages",
            target: "all".to_owned(),
            detail: json!({"job": id, "only_new": asked.only_new, "max_profiles": asked.max_profiles}),
        })
    };
    let by = caller.asked(&DryRun::default());
    let stood = audited::enqueue(&front.client, &[job], &by, told).await?;
    Ok(stood.into_iter().next().ok_or(engine::Error::NoJob(id))?)
}

/// The job, if it has ended within the caller's patience; else what such a caller is told.
pub(super) async fn ended(
    front: &FrontState,
    prefer: Prefer,
    id: Uuid,
    connections: &[String],
) -> Result<Result<JobView, Response>, Problem> {
    let bound = front.options.sync_wait;
    let held = held(front, connections).await;
    let wait = match prefer.respond_async || held.is_some() {
        true => Duration::ZERO,
        false => prefer.wait.unwrap_or(bound).min(bound),
    };
    let state = front.client.wait(id, wait).await?;
    if state.is_terminal() && !prefer.respond_async {
        let job = front.client.job(id).await?;
        return Ok(Ok(job.ok_or(engine::Error::NoJob(id))?));
    }
    let message = match held {
        Some(why) => format!("Sync waits as job {id}: {why}"),
        None => format!("Sync goes on as job {id}"),
    };
    let goes_on = Json(GoesOn {
        job: id,
        state,
        message,
    });
    let location = [(LOCATION, format!("{BASE}/jobs/{id}"))];
    Ok(Err(
        (StatusCode::ACCEPTED, location, goes_on).into_response()
    ))
}

pub(super) fn not_synced(error: &'static str, job: &JobView) -> Response {
    let details = job.code.clone().unwrap_or_else(|| job.state.to_string());
    let body = Json(NotSynced { error, details });
    (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
}

pub(super) fn result_of<T: serde::de::DeserializeOwned>(job: &JobView) -> Result<T, Problem> {
    let result = job.result.clone().unwrap_or_default();
    serde_json::from_value(result).map_err(|error| {
        let cause = format!("the result of job {} cannot be read: {error}", job.id);
        Problem::new(crate::http::problem::INTERNAL, "the result cannot be read").because(cause)
    })
}

fn seconds(job: &JobView) -> String {
    let span = job.ended_at.map(|end| end.duration_since(job.created_at));
    format!("{}s", span.map_or(0, |span| span.as_secs()))
}
