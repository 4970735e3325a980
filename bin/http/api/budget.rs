//! Rate budgets: what is left of each remote's rate limit, over all processes.

use axum::Json;
use axum::extract::State;
use engine::BudgetChange;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::breaker::changed;
use super::pause::Changed;
use super::view::mirror;
use super::{DryRun, Reason, check_name};
use crate::http::FrontState;
use crate::http::extract::{At, Body, Params};
use crate::http::page::All;
use crate::http::problem::Problem;
use crate::http::token::Caller;

mirror! {
    /// A rate budget with where it stands.
    Budget of engine::BudgetView {
        /// Its name.
        key: String,
        /// Tokens at most.
        capacity: f64,
        /// Tokens that come back each second.
        refill_per_s: f64,
        /// The same, as counted on now: half of it after a refusal.
        refill_now_per_s: f64,
        /// Tokens that may be taken now; below nothing when calls wait for theirs. None until a reading.
        tokens: Option<f64>,
        /// Tokens that processes hold and have not spent.
        leased: f64,
        /// Nobody calls before.
        blocked_until: Option<Timestamp>,
        /// The refill counts for less until then.
        slowed_until: Option<Timestamp>,
        /// Tokens spent so far.
        spent: f64,
        /// Calls that the remote refused for their price so far.
        refusals: i64,
        /// Where the figures come from: config, header or person.
        source: String,
    }
}

/// What to change of a budget. What is not said stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetPatch {
    /// Tokens at most.
    capacity: Option<f64>,
    /// Tokens that come back each second.
    refill_per_s: Option<f64>,
    /// End a block after a refusal, and its aftermath.
    #[serde(default)]
    unblock: bool,
    /// Why, at most 1,000 characters.
    reason: Option<String>,
}

/// Lists every rate budget.
#[utoipa::path(
    get, path = "/budgets", tag = "operations", operation_id = "budget_list", security(("token" = ["jobs:read"])),
    responses((status = 200, body = All<Budget>))
)]
pub(super) async fn list(State(front): State<FrontState>) -> Result<Json<All<Budget>>, Problem> {
    let budgets = front.client.budgets().await?;
    Ok(Json(All {
        data: budgets.into_iter().map(Budget::from).collect(),
    }))
}

/// Shows one budget. A slash in the key is written `%2F`.
#[utoipa::path(
    get, path = "/budgets/{key}", tag = "operations", operation_id = "budget_show",
    params(("key" = String, Path)), security(("token" = ["jobs:read"])), responses((status = 200, body = Budget))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(key): At<String>,
) -> Result<Json<Budget>, Problem> {
    check_name("key", &key)?;
    Ok(Json(front.client.budget(&key).await?.into()))
}

/// Changes a budget's figures for good, on every node at once.
#[utoipa::path(
    patch, path = "/budgets/{key}", tag = "operations", operation_id = "budget_set",
    params(("key" = String, Path), DryRun), request_body = BudgetPatch, security(("token" = ["queues:write"])),
    responses((status = 200, body = Changed))
)]
pub(super) async fn set(
    State(front): State<FrontState>,
    caller: Caller,
    At(key): At<String>,
    Params(dry): Params<DryRun>,
    Body(patch): Body<BudgetPatch>,
) -> Result<Json<Changed>, Problem> {
    check_name("key", &key)?;
    let reason = Reason {
        reason: patch.reason,
    };
    let reason = reason.checked()?;
    front.client.budget(&key).await?;
    let change = BudgetChange {
        capacity: patch.capacity,
        refill_per_s: patch.refill_per_s,
        unblock: patch.unblock,
    };
    if !dry.dry_run {
        front
            .client
            .set_budget(&key, &change, reason.as_deref(), &caller.actor())
            .await?;
    }
    Ok(changed(&dry))
}
