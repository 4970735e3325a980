//! The packages of one profile, on the path that callers of the replaced system know.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jobs::packages::{self, Summary};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::DryRun;
use super::packages::{NotSynced, ended, not_synced, result_of};
use super::sync::GoesOn;
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{Body, Params};
use crate::http::headers::Prefer;
use crate::http::problem::Problem;
use crate::http::token::Caller;

/// Whose packages.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OfProfile {
    /// The booking site's id.
    profile_id: Uuid,
}

/// The packages of a profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Packages {
    /// False when a sync was asked for and the customer is not known.
    success: bool,
    profile_id: Uuid,
    /// Of a sync: synced, unmatched, in_review or link_changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Those that are not gone.
    packages: Vec<KeptPackage>,
    /// When an answer of the CRM was last applied.
    synced_at: Option<Timestamp>,
}

/// A package under the names of the replaced system's table. Hours are exact numbers; null is unlimited or not told.
#[derive(Debug, Serialize, ToSchema)]
struct KeptPackage {
    crm_package_id: String,
    package_name: Option<String>,
    package_display_name: Option<String>,
    package_category: Option<String>,
    #[schema(value_type = Option<f64>)]
    total_hours: Option<Box<RawValue>>,
    #[schema(value_type = Option<f64>)]
    used_hours: Option<Box<RawValue>>,
    #[schema(value_type = Option<f64>, example = 7.5)]
    remaining_hours: Option<Box<RawValue>>,
    pax: Option<i32>,
    first_use_date: Option<String>,
    expiration_date: Option<String>,
    purchase_date: Option<String>,
}

/// Lists the packages of a profile as they were last synced. No remote is asked.
#[utoipa::path(
    get, path = "/api/vip/packages", tag = "syncs", operation_id = "packages_list", params(OfProfile),
    security(("token" = ["companies:read"])), responses((status = 200, body = Packages))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<OfProfile>,
) -> Result<Json<Packages>, Problem> {
    Ok(Json(stored(&front, wanted.profile_id, None).await?))
}

/// Syncs the packages of a profile, and lists them.
///
/// Waits as the bulk sync does. A login should not: it asks `/api/v1/profiles/{id}/sync`.
#[utoipa::path(
    post, path = "/api/vip/packages", tag = "syncs", operation_id = "packages_sync", request_body = OfProfile,
    params(("Prefer" = Option<String>, Header, description = "respond-async, or wait=<seconds>")),
    security(("token" = ["sync:run"])),
    responses((status = 200, body = Packages), (status = 202, body = GoesOn), (status = 500, body = NotSynced))
)]
pub(super) async fn sync(
    State(front): State<FrontState>,
    caller: Caller,
    prefer: Prefer,
    Body(wanted): Body<OfProfile>,
) -> Result<Response, Problem> {
    let id = wanted.profile_id;
    let (profile, _) = packages::show(&front.env.pool, id).await?;
    let by = caller.asked(&DryRun::default());
    let made = audited::sync_profile(&front.client, (id, None), &by).await?;
    let job = match ended(&front, prefer, made.id, &[profile.connection]).await? {
        Ok(job) => job,
        Err(goes_on) => return Ok(goes_on),
    };
    if job.state != engine::State::Completed {
        return Ok(not_synced("Package sync failed", &job));
    }
    let summary: Summary = result_of(&job)?;
    Ok(Json(stored(&front, id, Some(summary.status)).await?).into_response())
}

async fn stored(front: &FrontState, id: Uuid, status: Option<String>) -> Result<Packages, Problem> {
    let (_, link) = packages::show(&front.env.pool, id).await?;
    let all = packages::available(&front.env.pool, id).await?;
    Ok(Packages {
        success: status.as_deref().is_none_or(|status| status == "synced"),
        profile_id: id,
        status,
        packages: all.into_iter().map(KeptPackage::of).collect(),
        synced_at: link.and_then(|link| link.synced_at),
    })
}

impl KeptPackage {
    fn of(one: packages::Package) -> KeptPackage {
        // Postgres writes a numeric as JSON does.
        let number = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        KeptPackage {
            crm_package_id: one.site_id.unwrap_or(one.id),
            package_name: one.name,
            package_display_name: one.display_name,
            package_category: one.category,
            total_hours: number(one.total_hours),
            used_hours: number(one.used_hours),
            remaining_hours: number(one.remaining_hours),
            pax: one.pax,
            first_use_date: one.first_used_on,
            expiration_date: one.expires_on,
            purchase_date: one.purchased_on,
        }
    }
}
