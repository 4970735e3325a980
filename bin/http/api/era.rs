//! Eras: history by time, and deleting what of it has expired.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::mirror;
use super::{DryRun, Reason};
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{MaybeBody, Params};
use crate::http::page::All;
use crate::http::problem::Problem;
use crate::http::token::Caller;

mirror! {
    /// The jobs that were enqueued within a span of time, which go together once they have expired.
    Era of engine::Era {
        /// Its name. `other` is no era but holds the jobs whose ids fit none.
        name: String,
        /// Its first instant; null when it has no beginning.
        from: Option<Timestamp>,
        /// The first instant after it; null when it has no end.
        until: Option<Timestamp>,
        /// When what had expired had gone; since then the rest goes job by job.
        emptied: Option<Timestamp>,
        /// When its completed jobs will have expired, so that it can go; null is never, or it did.
        goes: Option<Timestamp>,
        /// Jobs in it, as estimated.
        jobs: i64,
        /// Bytes on disk, with indexes.
        bytes: i64,
        /// Jobs that would stay if it went now, counted up to 5,001; null when it has not begun.
        stays: Option<i64>,
    }
}

mirror! {
    /// An era of which all that had expired went at once.
    Emptied of engine::Emptied {
        /// Its name.
        era: String,
        /// Ended jobs that went.
        gone: i64,
        /// Jobs that stayed.
        stayed: i64,
    }
}

/// What was deleted, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pruned {
    /// Eras of which all that had expired went at once.
    emptied: Vec<Emptied>,
    /// Ended jobs that went one by one. A dry run counts up to 100,000 of each state and kind with a
    /// retention of its own.
    rows: u64,
    /// Eras that are in use and were left for later.
    busy: Vec<String>,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Lists the eras of history, the oldest first.
///
/// With how much each holds, what of it would stay, and when it goes.
#[utoipa::path(
    get, path = "/eras", tag = "operations", operation_id = "era_list",
    security(("token" = ["jobs:read"])), responses((status = 200, body = All<Era>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Era>>, Problem> {
    let eras = front.client.eras(front.options.retention).await?;
    let data = eras.into_iter().map(Era::from).collect();
    Ok(Json(All { data }))
}

/// Deletes now what has expired by its retention, as workers do every minute and a half. When the answer takes too
/// long, the work still goes on to its end.
#[utoipa::path(
    post, path = "/eras/prune", tag = "operations", operation_id = "era_prune",
    params(DryRun), request_body = Option<Reason>,
    security(("token" = ["jobs:write"])), responses((status = 200, body = Pruned))
)]
pub(super) async fn prune(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Pruned>, Problem> {
    let (keep, reason) = (front.options.retention, reason.checked()?);
    let asked = caller.asked(&dry);
    let pruned = audited::prune(&front.client, keep, reason.as_deref(), &asked).await?;
    Ok(Json(Pruned {
        emptied: pruned.emptied.into_iter().map(Emptied::from).collect(),
        rows: pruned.rows,
        busy: pruned.busy,
        dry_run: dry.dry_run,
    }))
}
