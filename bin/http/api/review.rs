//! Reviews: a person says which customer of the CRM a profile is.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::packages::{self, review};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::view::mirror;
use super::{DryRun, Reason};
use crate::audited::{self, Said};
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;

mirror! {
    /// A profile whose customer a person must say, or has said.
    Review of packages::Review {
        id: i64,
        /// The booking site's id.
        profile_id: Uuid,
        /// open, accepted, rejected, or superseded by a later sync.
        status: String,
        /// Why it is not automatic: several, weak, taken, moved or shared.
        reason: String,
        /// Who comes into question, the likeliest first.
        #[schema(example = json!([{"customer_id": "17", "name": "A", "phone": null, "email": null, "percent": 85}]))]
        candidates: Value,
        /// The customer it was accepted for.
        customer_id: Option<String>,
        decided_by: Option<String>,
        decided_at: Option<Timestamp>,
        /// Why, if the person said.
        note: Option<String>,
        created_at: Timestamp,
    }
}

/// Which candidate, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    /// The CRM's id of a candidate; the only one need not be named.
    customer_id: Option<String>,
    /// Why, at most 1,000 characters.
    reason: Option<String>,
}

/// Which reviews to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those that are decided too.
    #[serde(default)]
    all: bool,
    /// Of this profile.
    profile_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Lists reviews that wait for a person, oldest first.
#[utoipa::path(
    get, path = "/reviews", tag = "syncs", operation_id = "review_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<Review>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Review>>), Problem> {
    const PATH: &str = "/reviews";
    let limit = page::check_limit(wanted.limit)?;
    let profile = wanted.profile_id.map(|id| id.to_string());
    let all = wanted.all.then_some("true");
    let said: Vec<_> = [("all", all), ("profile_id", profile.as_deref())]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let cursor = wanted.cursor.as_deref();
    let after = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let of = ((!wanted.all).then_some("open"), wanted.profile_id);
    let found = review::list(&front.env.pool, of, after, limit).await?;
    let data = found.data.into_iter().map(Review::from).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

/// Shows a review with its candidates.
#[utoipa::path(
    get, path = "/reviews/{review_id}", tag = "syncs", operation_id = "review_show", params(("review_id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = Review))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<Review>, Problem> {
    Ok(Json(review::show(&front.env.pool, id).await?.into()))
}

/// The profile is that candidate. Its packages are synced at once.
#[utoipa::path(
    post, path = "/reviews/{review_id}/accept", tag = "syncs", operation_id = "review_accept",
    params(("review_id" = i64, Path), DryRun), request_body = Option<Accepted>,
    security(("token" = ["companies:write"])), responses((status = 200, body = Review))
)]
pub(super) async fn accept(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(accepted): MaybeBody<Accepted>,
) -> Result<Json<Review>, Problem> {
    let odd = |id: &String| id.is_empty() || id.len() > 200 || id.contains('\0');
    if accepted.customer_id.as_ref().is_some_and(odd) {
        let message = "expected 1 to 200 bytes";
        return Err(Problem::invalid(vec![Flaw::new("/customer_id", message)]));
    }
    let reason = Reason {
        reason: accepted.reason,
    };
    let said = Said::Accept(accepted.customer_id);
    decide(&front, &caller, (id, said), &dry, reason).await
}

/// The profile is none of the candidates, and none of them is suggested for it again.
#[utoipa::path(
    post, path = "/reviews/{review_id}/reject", tag = "syncs", operation_id = "review_reject",
    params(("review_id" = i64, Path), DryRun), request_body = Option<Reason>,
    security(("token" = ["companies:write"])), responses((status = 200, body = Review))
)]
pub(super) async fn reject(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<Review>, Problem> {
    decide(&front, &caller, (id, Said::Reject), &dry, reason).await
}

async fn decide(
    front: &FrontState,
    caller: &Caller,
    (id, said): (i64, Said),
    dry: &DryRun,
    reason: Reason,
) -> Result<Json<Review>, Problem> {
    let reason = reason.checked()?;
    let asked = caller.asked(dry);
    let decided =
        audited::decide_review(&front.client, (id, &said), reason.as_deref(), &asked).await?;
    Ok(Json(decided.into()))
}
