//! Kinds: what each asks for, and whether it is paused.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::FrontState;
use crate::http::extract::Params;
use crate::http::page::All;
use crate::http::problem::Problem;
use crate::kinds::{self, Kind};

/// Which kinds to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those that are paused, or that are not.
    paused: Option<bool>,
}

/// Lists every kind that a worker has registered.
///
/// With its policy, and whether it is paused, by whom and why.
#[utoipa::path(
    get, path = "/kinds", tag = "operations", operation_id = "kind_list", params(Wanted),
    security(("token" = ["jobs:read"])), responses((status = 200, body = All<Kind>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<All<Kind>>, Problem> {
    let mut data = kinds::all(&front.client).await?;
    if let Some(paused) = wanted.paused {
        data.retain(|kind| kind.paused_at.is_some() == paused);
    }
    Ok(Json(All { data }))
}
