//! The audit trail: who changed what, through what door.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::AuditEntry;
use crate::http::FrontState;
use crate::http::extract::Params;
use crate::http::page::{self, Listed};
use crate::http::problem::Problem;

/// Which rows to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of one target, e.g. a job's id.
    target: Option<String>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Lists changes, newest first.
#[utoipa::path(
    get, path = "/audit", tag = "operations", operation_id = "audit_list", params(Wanted), security(("token" = ["admin"])),
    responses((status = 200, body = Listed<AuditEntry>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<AuditEntry>>), Problem> {
    let limit = page::check_limit(wanted.limit)?;
    let target = wanted.target.as_deref();
    let said: Vec<_> = target.iter().map(|target| ("target", *target)).collect();
    let before = wanted
        .cursor
        .as_deref()
        .map(|cursor| page::open("/audit", cursor, &said))
        .transpose()?;
    let found = front
        .client
        .audit_page(target, before.as_ref(), limit)
        .await?;
    let entries = found.data.into_iter().map(AuditEntry::from).collect();
    Ok(page::page(
        "/audit",
        entries,
        found.next,
        &said,
        wanted.limit,
    ))
}
