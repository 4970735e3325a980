//! Queues: what they hold, and whether they are paused.

use axum::Json;
use axum::extract::State;

use super::view::Queue;
use crate::http::FrontState;
use crate::http::page::All;
use crate::http::problem::Problem;

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
