//! Why a job stands where it stands.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::FrontState;
use crate::http::extract::At;
use crate::http::problem::{NOT_FOUND, Problem};

/// What holds a job up, or how it ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    /// The job.
    id: Uuid,
    /// available, running, waiting, completed, cancelled or dead.
    #[schema(value_type = String)]
    state: engine::State,
    /// A finer word than the state.
    label: &'static str,
    /// The causes, the nearest first; never empty.
    causes: Vec<Cause>,
}

/// One cause.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cause {
    /// A stable word, e.g. scheduled, paused, no_worker_for_kind, slots_taken, dead. More may come.
    cause: String,
    /// The cause in one sentence.
    said: String,
    /// What happens next, or what to do so that something does.
    next: String,
    /// What is known of it: names, instants, numbers.
    facts: Value,
}

impl From<engine::Cause> for Cause {
    fn from(of: engine::Cause) -> Cause {
        let mut facts = serde_json::to_value(&of.why).unwrap_or_default();
        let word = facts
            .as_object_mut()
            .and_then(|facts| facts.remove("cause"));
        Cause {
            cause: word
                .as_ref()
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            said: of.said,
            next: of.next,
            facts,
        }
    }
}

/// Says why a job stands where it stands, and what happens next.
#[utoipa::path(
    get, path = "/jobs/{id}/why", tag = "jobs", operation_id = "job_why", params(("id" = Uuid, Path)),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Why))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<Why>, Problem> {
    let why = front.client.why(id).await?;
    let why = why.ok_or_else(|| Problem::new(NOT_FOUND, format!("no job {id}")))?;
    Ok(Json(Why {
        id,
        state: why.state,
        label: why.label,
        causes: why.causes.into_iter().map(Cause::from).collect(),
    }))
}
