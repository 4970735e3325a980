//! Breakers: whether connections are thought to work. All nodes obey a change within a second.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use engine::{BreakerState, PauseScope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::pause::Changed;
use super::view::mirror;
use super::{DryRun, Reason, check_name};
use crate::config::suggest::nearest;
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::problem::{CONFLICT, Flaw, NOT_FOUND, Problem};
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
        /// Since when its calls have been failing, over all openings in a row; none while it is closed.
        failing_since: Option<Timestamp>,
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
        /// Since when the connection is suspended: none of its jobs runs until somebody resumes it.
        suspended_at: Option<Timestamp>,
        /// By whom; lockstep when it had been failing for too long.
        suspended_by: Option<String>,
        /// Why.
        suspended_for: Option<String>,
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
    /// Open it even if nothing has named the connection yet: its first job is still to come.
    #[serde(default)]
    force: bool,
}

/// When the breakers of this process open, and what becomes of connections that stay down. Spans are in
/// seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rules {
    /// Calls are counted over this span, give or take half of it.
    window_s: f64,
    /// It opens at so many failed calls…
    failures: u32,
    /// …if they are at least this share of all.
    share: f64,
    /// How long it is open the first time; each next time in a row twice as long.
    open_s: f64,
    /// But never longer.
    longest_open_s: f64,
    /// How long a probe may take.
    probe_lease_s: f64,
    /// Failing for so long is an alert; none is never.
    warn_after_s: Option<f64>,
    /// Failing for so long, the connection is suspended; none is never.
    suspend_after_s: Option<f64>,
}

impl From<engine::BreakerRules> for Rules {
    fn from(of: engine::BreakerRules) -> Rules {
        Rules {
            window_s: of.window.as_secs_f64(),
            failures: of.least_bad,
            share: of.share,
            open_s: of.first_open.as_secs_f64(),
            longest_open_s: of.longest_open.as_secs_f64(),
            probe_lease_s: of.probe_lease.as_secs_f64(),
            warn_after_s: of.warn_after.map(|span| span.as_secs_f64()),
            suspend_after_s: of.suspend_after.map(|span| span.as_secs_f64()),
        }
    }
}

/// All breakers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Breakers {
    /// They.
    data: Vec<Breaker>,
    /// The rules of the process that answers: `[breaker]` of its workers.toml.
    rules: Rules,
}

/// Lists every breaker.
#[utoipa::path(
    get, path = "/breakers", tag = "operations", operation_id = "breaker_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = Breakers))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<Breakers>, Problem> {
    let breakers = front.client.breakers().await?;
    Ok(Json(Breakers {
        rules: front.client.breaker_rules().into(),
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
    if !opening.force {
        check_known(&front, &connection).await?;
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
    let breaker = front.client.breaker(&connection).await?;
    if breaker.suspended_at.is_some() {
        let detail = format!("connection {connection} is suspended: resume it");
        return Err(Problem::new(CONFLICT, detail));
    }
    if !dry.dry_run {
        front
            .client
            .close_breaker(&connection, reason.as_deref(), &caller.actor())
            .await?;
    }
    Ok(changed(&dry))
}

/// Tries a connection again that was suspended since it had been failing for days.
#[utoipa::path(
    post, path = "/breakers/{connection}/resume", tag = "operations", operation_id = "breaker_resume",
    params(("connection" = String, Path), DryRun), security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn resume(
    State(front): State<FrontState>,
    caller: Caller,
    At(connection): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &connection)?;
    let breaker = front.client.breaker(&connection).await?;
    let mut changed = breaker.suspended_at.is_some();
    if !dry.dry_run {
        let (client, scope) = (&front.client, PauseScope::Connection);
        changed = client.resume(scope, &connection, &caller.actor()).await?;
    }
    Ok(Json(Changed {
        changed,
        dry_run: dry.dry_run,
    }))
}

/// Refuses a connection that nothing has named, which is mostly a typing mistake.
async fn check_known(front: &FrontState, name: &str) -> Result<(), Problem> {
    let known = front.client.connections().await?;
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
    let detail = format!(
        "no breaker, budget or recent job names connection {name:?}{meant} (\"force\": true if its first job is still to come)"
    );
    Err(Problem::new(NOT_FOUND, detail))
}

/// A person's word is on record even when it stood that way already.
pub(super) fn changed(dry: &DryRun) -> Json<Changed> {
    Json(Changed {
        changed: true,
        dry_run: dry.dry_run,
    })
}
