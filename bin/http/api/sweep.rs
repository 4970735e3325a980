//! Sweeps that wait for a person: what complete walks missed and did not mark, since it was too much.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::held::{self, Held, Status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::mirror;
use super::{DryRun, Reason};
use crate::audited::{self, Decision};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::Problem;
use crate::http::token::Caller;

mirror! {
    /// A sweep that waits for a person, or has.
    HeldSweep of Held {
        /// The run that held it, and its id.
        run_id: i64,
        /// What was listed.
        #[schema(example = "zoho.products")]
        stream: String,
        /// Whose listing it was: company:7, or a connection.
        partition: String,
        /// The company, where the listing is one company's.
        company_id: Option<i64>,
        /// The connection, where the listing is a whole connection's.
        connection: Option<String>,
        /// held_empty: nothing was listed; held_large: more than ten and than a tenth would go.
        cause: String,
        /// Rows there were.
        known: i64,
        /// Ids of what is missing still: whatever an answer has named since is taken out.
        candidates: Vec<String>,
        /// open, approved, rejected, or superseded by a newer complete walk.
        #[schema(value_type = String)]
        status: Status,
        /// Since when.
        held_at: Timestamp,
        /// When it was decided.
        decided_at: Option<Timestamp>,
        /// By whom.
        decided_by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Rows that were marked as gone.
        marked: i32,
    }
}

/// Which sweeps to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those that were decided too.
    #[serde(default)]
    all: bool,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Lists sweeps that wait for a person, newest first.
#[utoipa::path(
    get, path = "/sweeps", tag = "syncs", operation_id = "sweep_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<HeldSweep>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<HeldSweep>>), Problem> {
    const PATH: &str = "/sweeps";
    let limit = page::check_limit(wanted.limit)?;
    let said: Vec<_> = wanted.all.then_some(("all", "true")).into_iter().collect();
    let cursor = wanted.cursor.as_deref();
    let before = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let found = held::list(&front.env.pool, wanted.all, before, limit).await?;
    let data = found.data.into_iter().map(HeldSweep::from);
    Ok(page::page(
        PATH,
        data.collect(),
        found.next,
        &said,
        wanted.limit,
    ))
}

/// Shows a held sweep with all that would be marked.
#[utoipa::path(
    get, path = "/sweeps/{run_id}", tag = "syncs", operation_id = "sweep_show", params(("run_id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = HeldSweep))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(run_id): At<i64>,
) -> Result<Json<HeldSweep>, Problem> {
    Ok(Json(held::get(&front.env.pool, run_id).await?.into()))
}

/// Marks what is still missing as gone. What has been seen or written since the run stays.
#[utoipa::path(
    post, path = "/sweeps/{run_id}/approve", tag = "syncs", operation_id = "sweep_approve",
    params(("run_id" = i64, Path), DryRun), request_body = Option<Reason>,
    security(("token" = ["companies:write"])), responses((status = 200, body = HeldSweep))
)]
pub(super) async fn approve(
    State(front): State<FrontState>,
    caller: Caller,
    At(run_id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<HeldSweep>, Problem> {
    decide(&front, &caller, (run_id, Decision::Approve), &dry, reason).await
}

/// Marks nothing. The next complete walk asks again.
#[utoipa::path(
    post, path = "/sweeps/{run_id}/reject", tag = "syncs", operation_id = "sweep_reject",
    params(("run_id" = i64, Path), DryRun), request_body = Option<Reason>,
    security(("token" = ["companies:write"])), responses((status = 200, body = HeldSweep))
)]
pub(super) async fn reject(
    State(front): State<FrontState>,
    caller: Caller,
    At(run_id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<HeldSweep>, Problem> {
    decide(&front, &caller, (run_id, Decision::Reject), &dry, reason).await
}

async fn decide(
    front: &FrontState,
    caller: &Caller,
    (run_id, decision): (i64, Decision),
    dry: &DryRun,
    reason: Reason,
) -> Result<Json<HeldSweep>, Problem> {
    let reason = reason.checked()?;
    let (pool, asked) = (&front.env.pool, caller.asked(dry));
    let done = audited::decide_sweep(pool, run_id, decision, reason.as_deref(), &asked).await?;
    Ok(Json(done.into()))
}
