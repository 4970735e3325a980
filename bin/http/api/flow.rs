//! Flows: how far a job is, what it waits for, and telling it that.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::{StepQuery, Told};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{DryRun, check_name, job};
use crate::audited;
use crate::flows::{self, Flow, Step};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// What a job is told.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signal {
    /// What its handler gets: at most 256 KiB of JSON.
    payload: Option<Value>,
}

/// What became of a signal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Signalled {
    /// The job.
    id: Uuid,
    /// The signal.
    name: String,
    /// sent, or already: another of that name came first, or the job ran out of time for it.
    #[schema(value_type = String)]
    answer: Told,
    /// True when nothing was told because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Shows how far a job is and what it waits for.
#[utoipa::path(
    get, path = "/jobs/{id}/flow", tag = "jobs", operation_id = "job_flow", params(("id" = Uuid, Path)),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Flow))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<Flow>, Problem> {
    let job = job::find(&front, id).await?;
    let attempts = front.client.attempts(id).await?;
    Ok(Json(flows::of(&front.client, &job, &attempts).await?))
}

/// Which part of a job's steps.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
    /// With what the steps gave, which may be large.
    #[serde(default)]
    results: bool,
}

/// Lists the steps a job has behind it, oldest first.
#[utoipa::path(
    get, path = "/jobs/{id}/steps", tag = "jobs", operation_id = "job_steps", params(("id" = Uuid, Path), Part),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<Step>))
)]
pub(super) async fn steps(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<Step>>), Problem> {
    job::find(&front, id).await?;
    let said: &[_] = match part.results {
        true => &[("results", "true")],
        false => &[],
    };
    let path = format!("/jobs/{id}/steps");
    let after = part.cursor.as_deref();
    let query = StepQuery {
        limit: Some(page::check_limit(part.limit)?),
        after: after
            .map(|cursor| page::open(&path, cursor, said))
            .transpose()?,
        results: part.results,
    };
    let found = front.client.steps(id, &query).await?;
    let steps = found.data.into_iter().filter_map(Step::of).collect();
    Ok(page::page(&path, steps, found.next, said, part.limit))
}

/// Tells a job something, whether it waits for that already or will. The first word of a name stands.
#[utoipa::path(
    post, path = "/jobs/{id}/signals/{name}", tag = "jobs", operation_id = "job_signal",
    params(("id" = Uuid, Path), ("name" = String, Path), DryRun), request_body = Option<Signal>,
    security(("token" = ["jobs:write"])), responses((status = 200, body = Signalled))
)]
pub(super) async fn signal(
    State(front): State<FrontState>,
    caller: Caller,
    At((id, name)): At<(Uuid, String)>,
    Params(dry): Params<DryRun>,
    MaybeBody(signal): MaybeBody<Signal>,
) -> Result<Json<Signalled>, Problem> {
    check_name("name", &name)?;
    let what = (name.as_str(), signal.payload.as_ref());
    let answer = audited::signal(&front.client, id, what, &caller.asked(&dry)).await?;
    if answer == Told::Ended {
        let (state, verb) = (job::find(&front, id).await?.state, "signal");
        return Err(engine::Error::WrongState { id, state, verb }.into());
    }
    Ok(Json(Signalled {
        id,
        name,
        answer,
        dry_run: dry.dry_run,
    }))
}
