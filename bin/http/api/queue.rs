//! Queues and kinds: what they hold, and whether they are paused. All nodes obey within a second.

use axum::Json;
use axum::extract::State;
use engine::PauseScope;

use super::view::{Pause, Queue};
use super::{Changed, DryRun, Reason, check_name};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::All;
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// Lists every queue with what it holds.
#[utoipa::path(
    get, path = "/queues", tag = "operations", operation_id = "queue_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Queue>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Queue>>, Problem> {
    let queues = front.client.queues().await?;
    Ok(Json(All {
        data: queues.into_iter().map(Queue::from).collect(),
    }))
}

/// Pauses a queue: nothing of it is claimed.
#[utoipa::path(
    post, path = "/queues/{name}/pause", tag = "operations", operation_id = "queue_pause",
    params(("name" = String, Path), DryRun), request_body = Option<Reason>, security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn pause(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Changed>, Problem> {
    stop(&front, &caller, (PauseScope::Queue, &name), &dry, reason)
        .await
        .map(Json)
}

/// Resumes a queue.
#[utoipa::path(
    post, path = "/queues/{name}/resume", tag = "operations", operation_id = "queue_resume",
    params(("name" = String, Path), DryRun), security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn resume(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Changed>, Problem> {
    go_on(&front, &caller, (PauseScope::Queue, &name), &dry)
        .await
        .map(Json)
}

/// Lists the kinds that are paused.
#[utoipa::path(
    get, path = "/kinds/paused", tag = "operations", operation_id = "kind_list_paused", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Pause>))
)]
pub(super) async fn list_kinds(
    State(front): State<FrontState>,
) -> Result<Json<All<Pause>>, Problem> {
    let pauses = front.client.pauses(PauseScope::Kind).await?;
    Ok(Json(All {
        data: pauses.into_iter().map(Pause::from).collect(),
    }))
}

/// Pauses a kind: none of its jobs is claimed.
#[utoipa::path(
    post, path = "/kinds/{name}/pause", tag = "operations", operation_id = "kind_pause",
    params(("name" = String, Path), DryRun), request_body = Option<Reason>, security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn pause_kind(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Changed>, Problem> {
    stop(&front, &caller, (PauseScope::Kind, &name), &dry, reason)
        .await
        .map(Json)
}

/// Resumes a kind.
#[utoipa::path(
    post, path = "/kinds/{name}/resume", tag = "operations", operation_id = "kind_resume",
    params(("name" = String, Path), DryRun), security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn resume_kind(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Changed>, Problem> {
    go_on(&front, &caller, (PauseScope::Kind, &name), &dry)
        .await
        .map(Json)
}

/// Pauses what `of` names, whatever sort of thing it is.
pub(super) async fn stop(
    front: &FrontState,
    caller: &Caller,
    (scope, name): (PauseScope, &str),
    dry: &DryRun,
    reason: Reason,
) -> Result<Changed, Problem> {
    check_name("name", name)?;
    let reason = reason.checked()?;
    if dry.dry_run {
        return Ok(Changed {
            changed: !is_paused(front, scope, name).await?,
            dry_run: true,
        });
    }
    let changed = front
        .client
        .pause(scope, name, &caller.actor(), reason.as_deref())
        .await?;
    Ok(Changed {
        changed,
        dry_run: false,
    })
}

/// Resumes what was paused.
pub(super) async fn go_on(
    front: &FrontState,
    caller: &Caller,
    (scope, name): (PauseScope, &str),
    dry: &DryRun,
) -> Result<Changed, Problem> {
    check_name("name", name)?;
    if dry.dry_run {
        return Ok(Changed {
            changed: is_paused(front, scope, name).await?,
            dry_run: true,
        });
    }
    let changed = front.client.resume(scope, name, &caller.actor()).await?;
    Ok(Changed {
        changed,
        dry_run: false,
    })
}

async fn is_paused(front: &FrontState, scope: PauseScope, name: &str) -> Result<bool, Problem> {
    Ok(front
        .client
        .pauses(scope)
        .await?
        .iter()
        .any(|pause| pause.name == name))
}
