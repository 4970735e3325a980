//! Jobs, changed. The engine notes each change in the audit trail itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use engine::Move;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::enqueue::Stood;
use super::{DryRun, Reason, job};
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::problem::Problem;
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// Where a change has left a job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Moved {
    /// The job.
    id: Uuid,
    /// Its state now; in a dry run, the state it would have.
    #[schema(value_type = String)]
    state: engine::State,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// What a job that is run again should differ in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// Other args than the old job's.
    args: Option<Value>,
}

/// Cancels a job: at once when it is queued or waiting; by telling its attempt to stop when it runs,
/// and then the state in the answer is still `running`.
#[utoipa::path(
    post, path = "/jobs/{id}/cancel", tag = "jobs", operation_id = "job_cancel", params(("id" = Uuid, Path), DryRun),
    request_body = Option<Reason>, security(("token" = ["jobs:write"])), responses((status = 200, body = Moved))
)]
pub(super) async fn cancel(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Moved>, Problem> {
    let reason = reason.checked()?;
    if dry.dry_run {
        return would(&front, id, Move::Cancel, "cancel").await.map(Json);
    }
    let reason = reason.unwrap_or_else(|| format!("cancelled by {}", caller.name));
    let state = front.client.cancel(id, &caller.actor(), &reason).await?;
    Ok(Json(Moved {
        id,
        state,
        dry_run: false,
    }))
}

/// Lets the same job try on, now.
#[utoipa::path(
    post, path = "/jobs/{id}/retry", tag = "jobs", operation_id = "job_retry", params(("id" = Uuid, Path), DryRun),
    security(("token" = ["jobs:write"])), responses((status = 200, body = Moved))
)]
pub(super) async fn retry(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Moved>, Problem> {
    try_on(&front, &caller, id, &dry).await.map(Json)
}

pub(super) async fn try_on(
    front: &FrontState,
    caller: &Caller,
    id: Uuid,
    dry: &DryRun,
) -> Result<Moved, Problem> {
    if dry.dry_run {
        return would(front, id, Move::Retry, "retry").await;
    }
    front.client.retry(id, &caller.actor()).await?;
    Ok(Moved {
        id,
        state: engine::State::Available,
        dry_run: false,
    })
}

/// Makes a new job from an old one, with the same args or others. The old one stays as it is.
#[utoipa::path(
    post, path = "/jobs/{id}/run-again", tag = "jobs", operation_id = "job_run_again",
    params(("id" = Uuid, Path), DryRun), request_body = Option<Edit>, security(("token" = ["jobs:write"])),
    responses((status = 201, body = Stood), (status = 200, description = "A dry run", body = Moved))
)]
pub(super) async fn run_again(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    MaybeBody(edit): MaybeBody<Edit>,
) -> Result<Response, Problem> {
    if dry.dry_run {
        let old = job::find(&front, id).await?;
        let flaw = super::check::args_flaw(&edit.args.unwrap_or(old.args));
        return match flaw {
            Some(flaw) => Err(Problem::invalid(vec![flaw])),
            None => Ok(Json(Moved {
                id,
                state: old.state,
                dry_run: true,
            })
            .into_response()),
        };
    }
    let enqueued = front
        .client
        .run_again(id, edit.args, &caller.actor())
        .await?;
    let location = format!("{BASE}/jobs/{}", enqueued.id);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(Stood::from(enqueued)),
    )
        .into_response())
}

/// Forgets an ended job altogether.
#[utoipa::path(
    delete, path = "/jobs/{id}", tag = "jobs", operation_id = "job_delete", params(("id" = Uuid, Path), DryRun),
    security(("token" = ["jobs:write"])),
    responses((status = 204, description = "Gone"), (status = 200, description = "A dry run", body = Moved))
)]
pub(super) async fn delete(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    if dry.dry_run {
        let state = job::find(&front, id).await?.state;
        return match state.is_terminal() {
            true => Ok(Json(Moved {
                id,
                state,
                dry_run: true,
            })
            .into_response()),
            false => Err(engine::Error::WrongState {
                id,
                state,
                verb: "delete",
            }
            .into()),
        };
    }
    front.client.delete(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where a move would lead, by the engine's own table of legal moves.
async fn would(
    front: &FrontState,
    id: Uuid,
    how: Move,
    verb: &'static str,
) -> Result<Moved, Problem> {
    let state = job::find(front, id).await?.state;
    match state.after(how) {
        Some(state) => Ok(Moved {
            id,
            state,
            dry_run: true,
        }),
        None => Err(engine::Error::WrongState { id, state, verb }.into()),
    }
}
