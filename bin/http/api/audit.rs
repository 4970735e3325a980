//! The audit trail: who changed what, through what door.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::AuditEntry;
use crate::http::FrontState;
use crate::http::extract::Params;
use crate::http::page::{self, All};
use crate::http::problem::Problem;

/// Which rows to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of one target, e.g. a job's id.
    target: Option<String>,
    /// Rows, 1 to 500; 50 unless said.
    limit: Option<u16>,
}

/// Lists the newest changes.
#[utoipa::path(
    get, path = "/audit", tag = "operations", operation_id = "audit_list", params(Wanted), security(("token" = ["admin"])),
    responses((status = 200, body = All<AuditEntry>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<All<AuditEntry>>, Problem> {
    let limit = page::check_limit(wanted.limit)?;
    let entries = front.client.audit(wanted.target.as_deref(), limit).await?;
    Ok(Json(All {
        data: entries.into_iter().map(AuditEntry::from).collect(),
    }))
}
