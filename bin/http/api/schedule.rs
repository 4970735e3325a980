//! Schedules: read, run now, pause. They are declared in workers.toml.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use engine::PauseScope;
use serde::Deserialize;
use utoipa::IntoParams;

use super::enqueue::Stood;
use super::view::{Schedule, Tick};
use super::{Changed, DryRun, Reason, check_name, queue};
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, All};
use crate::http::problem::Problem;
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// How much of a list to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    /// Rows, 1 to 500; 50 unless said.
    limit: Option<u16>,
}

/// Lists schedules with their next and newest tick.
#[utoipa::path(
    get, path = "/schedules", tag = "operations", operation_id = "schedule_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Schedule>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Schedule>>, Problem> {
    let schedules = front.client.schedules().await?;
    Ok(Json(All {
        data: schedules.into_iter().map(Schedule::from).collect(),
    }))
}

/// Lists a schedule's newest ticks with what became of their jobs.
#[utoipa::path(
    get, path = "/schedules/{name}/ticks", tag = "operations", operation_id = "schedule_ticks",
    params(("name" = String, Path), Newest), security(("token" = ["jobs:read"])), responses((status = 200, body = All<Tick>))
)]
pub(super) async fn ticks(
    State(front): State<FrontState>,
    At(name): At<String>,
    Params(newest): Params<Newest>,
) -> Result<Json<All<Tick>>, Problem> {
    let limit = page::check_limit(newest.limit)?;
    check_name("name", &name)?;
    let ticks = front.client.ticks(&name, limit).await?;
    Ok(Json(All {
        data: ticks.into_iter().map(Tick::from).collect(),
    }))
}

/// Runs a schedule's job now, paused or not. The next tick stays where it is.
#[utoipa::path(
    post, path = "/schedules/{name}/run", tag = "operations", operation_id = "schedule_run",
    params(("name" = String, Path)), security(("token" = ["schedules:write"])), responses((status = 201, body = Stood))
)]
pub(super) async fn run(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Response, Problem> {
    check_name("name", &name)?;
    let enqueued = front
        .client
        .run_schedule_now(&name, &caller.actor())
        .await?;
    let location = format!("{BASE}/jobs/{}", enqueued.id);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(Stood::from(enqueued)),
    )
        .into_response())
}

/// Pauses a schedule: its ticks are skipped.
#[utoipa::path(
    post, path = "/schedules/{name}/pause", tag = "operations", operation_id = "schedule_pause",
    params(("name" = String, Path), DryRun), request_body = Option<Reason>, security(("token" = ["schedules:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn pause(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Changed>, Problem> {
    check_exists(&front, &name).await?;
    queue::stop(&front, &caller, (PauseScope::Schedule, &name), &dry, reason)
        .await
        .map(Json)
}

/// Resumes a schedule.
#[utoipa::path(
    post, path = "/schedules/{name}/resume", tag = "operations", operation_id = "schedule_resume",
    params(("name" = String, Path), DryRun), security(("token" = ["schedules:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn resume(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Changed>, Problem> {
    check_exists(&front, &name).await?;
    queue::go_on(&front, &caller, (PauseScope::Schedule, &name), &dry)
        .await
        .map(Json)
}

/// Queues and kinds may be paused before they are first used; a schedule is declared or is a mistake.
async fn check_exists(front: &FrontState, name: &str) -> Result<(), Problem> {
    check_name("name", name)?;
    front.client.ticks(name, 1).await?;
    Ok(())
}
