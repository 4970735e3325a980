//! What handlers said in the attempts of a job.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::job;
use super::view::mirror;
use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::All;
use crate::http::problem::{BAD_PARAMETER, Problem};

mirror! {
    /// One thing that an attempt said.
    LogLine of engine::LogLine {
        /// Counts from 1 within the attempt; a gap is what was left out.
        n: i64,
        /// When.
        at: Timestamp,
        /// ERROR, WARN, INFO, DEBUG or TRACE.
        level: String,
        /// The module that said it.
        target: String,
        /// The message and its fields, redacted.
        text: String,
    }
}

/// What one attempt said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptLog {
    /// Its number.
    attempt: i32,
    /// Its first and its last lines, in order.
    lines: Vec<LogLine>,
    /// How many between them are not here.
    left_out: i64,
}

impl From<engine::AttemptLog> for AttemptLog {
    fn from(of: engine::AttemptLog) -> Self {
        AttemptLog {
            attempt: of.attempt,
            lines: of.lines.into_iter().map(LogLine::from).collect(),
            left_out: of.left_out,
        }
    }
}

/// Which attempt.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfAttempt {
    /// This one, counted from 1; the last five that said something unless given.
    #[param(minimum = 1)]
    attempt: Option<i32>,
}

/// Lists what the handler of a job said, attempt by attempt, oldest first. Secrets, addresses and
/// telephone numbers are taken out. Of many lines the first and the last are kept; `n` counts them all.
/// Lines come within three seconds, and soon after the end of their attempt.
#[utoipa::path(
    get, path = "/jobs/{id}/logs", tag = "jobs", operation_id = "job_logs", params(("id" = Uuid, Path), OfAttempt),
    security(("token" = ["jobs:read"])), responses((status = 200, body = All<AttemptLog>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
    Params(of): Params<OfAttempt>,
) -> Result<Json<All<AttemptLog>>, Problem> {
    if let Some(attempt) = of.attempt.filter(|attempt| *attempt < 1) {
        let detail = format!("attempt: expected 1 or more, got {attempt}");
        return Err(Problem::new(BAD_PARAMETER, detail));
    }
    job::find(&front, id).await?;
    let logs = front.client.job_logs(id, of.attempt).await?;
    let data = logs.into_iter().map(AttemptLog::from).collect();
    Ok(Json(All { data }))
}
