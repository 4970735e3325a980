//! How records that are synced both ways stand, what was done for each, and what people say of those in review.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jobs::creatio::record::{self, Filter};
use jobs::creatio::{Sort, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::view::mirror;
use super::super::{DryRun, Part};
use super::{said, sort, the_one};
use crate::audited::creatio as audited;
use crate::http::FrontState;
use crate::http::extract::{At, Body, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, Problem};
use crate::http::token::Caller;

mirror! {
    /// How a record stands.
    CrmRecord of record::Record {
        id: i64,
        connection: String,
        /// contact, lead, activity or participant.
        #[schema(value_type = String)]
        sort: Sort,
        local_id: Option<Uuid>,
        /// Creatio's id; of a record that is yet to be made there, the one that was chosen for it.
        remote_id: Option<Uuid>,
        /// new (never at one), active, tombstone (deleted on both sides) or unlinked.
        state: String,
        /// pending, in_progress, success, failed, conflict or manual_review.
        #[schema(value_type = String)]
        status: Status,
        /// Which way the last write went: to_creatio, from_creatio or both.
        direction: Option<String>,
        /// Tries in a row that failed.
        tries: i32,
        /// What is wrong, a stable word.
        code: Option<String>,
        /// More of it: names of fields, ids that come into question.
        detail: Option<Value>,
        /// Of what each side was when both were last at one.
        hash_local: String,
        hash_remote: String,
        /// It is to be looked at.
        is_waiting: bool,
        created_at: Timestamp,
        decided_at: Option<Timestamp>,
        /// When the two sides were last at one.
        synced_at: Option<Timestamp>,
    }
}

mirror! {
    /// Something that was done or tried for a record.
    CrmOperation of record::Operation {
        id: i64,
        /// create, update, delete, link, unlink, bury, conflict or review.
        verb: String,
        direction: Option<String>,
        /// success, failed, unknown, conflict or manual_review.
        status: String,
        code: Option<String>,
        /// Field by field, from what to what; long texts are cut.
        #[schema(value_type = Object)]
        changes: Map<String, Value>,
        job_id: Option<Uuid>,
        began_at: Timestamp,
        took_ms: i32,
    }
}

/// Which records to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct WantedRecords {
    connection: Option<String>,
    /// contact, lead, activity or participant.
    sort: Option<String>,
    /// pending, in_progress, success, failed, conflict or manual_review.
    status: Option<String>,
    /// By its id at Creatio.
    remote_id: Option<Uuid>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Which is its counterpart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Counterpart {
    /// Its id at Creatio.
    remote_id: Uuid,
    /// The only one need not be named.
    connection: Option<String>,
}

/// Lists records and how each stands.
#[utoipa::path(
    get, path = "/crm/records", tag = "crm", operation_id = "crm_record_list", params(WantedRecords),
    security(("token" = ["crm:read"])), responses((status = 200, body = Listed<CrmRecord>))
)]
pub(in crate::http::api) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<WantedRecords>,
) -> Result<(HeaderMap, Json<Listed<CrmRecord>>), Problem> {
    const PATH: &str = "/crm/records";
    let limit = page::check_limit(wanted.limit)?;
    let remote_id = wanted.remote_id.map(|id| id.to_string());
    let said = said(&[
        ("connection", wanted.connection.as_deref()),
        ("sort", wanted.sort.as_deref()),
        ("status", wanted.status.as_deref()),
        ("remote_id", remote_id.as_deref()),
    ]);
    let cursor = wanted.cursor.as_deref();
    let after = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let filter = Filter {
        connection: wanted.connection.clone(),
        sort: wanted.sort.as_deref().map(sort).transpose()?,
        status: wanted.status.as_deref().map(status).transpose()?,
        local_id: None,
        remote_id: wanted.remote_id,
        after,
    };
    let found = record::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(CrmRecord::from).collect();
    Ok(page::page(PATH, data, found.next, &said, wanted.limit))
}

fn status(word: &str) -> Result<Status, Problem> {
    let known: Vec<&str> = Status::ALL.iter().map(|one| one.as_str()).collect();
    let detail = || format!("status: expected one of {}", known.join(", "));
    Status::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, detail()))
}

/// Shows how one stands.
#[utoipa::path(
    get, path = "/crm/records/{sort}/{local_id}", tag = "crm", operation_id = "crm_record_show",
    params(("sort" = String, Path), ("local_id" = Uuid, Path)),
    security(("token" = ["crm:read"])), responses((status = 200, body = CrmRecord))
)]
pub(in crate::http::api) async fn show(
    State(front): State<FrontState>,
    At((word, id)): At<(String, Uuid)>,
) -> Result<Json<CrmRecord>, Problem> {
    let found = record::show(&front.env.pool, sort(&word)?, id).await?;
    Ok(Json(found.into()))
}

/// Lists what was done or tried for one, newest first.
#[utoipa::path(
    get, path = "/crm/records/{sort}/{local_id}/operations", tag = "crm", operation_id = "crm_record_operations",
    params(("sort" = String, Path), ("local_id" = Uuid, Path), Part),
    security(("token" = ["crm:read"])), responses((status = 200, body = Listed<CrmOperation>))
)]
pub(in crate::http::api) async fn operations(
    State(front): State<FrontState>,
    At((word, id)): At<(String, Uuid)>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<CrmOperation>>), Problem> {
    let sort = sort(&word)?;
    let path = format!("/crm/records/{}/{id}/operations", sort.as_str());
    let (limit, before) = part.read(&path)?;
    let found = record::history(&front.env.pool, (sort, id), before, limit).await?;
    let data = found.data.into_iter().map(CrmOperation::from).collect();
    Ok(page::page(&path, data, found.next, &[], part.limit))
}

/// Says that a record here and one at Creatio are the same. The sync that follows compares them.
#[utoipa::path(
    post, path = "/crm/records/{sort}/{local_id}/pair", tag = "crm", operation_id = "crm_record_pair",
    params(("sort" = String, Path), ("local_id" = Uuid, Path), DryRun), request_body = Counterpart,
    security(("token" = ["crm:approve"])), responses((status = 204, description = "They are one"))
)]
pub(in crate::http::api) async fn pair(
    State(front): State<FrontState>,
    caller: Caller,
    At((word, id)): At<(String, Uuid)>,
    Params(dry): Params<DryRun>,
    Body(it): Body<Counterpart>,
) -> Result<StatusCode, Problem> {
    let connection = the_one(&front, it.connection.as_deref())?;
    let of = (connection.as_str(), sort(&word)?);
    audited::pair(&front.client, of, (id, it.remote_id), &caller.asked(&dry)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that a record in review has no counterpart: it is made on the other side.
#[utoipa::path(
    post, path = "/crm/reviews/{record_id}/separate", tag = "crm", operation_id = "crm_record_separate",
    params(("record_id" = i64, Path), DryRun),
    security(("token" = ["crm:approve"])), responses((status = 204, description = "It is one of its own"))
)]
pub(in crate::http::api) async fn separate(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
) -> Result<StatusCode, Problem> {
    audited::separate(&front.client, id, &caller.asked(&dry)).await?;
    Ok(StatusCode::NO_CONTENT)
}
