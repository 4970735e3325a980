//! Connections: the remote accounts, whether they can be used, and a person's word on it. A slash in a
//! connection is written `%2F`.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jobs::connection::{View, ops};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pause::Changed;
use super::{DryRun, Reason, check_name};
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// A remote account with how it is. No secret is in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Connection {
    /// `<service>/<account>`: the rate key of its jobs.
    name: String,
    /// creatio, soundtrack, supabase or zoho.
    service: String,
    /// Zoho's data centre.
    region: Option<String>,
    /// Where it is called.
    base_url: String,
    /// active, paused, needs_reauthorisation, or undeclared when no setting names it any more.
    state: &'static str,
    /// Who paused it; lockstep when it did itself.
    paused_by: Option<String>,
    /// Why it is not active.
    reason: Option<String>,
    /// Since when it is not.
    since: Option<Timestamp>,
    /// missing, not_here, valid, expiring, expired or revoked.
    credential: &'static str,
    /// Variables that are to hold secrets and that the process which answers does not have; workers may.
    lacking: Vec<String>,
    /// When its access token runs out.
    expires_at: Option<Timestamp>,
    /// When its access token was last renewed.
    refreshed_at: Option<Timestamp>,
    /// How often that was.
    renewals: i64,
    /// When it was last used, to the minute.
    used_at: Option<Timestamp>,
    /// The stable word of what last went wrong with a renewal.
    code: Option<String>,
}

impl From<View> for Connection {
    fn from(of: View) -> Connection {
        Connection {
            name: of.name,
            service: of.service,
            region: of.region,
            base_url: of.base_url,
            state: of.state.as_str(),
            paused_by: of.paused_by,
            reason: of.reason,
            since: of.since,
            credential: of.credential.as_str(),
            lacking: of.lacking,
            expires_at: of.expires_at,
            refreshed_at: of.refreshed_at,
            renewals: of.renewals,
            used_at: of.used_at,
            code: of.code,
        }
    }
}

/// All connections.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Connections {
    /// They.
    data: Vec<Connection>,
}

/// The answer to one question of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    /// auth, rights, clock, price or record.
    question: &'static str,
    /// Whether all is well.
    ok: bool,
    /// What was found.
    found: String,
    /// What to do about it.
    fix: Option<String>,
}

/// What a test found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tested {
    /// Whether all is well.
    ok: bool,
    /// The answers, in the order they were asked for.
    data: Vec<Answer>,
}

/// Another credential, or none to try the one there is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reauthorisation {
    /// The new token, key or refresh token. Never shown again.
    #[schema(write_only)]
    secret: Option<String>,
    /// Why, at most 1,000 characters.
    reason: Option<String>,
}

/// Secrets are told to nobody.
impl std::fmt::Debug for Reauthorisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reauthorisation").finish_non_exhaustive()
    }
}

/// Lists every connection.
#[utoipa::path(
    get, path = "/connections", tag = "connections", operation_id = "connection_list",
    security(("token" = ["connections:read"])), responses((status = 200, body = Connections))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<Connections>, Problem> {
    let all = ops::list(&front.env.connections).await?;
    let data = all.into_iter().map(Connection::from).collect();
    Ok(Json(Connections { data }))
}

/// Shows a connection.
#[utoipa::path(
    get, path = "/connections/{connection}", tag = "connections", operation_id = "connection_show",
    params(("connection" = String, Path)), security(("token" = ["connections:read"])),
    responses((status = 200, body = Connection))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(name): At<String>,
) -> Result<Json<Connection>, Problem> {
    check_name("connection", &name)?;
    let view = ops::show(&front.env.connections, &name).await?;
    Ok(Json(view.into()))
}

/// Tries a connection: credential, rights, clock, price, one record. Changes nothing at the remote.
#[utoipa::path(
    post, path = "/connections/{connection}/test", tag = "connections", operation_id = "connection_test",
    params(("connection" = String, Path)), security(("token" = ["connections:write"])),
    responses((status = 200, body = Tested))
)]
pub(super) async fn test(
    State(front): State<FrontState>,
    At(name): At<String>,
) -> Result<Json<Tested>, Problem> {
    check_name("connection", &name)?;
    let findings = ops::test(&front.env.connections, &name).await?;
    let data = findings.into_iter().map(|one| Answer {
        question: one.question.as_str(),
        ok: one.is_good,
        found: one.found,
        fix: one.fix,
    });
    let data: Vec<Answer> = data.collect();
    let ok = data.iter().all(|one| one.ok);
    Ok(Json(Tested { ok, data }))
}

/// Pauses a connection: its jobs are put off and lose no attempt.
#[utoipa::path(
    post, path = "/connections/{connection}/pause", tag = "connections", operation_id = "connection_pause",
    params(("connection" = String, Path), DryRun), request_body = Option<Reason>,
    security(("token" = ["connections:write"])), responses((status = 200, body = Changed))
)]
pub(super) async fn pause(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &name)?;
    let reason = reason.checked()?;
    let all = &front.env.connections;
    let mut changed = ops::show(all, &name).await?.paused_by.is_none();
    if !dry.dry_run {
        let actor = caller.actor().because(reason.as_deref());
        changed = ops::pause(all, &name, &actor).await?;
    }
    Ok(turned(changed, &dry))
}

/// Resumes a connection. One that needs another credential is refused: reauthorise it.
#[utoipa::path(
    post, path = "/connections/{connection}/resume", tag = "connections", operation_id = "connection_resume",
    params(("connection" = String, Path), DryRun), security(("token" = ["connections:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn resume(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &name)?;
    let all = &front.env.connections;
    let mut changed = ops::may_resume(all, &name).await?;
    if !dry.dry_run {
        changed = ops::resume(all, &name, &caller.actor()).await?;
    }
    Ok(turned(changed, &dry))
}

/// Gives a connection another credential, or another chance with the one it has, and ends the pause that
/// Lockstep made itself.
#[utoipa::path(
    post, path = "/connections/{connection}/reauthorise", tag = "connections", operation_id = "connection_reauthorise",
    params(("connection" = String, Path), DryRun), request_body = Option<Reauthorisation>,
    security(("token" = ["credentials:write"])), responses((status = 200, body = Changed))
)]
pub(super) async fn reauthorise(
    State(front): State<FrontState>,
    caller: Caller,
    At(name): At<String>,
    Params(dry): Params<DryRun>,
    MaybeBody(given): MaybeBody<Reauthorisation>,
) -> Result<Json<Changed>, Problem> {
    check_name("connection", &name)?;
    let secret = given.secret.map(SecretString::from);
    let reason = Reason {
        reason: given.reason,
    };
    let reason = reason.checked()?;
    let mut asked = caller.asked(&dry);
    asked.by = asked.by.because(reason.as_deref());
    let all = &front.env.connections;
    let told = (name.as_str(), secret.as_ref());
    let done = audited::reauthorise(&front.client, all, told, &asked).await?;
    Ok(turned(done.was_parked, &dry))
}

fn turned(changed: bool, dry: &DryRun) -> Json<Changed> {
    Json(Changed {
        changed,
        dry_run: dry.dry_run,
    })
}
