//! Ordered partitions that a dead job holds up, and letting them go on without it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::Cursor;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::Blocked;
use super::{DryRun, Part, Reason};
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;

/// A partition that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Skipped {
    /// Its key.
    partition_key: String,
    /// The dead job it goes on without, which stays a dead letter.
    job_id: Uuid,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Lists ordered partitions that a dead job holds up, the longest first.
#[utoipa::path(
    get, path = "/partitions/blocked", tag = "operations", operation_id = "partition_list_blocked", params(Part),
    security(("token" = ["jobs:read"])), responses((status = 200, body = Listed<Blocked>))
)]
pub(super) async fn blocked(
    State(front): State<FrontState>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<Blocked>>), Problem> {
    let (limit, after): (u16, Option<Cursor<String>>) = part.read("/partitions/blocked")?;
    let found = front
        .client
        .blocked_partitions(after.as_ref(), limit)
        .await?;
    let blocked = found.data.into_iter().map(Blocked::from).collect();
    Ok(page::page(
        "/partitions/blocked",
        blocked,
        found.next,
        &[],
        part.limit,
    ))
}

/// Lets an ordered partition go on without the dead job that holds it up. The body must say why. To let
/// that job try on instead, in its place, retry it.
#[utoipa::path(
    post, path = "/partitions/{key}/skip", tag = "operations", operation_id = "partition_skip",
    params(("key" = String, Path), DryRun), request_body = Reason,
    security(("token" = ["jobs:write"])), responses((status = 200, body = Skipped))
)]
pub(super) async fn skip(
    State(front): State<FrontState>,
    caller: Caller,
    At(partition_key): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Skipped>, Problem> {
    // The order is given up for good: whoever misses the job must find out why.
    let reason = reason.checked()?.unwrap_or_default();
    if reason.is_empty() {
        return Err(Problem::invalid(vec![Flaw::new("/reason", "expected why")]));
    }
    let asked = caller.asked(&dry);
    let job_id = audited::skip_dead(&front.client, &partition_key, &reason, &asked).await?;
    Ok(Json(Skipped {
        partition_key,
        job_id,
        dry_run: dry.dry_run,
    }))
}
