//! Acts on many jobs: looked at beforehand, made, watched, stopped, resumed.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{BulkAct, Filter, NewBulk};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bulk_view::{Bulk, BulkPreview, BulkResult};
use super::{DryRun, Part, Reason};
use crate::http::extract::{At, Body, MaybeBody, Params};
use crate::http::headers::{IdempotencyKey, REPLAYED};
use crate::http::page::{self, Listed};
use crate::http::problem::{Flaw, IDEMPOTENCY_MISMATCH, Problem};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

/// An act on many jobs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkOrder {
    /// `retry` (dead and cancelled jobs try on), `run_again` (new jobs from ended ones), `run_now` (scheduled
    /// and retrying jobs need not wait), `cancel`, or `delete` (ended jobs).
    act: String,
    /// Which jobs, as they stand now: `state:dead kind:zoho.* error:"401"`. An empty one is refused: say `all`.
    #[serde(default)]
    filter: String,
    /// All jobs that the act is legal for, in place of a filter.
    #[serde(default)]
    all: bool,
    /// For `run_again`: a JSON merge patch (RFC 7396) for the args.
    patch: Option<Value>,
    /// Jobs a transaction, 1 to 1,000; 100 unless said.
    chunk: Option<u16>,
    /// At most so many jobs a second.
    rate_per_s: Option<f64>,
    /// A few first, and the rest only when these did well.
    canary: Option<CanaryOrder>,
    /// Why, at most 1,000 characters.
    reason: Option<String>,
}

/// A few jobs first.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryOrder {
    /// So many, 1 to 1,000; 5 unless said.
    jobs: Option<u16>,
    /// Waits until all of them have ended, at most so many seconds; 300 unless said.
    wait_s: Option<u32>,
    /// Stops when more than so many died again; 0 unless said.
    tolerate: Option<u16>,
}

impl BulkOrder {
    fn read(self) -> Result<NewBulk, Problem> {
        if self.filter.trim().is_empty() != self.all {
            let message = "expected a filter, or \"all\": true and none";
            return Err(Problem::invalid(vec![Flaw::new("/filter", message)]));
        }
        let act: BulkAct = self.act.parse()?;
        let filter = Filter::parse(&self.filter).map_err(engine::Error::from)?;
        let canary = self.canary.map(|asked| {
            let usual = engine::Canary::default();
            engine::Canary {
                jobs: asked.jobs.unwrap_or(usual.jobs),
                wait: asked
                    .wait_s
                    .map_or(usual.wait, |wait| Duration::from_secs(wait.into())),
                tolerate: asked.tolerate.unwrap_or(usual.tolerate),
            }
        });
        Ok(NewBulk {
            patch: self.patch,
            chunk: self.chunk.unwrap_or(engine::DEFAULT_CHUNK),
            rate_per_s: self.rate_per_s,
            canary,
            reason: self.reason,
            ..NewBulk::new(act, filter)
        })
    }
}

/// An act with what it could not be done to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkDetail {
    #[serde(flatten)]
    bulk: Bulk,
    /// What it could not be done to, by error, the most first.
    refusals: Vec<BulkResult>,
}

