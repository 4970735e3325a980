//! Schedules: read and run now. They are declared in workers.toml.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Error, NewJob};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::enqueue::Stood;
use super::view::{Pause, Tick};
use super::{DryRun, Part, check_name};
use crate::audited;
use crate::http::extract::{At, Params};
use crate::http::page::{self, All, Listed};
use crate::http::problem::Problem;
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// A recurring job with where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// Its name, unique.
    name: String,
    /// Five fields, Vixie rules; seconds optional.
    cron: String,
    /// IANA name.
    time_zone: String,
    /// Which kind it enqueues.
    kind: String,
    /// With which args.
    args: Value,
    /// In which queue, if not the kind's.
    queue: Option<String>,
    /// none, latest or all.
    #[schema(value_type = String)]
    catch_up: engine::CatchUp,
    /// skip, queue or allow.
    #[schema(value_type = String)]
    overlap: engine::Overlap,
    /// When it next fires.
    next_at: Option<Timestamp>,
    /// Since when, by whom and why it is paused.
    pause: Option<Pause>,
    /// Its newest tick.
    last_tick: Option<Tick>,
}

impl From<engine::ScheduleView> for Schedule {
    fn from(view: engine::ScheduleView) -> Self {
        let of = view.schedule;
        Schedule {
            name: of.name,
            cron: of.cron,
            time_zone: of.time_zone,
            kind: of.kind,
            args: of.args,
            queue: of.queue,
            catch_up: of.catch_up,
            overlap: of.overlap,
            next_at: view.next_at,
            pause: view.pause.map(Pause::from),
            last_tick: view.last_tick.map(Tick::from),
        }
    }
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
    params(("name" = String, Path), Part), security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<Tick>))
)]
pub(super) async fn ticks(
    State(front): State<FrontState>,
    At(name): At<String>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<Tick>>), Problem> {
    check_name("name", &name)?;
    let path = format!("/schedules/{}/ticks", page::escape(&name));
    let (limit, before) = part.read(&path)?;
    let found = front.client.ticks(&name, before.as_ref(), limit).await?;
    let ticks = found.data.into_iter().map(Tick::from).collect();
    Ok(page::page(&path, ticks, found.next, &[], part.limit))
}

/// Runs a schedule's job now, paused or not. The next tick stays where it is.
#[utoipa::path(
    post, path = "/schedules/{name}/run", tag = "operations", operation_id = "schedule_run",
    params(("name" = String, Path), DryRun), security(("token" = ["schedules:write"])),
    responses((status = 201, body = Stood), (status = 200, description = "A dry run", body = Stood))
)]
pub(super) async fn run(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    check_name("name", &name)?;
    if dry.dry_run {
        return rehearse(&front, &caller, &name, &dry).await;
    }
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

/// Enqueues what a run would, and takes it back.
async fn rehearse(
    front: &FrontState,
    caller: &Caller,
    name: &str,
    dry: &DryRun,
) -> Result<Response, Problem> {
    let schedules = front.client.schedules().await?;
    let view = schedules
        .into_iter()
        .find(|view| view.schedule.name == name);
    let schedule = view.ok_or_else(|| Error::NoSuch {
        what: "schedule",
        name: name.to_owned(),
    })?;
    let schedule = schedule.schedule;
    let mut job = NewJob::new(schedule.kind, &schedule.args).asked_by(&caller.name);
    if let Some(queue) = schedule.queue {
        job = job.queue(queue);
    }
    let would = audited::enqueue(&front.client, &[job], &caller.asked(dry), |_| None).await?;
    Ok(Json(would.into_iter().next().map(Stood::would)).into_response())
}
