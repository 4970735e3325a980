//! Records that a sync could not read, and what people decide on them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::quarantine::{self, Filter, Quarantined, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::view::mirror;
use super::{DryRun, Reason};
use crate::audited;
use crate::http::FrontState;
use crate::http::extract::{At, MaybeBody, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{BAD_PARAMETER, Flaw, Problem};
use crate::http::token::Caller;

mirror! {
    /// A record that could not be read.
    QuarantinedRecord of Quarantined {
        /// Its id here.
        id: i64,
        /// What it is a record of.
        #[schema(example = "zoho.products")]
        stream: String,
        /// Whose listing named it: company:7, profile:0198c7a2-…, or a connection.
        partition: String,
        /// The company, where the listing is one company's.
        company_id: Option<i64>,
        /// The connection, where the listing is not one company's.
        connection: Option<String>,
        /// The profile, where the listing is one profile's.
        profile_id: Option<Uuid>,
        /// Its id at the remote; the hash of the raw record when not even that could be read.
        key: String,
        /// True when key is an id.
        is_named: bool,
        /// The field that is not as expected.
        field: String,
        /// What was expected.
        expected: String,
        /// How often it came.
        times: i32,
        /// open, ignored or resolved.
        #[schema(value_type = String)]
        status: Status,
        /// The last run that found it bad; none for what is synced without runs.
        run_id: Option<i64>,
        /// The last job that found it bad, where that has no run.
        job_id: Option<Uuid>,
        /// When it first came.
        first_seen_at: Timestamp,
        /// When it last came.
        last_seen_at: Timestamp,
        /// Since when it is resolved.
        resolved_at: Option<Timestamp>,
        /// Who has said to ignore it.
        ignored_by: Option<String>,
        /// Why.
        ignored_because: Option<String>,
        /// As it came.
        raw: Value,
    }
}

/// Which records to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this stream, as zoho.products.
    stream: Option<String>,
    /// open, ignored or resolved.
    status: Option<String>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// A job that reads a record again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Retried {
    /// The record.
    id: i64,
    /// The job.
    job: Uuid,
    /// True when nothing was changed because the caller asked only what would happen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Lists records that could not be read, newest first.
#[utoipa::path(
    get, path = "/quarantine", tag = "syncs", operation_id = "quarantine_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<QuarantinedRecord>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<QuarantinedRecord>>), Problem> {
    const PATH: &str = "/quarantine";
    let limit = page::check_limit(wanted.limit)?;
    let status = wanted.status.as_deref().map(read_status).transpose()?;
    let said: Vec<_> = [
        ("stream", wanted.stream.as_deref()),
        ("status", wanted.status.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let cursor = wanted.cursor.as_deref();
    let before = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let filter = Filter {
        stream: wanted.stream.clone(),
        status,
        before,
    };
    let found = quarantine::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(QuarantinedRecord::from);
    Ok(page::page(
        PATH,
        data.collect(),
        found.next,
        &said,
        wanted.limit,
    ))
}

fn read_status(word: &str) -> Result<Status, Problem> {
    let unknown = || format!("status: {word:?} is none of open, ignored, resolved");
    Status::parse(word).ok_or_else(|| Problem::new(BAD_PARAMETER, unknown()))
}

/// Shows a record that could not be read, as it came.
#[utoipa::path(
    get, path = "/quarantine/{id}", tag = "syncs", operation_id = "quarantine_show", params(("id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = QuarantinedRecord))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<QuarantinedRecord>, Problem> {
    let mut conn = front.env.pool.acquire().await.map_err(jobs::Error::from)?;
    Ok(Json(quarantine::get(&mut conn, id).await?.into()))
}

/// Has a record read again, by a job: alone, where its remote gives single records, or with its listing.
#[utoipa::path(
    post, path = "/quarantine/{id}/retry", tag = "syncs", operation_id = "quarantine_retry",
    params(("id" = i64, Path), DryRun),
    security(("token" = ["sync:run"])), responses((status = 200, body = Retried))
)]
pub(super) async fn retry(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
) -> Result<Json<Retried>, Problem> {
    let job = audited::retry_record(&front.client, id, &caller.asked(&dry)).await?;
    Ok(Json(Retried {
        id,
        job: job.id,
        dry_run: dry.dry_run,
    }))
}

/// Lets a record be as it is, until it changes: its runs are not partial any more. The body must say why.
#[utoipa::path(
    post, path = "/quarantine/{id}/ignore", tag = "syncs", operation_id = "quarantine_ignore",
    params(("id" = i64, Path), DryRun), request_body = Reason,
    security(("token" = ["companies:write"])), responses((status = 200, body = QuarantinedRecord))
)]
pub(super) async fn ignore(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    MaybeBody(reason): MaybeBody<Reason>,
) -> Result<Json<QuarantinedRecord>, Problem> {
    let reason = reason.checked()?.unwrap_or_default();
    if reason.trim().is_empty() {
        return Err(Problem::invalid(vec![Flaw::new("/reason", "expected why")]));
    }
    let asked = caller.asked(&dry);
    let done = audited::ignore_record(&front.env.pool, id, &reason, &asked).await?;
    Ok(Json(done.into()))
}