/// Acts on all jobs that meet a filter now; those that come to meet it later are not touched. Done chunk by
/// chunk by any worker process. A dry run answers how many jobs are meant, of which kinds and causes.
#[utoipa::path(
    post, path = "/bulk", tag = "jobs", operation_id = "bulk_start", request_body = BulkOrder,
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same act for 90 days")),
    security(("token" = ["jobs:write"])),
    responses(
        (status = 202, description = "A new act", body = Bulk),
        (status = 200, description = "A dry run", body = BulkPreview),
    )
)]
pub(super) async fn start(
    State(front): State<FrontState>,
    caller: Caller,
    key: IdempotencyKey,
    Params(dry): Params<DryRun>,
    Body(order): Body<BulkOrder>,
) -> Result<Response, Problem> {
    let new = NewBulk {
        idempotency_key: key.0,
        ..order.read()?
    };
    if dry.dry_run {
        let preview = front.client.preview_bulk(&new).await?;
        return Ok(Json(BulkPreview::from(preview)).into_response());
    }
    let (bulk, is_new) = match front.client.start_bulk(&new, &caller.actor()).await {
        Err(error @ engine::Error::IdempotencyMismatch { .. }) => {
            return Err(Problem::new(IDEMPOTENCY_MISMATCH, error.to_string()));
        }
        made => made?,
    };
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::from_str(&format!("{BASE}/bulk/{}", bulk.id)) {
        headers.insert(LOCATION, location);
    }
    if !is_new {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok((StatusCode::ACCEPTED, headers, Json(Bulk::from(bulk))).into_response())
}

/// Lists acts on many jobs, newest first.
#[utoipa::path(
    get, path = "/bulk", tag = "jobs", operation_id = "bulk_list", params(Part), security(("token" = ["jobs:read"])),
    responses((status = 200, body = Listed<Bulk>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<Bulk>>), Problem> {
    let (limit, before) = part.read("/bulk")?;
    let found = front.client.bulks(before.as_ref(), limit).await?;
    let acts = found.data.into_iter().map(Bulk::from).collect();
    Ok(page::page("/bulk", acts, found.next, &[], part.limit))
}

/// Shows an act with how far it is and what it could not be done to.
#[utoipa::path(
    get, path = "/bulk/{id}", tag = "jobs", operation_id = "bulk_show", params(("id" = Uuid, Path)),
    security(("token" = ["jobs:read"])), responses((status = 200, body = BulkDetail))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<Uuid>,
) -> Result<Json<BulkDetail>, Problem> {
    let bulk = front.client.bulk(id).await?;
    let refusals = front.client.bulk_results(id).await?;
    Ok(Json(BulkDetail {
        bulk: bulk.into(),
        refusals: refusals.into_iter().map(BulkResult::from).collect(),
    }))
}

/// Stops an act after the chunk that is under way. What was done stays done.
#[utoipa::path(
    post, path = "/bulk/{id}/abort", tag = "jobs", operation_id = "bulk_abort", params(("id" = Uuid, Path), DryRun),
    request_body = Option<Reason>, security(("token" = ["jobs:write"])), responses((status = 200, body = Bulk))
)]
pub(super) async fn abort(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Bulk>, Problem> {
    let reason = reason.checked()?;
    if dry.dry_run {
        let may = |state: engine::BulkState| !state.is_over();
        return would(&front, id, "abort", may).await;
    }
    let (by, why) = (caller.actor(), reason.as_deref());
    let bulk = front.client.abort_bulk(id, &by, why).await?;
    Ok(Json(bulk.into()))
}

/// Lets an act that was aborted, stopped by its canary or given up go on where it stopped, with the jobs that
/// matched when it was made. One that its canary stopped goes on without another.
#[utoipa::path(
    post, path = "/bulk/{id}/resume", tag = "jobs", operation_id = "bulk_resume", params(("id" = Uuid, Path), DryRun),
    request_body = Option<Reason>, security(("token" = ["jobs:write"])), responses((status = 200, body = Bulk))
)]
pub(super) async fn resume(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<Uuid>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Bulk>, Problem> {
    let reason = reason.checked()?;
    if dry.dry_run {
        return would(&front, id, "resume", engine::BulkState::can_resume).await;
    }
    let (by, why) = (caller.actor(), reason.as_deref());
    let bulk = front.client.resume_bulk(id, &by, why).await?;
    Ok(Json(bulk.into()))
}

/// The act as it is, when it may be turned so.
async fn would(
    front: &FrontState,
    id: Uuid,
    verb: &'static str,
    may: impl Fn(engine::BulkState) -> bool,
) -> Result<Json<Bulk>, Problem> {
    let bulk = front.client.bulk(id).await?;
    if !may(bulk.state) {
        let state = bulk.state;
        return Err(engine::Error::BulkState { id, state, verb }.into());
    }
    Ok(Json(bulk.into()))
}
