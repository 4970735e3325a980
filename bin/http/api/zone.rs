//! Zones: the music players of a company, as its last sync left them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::zone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::view::mirror;
use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, NOT_FOUND, Problem};

mirror! {
    /// A zone.
    Zone of zone::Zone {
        /// Its id here.
        id: i64,
        /// Whose it is.
        company_id: i64,
        /// Its id at Soundtrack; none for a row that no listing has named yet.
        soundtrack_zone_id: Option<String>,
        /// For people; it changes, and two zones may share one.
        name: String,
        /// online, offline, no_device, pending or expired.
        #[schema(value_type = String)]
        status: zone::Status,
        /// The name of its player.
        device_name: Option<String>,
        /// The last observation that found it online.
        last_seen_online: Option<Timestamp>,
        /// The last time that an answer named it.
        last_api_sync_at: Option<Timestamp>,
        /// Since when complete walks have not found it.
        orphaned_at: Option<Timestamp>,
        /// When the row was made.
        created_at: Timestamp,
        /// When the row was last written.
        updated_at: Timestamp,
    }
}

/// A zone with the answer it was last written from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ZoneDetail {
    #[serde(flatten)]
    zone: Zone,
    /// The remote's answer, as it came.
    raw: Option<Value>,
}

/// Which zones to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this company.
    company_id: Option<i64>,
    /// online, offline, no_device, pending or expired.
    status: Option<String>,
    /// Only orphans, or none.
    orphaned: Option<bool>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Lists zones in the order of their ids.
#[utoipa::path(
    get, path = "/zones", tag = "companies", operation_id = "zone_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<Zone>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Zone>>), Problem> {
    let limit = page::check_limit(wanted.limit)?;
    let status = wanted.status.as_deref().map(read_status).transpose()?;
    let (company, orphaned) = (
        wanted.company_id.map(|id| id.to_string()),
        wanted.orphaned.map(|yes| yes.to_string()),
    );
    let named = [
        ("company_id", company.as_deref()),
        ("status", wanted.status.as_deref()),
        ("orphaned", orphaned.as_deref()),
    ];
    let said: Vec<_> = named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let after = wanted
        .cursor
        .as_deref()
        .map(|cursor| page::open("/zones", cursor, &said))
        .transpose()?;
    let filter = zone::Filter {
        company_id: wanted.company_id,
        status,
        orphaned: wanted.orphaned,
        after,
    };
    let found = zone::list(&front.env.pool, &filter, limit).await?;
    let zones = found.data.into_iter().map(Zone::from).collect();
    Ok(page::page("/zones", zones, found.next, &said, wanted.limit))
}

fn read_status(word: &str) -> Result<zone::Status, Problem> {
    let unknown =
        || format!("status: {word:?} is none of online, offline, no_device, pending, expired");
    zone::Status::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, unknown()))
}

/// Shows a zone with the remote's answer it was last written from.
#[utoipa::path(
    get, path = "/zones/{zone_id}", tag = "companies", operation_id = "zone_show", params(("zone_id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = ZoneDetail))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<ZoneDetail>, Problem> {
    let mut zone = zone::get(&front.env.pool, id)
        .await?
        .ok_or_else(|| Problem::new(NOT_FOUND, format!("no zone {id}")))?;
    let raw = zone.raw.take();
    Ok(Json(ZoneDetail {
        zone: zone.into(),
        raw,
    }))
}
