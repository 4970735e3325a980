//! Which fields are synced with a Creatio, and by which rules.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::creatio::mapping::{self, Checked, DEFAULT, Fault, Version};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::DryRun;
use super::super::view::mirror;
use super::sync::Of;
use super::the_one;
use crate::audited::creatio as audited;
use crate::http::FrontState;
use crate::http::extract::{Body, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{Flaw, Problem};
use crate::http::token::Caller;

mirror! {
    /// A mapping that is or was in force.
    CrmMappingVersion of Version {
        id: i64,
        connection: String,
        /// Of the text.
        hash: String,
        /// TOML.
        text: String,
        enabled_by: String,
        enabled_at: Timestamp,
        is_current: bool,
    }
}

/// The mapping in force.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct CrmMapping {
    connection: String,
    /// TOML.
    text: String,
    /// None while it is the default that the first sync puts into force.
    version: Option<i64>,
}

/// A mapping.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct NewMapping {
    /// The only one need not be named.
    connection: Option<String>,
    /// TOML.
    text: String,
}

/// A mapping without faults.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::api) struct CrmChecked {
    connection: String,
    /// The hash that its version would have.
    hash: String,
}

/// Whose versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct WantedVersions {
    /// The only one need not be named.
    connection: Option<String>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Shows the mapping in force.
#[utoipa::path(
    get, path = "/crm/mapping", tag = "crm", operation_id = "crm_mapping_show", params(Of),
    security(("token" = ["crm:read"])), responses((status = 200, body = CrmMapping))
)]
pub(in crate::http::api) async fn show(
    State(front): State<FrontState>,
    Params(of): Params<Of>,
) -> Result<Json<CrmMapping>, Problem> {
    let connection = the_one(&front, of.connection.as_deref())?;
    let now = mapping::current(&front.env.pool, &connection).await?;
    let (text, version) = match now {
        Some(now) => (now.text, Some(now.id)),
        None => (DEFAULT.to_owned(), None),
    };
    Ok(Json(CrmMapping {
        connection,
        text,
        version,
    }))
}

/// Lists the mappings that were in force, newest first.
#[utoipa::path(
    get, path = "/crm/mapping/versions", tag = "crm", operation_id = "crm_mapping_versions", params(WantedVersions),
    security(("token" = ["crm:read"])), responses((status = 200, body = Listed<CrmMappingVersion>))
)]
pub(in crate::http::api) async fn versions(
    State(front): State<FrontState>,
    Params(wanted): Params<WantedVersions>,
) -> Result<(HeaderMap, Json<Listed<CrmMappingVersion>>), Problem> {
    const PATH: &str = "/crm/mapping/versions";
    let limit = page::check_limit(wanted.limit)?;
    let connection = the_one(&front, wanted.connection.as_deref())?;
    let said = [("connection", connection.as_str())];
    let cursor = wanted.cursor.as_deref();
    let before = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let found = mapping::versions(&front.env.pool, &connection, before, limit).await?;
    let data = found
        .data
        .into_iter()
        .map(CrmMappingVersion::from)
        .collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

/// Checks a mapping beside what Creatio says of itself; everything that is wrong with it is in `errors`, by line.
#[utoipa::path(
    post, path = "/crm/mapping/check", tag = "crm", operation_id = "crm_mapping_check", request_body = NewMapping,
    security(("token" = ["crm:read"])), responses((status = 200, body = CrmChecked))
)]
pub(in crate::http::api) async fn check(
    State(front): State<FrontState>,
    Body(new): Body<NewMapping>,
) -> Result<Json<CrmChecked>, Problem> {
    let (connection, checked) = checked(&front, &new).await?;
    let hash = checked.hash().to_owned();
    Ok(Json(CrmChecked { connection, hash }))
}

/// Checks a mapping and puts it into force. Every record is looked at once more. One that is in force already is
/// answered as it is.
#[utoipa::path(
    put, path = "/crm/mapping", tag = "crm", operation_id = "crm_mapping_set", request_body = NewMapping, params(DryRun),
    security(("token" = ["crm:approve"])), responses((status = 200, body = CrmMappingVersion))
)]
pub(in crate::http::api) async fn set(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    Body(new): Body<NewMapping>,
) -> Result<Json<CrmMappingVersion>, Problem> {
    let (_, checked) = checked(&front, &new).await?;
    let asked = caller.asked(&dry);
    let enabled = audited::enable_mapping(&front.client, &checked, &asked).await?;
    Ok(Json(enabled.version.into()))
}

async fn checked(front: &FrontState, new: &NewMapping) -> Result<(String, Checked), Problem> {
    let connection = the_one(front, new.connection.as_deref())?;
    front.env.connections.declare().await?;
    match mapping::check(&front.env, &connection, &new.text).await? {
        Ok(checked) => Ok((connection, checked)),
        Err(faults) => Err(Problem::invalid(
            faults.iter().map(flaw_of_mapping).collect(),
        )),
    }
}

fn flaw_of_mapping(fault: &Fault) -> Flaw {
    let place = format!("/text/{}", fault.line);
    Flaw::new(place, format!("{}: {}", fault.path, fault.problem))
}
