//! Workers and alerts: who is at work, and what a person should look at.

use axum::Json;
use axum::extract::State;

use super::view::{Alert, Worker};
use crate::http::FrontState;
use crate::http::page::All;
use crate::http::problem::Problem;

/// Lists what a person should look at now.
#[utoipa::path(
    get, path = "/alerts", tag = "operations", operation_id = "alert_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Alert>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Alert>>, Problem> {
    let alerts = front.client.alerts().await?;
    Ok(Json(All {
        data: alerts.into_iter().map(Alert::from).collect(),
    }))
}

/// Lists worker processes, the living first.
#[utoipa::path(
    get, path = "/workers", tag = "operations", operation_id = "worker_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Worker>))
)]
pub(super) async fn workers(State(front): State<FrontState>) -> Result<Json<All<Worker>>, Problem> {
    let workers = front.client.workers().await?;
    Ok(Json(All {
        data: workers.into_iter().map(Worker::from).collect(),
    }))
}
