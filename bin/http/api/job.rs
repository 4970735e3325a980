//! Jobs, read.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::{Filter, JobQuery, Label, TextKey};
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
    /// Those that meet this filter, e.g. `kind:zoho.* error:"401" age>2h args.company_id:991`.
    filter: Option<String>,
    /// Short for `state:`: available, scheduled, retrying, running, waiting, completed, cancelled or dead.
    state: Option<String>,
    /// Short for `kind:`: a kind, or all kinds of a system with `system.*`.
    kind: Option<String>,
    /// Short for `queue:`.
    queue: Option<String>,
    /// Short for `tag:`.
    tag: Option<String>,
    /// Short for `parent:`: parts of this job.
    parent_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

impl Wanted {
    /// Refuses another state beside the one that all of a list has.
    pub(super) fn check_state(&self, only: &str) -> Result<(), Problem> {
        match self.state.as_deref() {
            Some(state) if state != only => Err(Problem::new(
                BAD_PARAMETER,
                format!("state: all of these are {only}"),
            )),
            _ => Ok(()),
        }
    }

    /// The one filter that all of it says.
    pub(super) fn read(&self) -> Result<Filter, Problem> {
        let text = self.filter.as_deref().unwrap_or_default();
        let mut filter = Filter::parse(text).map_err(engine::Error::from)?;
        if let Some(word) = &self.state {
            filter = filter.state(read_state(word)?);
        }
        if let Some(kind) = &self.kind {
            filter = filter.kind(kind);
        }
        if let Some(queue) = &self.queue {
            filter = filter.text(TextKey::Queue, queue);
        }
        if let Some(tag) = &self.tag {
            filter = filter.text(TextKey::Tag, tag);
        }
        if let Some(parent) = self.parent_id {
            filter = filter.parent(parent);
        }
        Ok(filter)
    }
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
    list_of(&front, "/jobs", wanted, Filter::new()).await
}

/// A page of the jobs that meet what is wanted and `also`.
pub(super) async fn list_of(
    front: &FrontState,
    path: &str,
    wanted: Wanted,
    also: Filter,
) -> Result<(HeaderMap, Json<Listed<Job>>), Problem> {
    page::check_limit(wanted.limit)?;
    let filter = wanted.read()?;
    let said = filter.to_string();
    let said: &[_] = match said.as_str() {
        "" => &[],
        said => &[("filter", said)],
    };
    let before = wanted
        .cursor
        .as_deref()
        .map(|cursor| page::open(path, cursor, said))
        .transpose()?;
    let query = JobQuery {
        filter: filter.and(also),
        before,
        limit: wanted.limit,
    };
    let found = front.client.jobs(query).await?;
    let jobs = found.data.into_iter().map(Job::from).collect();
    let (headers, mut listed) = page::page(path, jobs, found.next, said, wanted.limit);
    listed.page.searched = found.searched.map(page::Searched::from);
    Ok((headers, listed))
}

fn read_state(word: &str) -> Result<Label, Problem> {
    Label::parse(word).ok_or_else(|| {
        let known = Label::ALL.map(Label::as_str);
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
