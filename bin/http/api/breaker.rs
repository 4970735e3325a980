//! Breakers: whether connections are thought to work. All nodes obey a change within a second.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use engine::BreakerState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::pause::Changed;
use super::view::mirror;
use super::{DryRun, Reason, check_name};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::All;
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;

mirror! {
    /// A breaker with where it stands.
    Breaker of engine::BreakerView {
        /// The connection: the rate key of its jobs.
        connection: String,
        /// closed, open or half_open.
        #[schema(value_type = String)]
        state: BreakerState,
        /// Calls that went well, within the window.
        good: i64,
        /// Calls that failed, within the window.
        bad: i64,
        /// Openings in a row.
        opens: i64,
        /// When it last opened.
        opened_at: Option<Timestamp>,
        /// Until when it is open; none, while open, is until somebody closes it.
        open_until: Option<Timestamp>,
        /// The job that is the probe.
        probe_job: Option<Uuid>,
        /// Who last opened or closed it by hand.
        forced_by: Option<String>,
        /// When that was.
        forced_at: Option<Timestamp>,
        /// Why, if they said.
        reason: Option<String>,
        /// Its last move.
        changed_at: Timestamp,
    }
}

/// How to open a breaker.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// Why, at most 1,000 characters.
    reason: Option<String>,
    /// Seconds, 1 to 31,536,000; until somebody closes it, unless said.
    for_s: Option<u64>,
}

/// Lists every breaker.
#[utoipa::path(
    get, path = "/breakers", tag = "operations", operation_id = "breaker_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Breaker>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Breaker>>, Problem> {
    let breakers = front.client.breakers().await?;
    Ok(Json(All {
        data: breakers.into_iter().map(Breaker::from).collect(),
    }))
}

/// Opens a breaker: jobs of the connection are put off and lose no attempt. A slash in the connection is
/// written `%2F`.
#[utoipa::path(
    post, path = "/breakers/{connection}/open", tag = "operations", operation_id = "breaker_open",
    params(("connection" = String, Path), DryRun), request_body = Option<Opening>, security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn open(
    State(front): State<FrontState>,
    caller: Caller,
    At(connection): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(opening): MaybeBody<Opening>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &connection)?;
    let reason = Reason {
        reason: opening.reason,
    };
    let reason = reason.checked()?;
    if opening
        .for_s
        .is_some_and(|seconds| !(1..=31_536_000).contains(&seconds))
    {
        let flaw = Flaw::new("/for_s", "expected 1 to 31536000");
        return Err(Problem::invalid(vec![flaw]));
    }
    if !dry.dry_run {
        let span = opening.for_s.map(Duration::from_secs);
        let actor = caller.actor();
        front
            .client
            .open_breaker(&connection, span, reason.as_deref(), &actor)
            .await?;
    }
    Ok(changed(&dry))
}

/// Closes a breaker; it opens by itself when calls fail again.
#[utoipa::path(
    post, path = "/breakers/{connection}/close", tag = "operations", operation_id = "breaker_close",
    params(("connection" = String, Path), DryRun), request_body = Option<Reason>, security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn close(
    State(front): State<FrontState>,
    caller: Caller,
    At(connection): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &connection)?;
    let reason = reason.checked()?;
    // One that nobody has heard of is mostly a typing mistake.
    front.client.breaker(&connection).await?;
    if !dry.dry_run {
        front
            .client
            .close_breaker(&connection, reason.as_deref(), &caller.actor())
            .await?;
    }
    Ok(changed(&dry))
}

/// A person's word is on record even when it stood that way already.
pub(super) fn changed(dry: &DryRun) -> Json<Changed> {
    Json(Changed {
        changed: true,
        dry_run: dry.dry_run,
    })
}
