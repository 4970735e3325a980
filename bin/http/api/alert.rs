//! Workers and alerts: who is at work, and what a person should look at.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use super::Part;
use super::view::{Alert, Worker};
use crate::http::FrontState;
use crate::http::extract::Params;
use crate::http::page::{self, All, Listed};
use crate::http::problem::Problem;

/// Lists what a person should look at now.
#[utoipa::path(
    get, path = "/alerts", tag = "operations", operation_id = "alert_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Alert>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Alert>>, Problem> {
    let alerts = jobs::alert::list(&front.client).await?;
    Ok(Json(All {
        data: alerts.into_iter().map(Alert::from).collect(),
    }))
}

/// Lists worker processes, the living first.
#[utoipa::path(
    get, path = "/workers", tag = "operations", operation_id = "worker_list", params(Part),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<Worker>))
)]
pub(super) async fn workers(
    State(front): State<FrontState>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<Worker>>), Problem> {
    let (limit, before) = part.read("/workers")?;
    let found = front.client.workers(before.as_ref(), limit).await?;
    let workers = found.data.into_iter().map(Worker::from).collect();
    Ok(page::page("/workers", workers, found.next, &[], part.limit))
}
