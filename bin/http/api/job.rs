//! Jobs, read.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::JobFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::view::{Attempt, Job};
use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, NOT_FOUND, Problem};

/// Which jobs to list. What is not said does not restrict.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// available, running, waiting, completed, cancelled or dead.
    state: Option<String>,
    /// A kind, or all kinds of a system with `system.*`.
    kind: Option<String>,
    /// A queue.
    queue: Option<String>,
    /// A tag.
    tag: Option<String>,
    /// Parts of this job.
    parent_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// A job with its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobDetail {
    #[serde(flatten)]
    job: Job,
    /// Its attempts, oldest first.
    attempts: Vec<Attempt>,
}

/// Lists jobs, newest first.
#[utoipa::path(
    get, path = "/jobs", tag = "jobs", operation_id = "job_list", params(Wanted), security(("token" = ["jobs:read"])),
    responses((status = 200, body = Listed<Job>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Job>>), Problem> {
    list_of(&front, "/jobs", wanted, None).await
}

/// A page of jobs; `only` restricts to a state, beside which no other can be asked for.
pub(super) async fn list_of(
    front: &FrontState,
    path: &str,
    wanted: Wanted,
    only: Option<engine::State>,
) -> Result<(HeaderMap, Json<Listed<Job>>), Problem> {
    page::check_limit(wanted.limit)?;
    let state = wanted.state.as_deref().map(read_state).transpose()?;
    if let (Some(only), Some(state)) = (only, state)
        && only != state
    {
        return Err(Problem::new(
            BAD_PARAMETER,
            format!("state: all of these are {only}"),
        ));
    }
    let parent = wanted.parent_id.map(|id| id.to_string());
    let named = [
        ("state", wanted.state.as_deref()),
        ("kind", wanted.kind.as_deref()),
        ("queue", wanted.queue.as_deref()),
        ("tag", wanted.tag.as_deref()),
        ("parent_id", parent.as_deref()),
    ];
    let said: Vec<_> = named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let before = wanted
        .cursor
        .as_deref()
        .map(|cursor| page::open(cursor, &said))
        .transpose()?;
    let filter = JobFilter {
        state: only.or(state),
        kind: wanted.kind.clone(),
        queue: wanted.queue.clone(),
        tag: wanted.tag.clone(),
        parent_id: wanted.parent_id,
        before,
        limit: wanted.limit,
    };
    let found = front.client.jobs(&filter).await?;
    let jobs = found.data.into_iter().map(Job::from).collect();
    Ok(page::page(path, jobs, found.next, &said, wanted.limit))
}

fn read_state(word: &str) -> Result<engine::State, Problem> {
    engine::State::parse(word).ok_or_else(|| {
        let known: Vec<_> = engine::State::ALL
            .iter()
            .map(|state| state.as_str())
            .collect();
        Problem::new(
            BAD_PARAMETER,
            format!("state: {word:?} is none of {}", known.join(", ")),
        )
    })
}

/// Shows a job with its attempts.
#[utoipa::path(
    get, path = "/jobs/{id}", tag = "jobs", operation_id = "job_show", params(("id" = Uuid, Path)),
    security(("token" = ["jobs:read"])), responses((status = 200, body = JobDetail))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<JobDetail>, Problem> {
    detail(&front, id).await.map(Json)
}

pub(super) async fn detail(front: &FrontState, id: Uuid) -> Result<JobDetail, Problem> {
    let job = find(front, id).await?;
    let attempts = front.client.attempts(id).await?;
    Ok(JobDetail {
        job: job.into(),
        attempts: attempts.into_iter().map(Attempt::from).collect(),
    })
}

pub(super) async fn find(front: &FrontState, id: Uuid) -> Result<engine::JobView, Problem> {
    front
        .client
        .job(id)
        .await?
        .ok_or_else(|| Problem::new(NOT_FOUND, format!("no job {id}")))
}
