//! Companies: the customer's customers, whose zones are synced.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jobs::company;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::DryRun;
use super::view::mirror;
use crate::audited;
use crate::http::extract::{At, Body, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{NOT_FOUND, Problem};
use crate::http::token::Caller;
use crate::http::{BASE, FrontState};

mirror! {
    /// A company.
    Company of company::Company {
        /// Its id.
        id: i64,
        /// For people.
        name: String,
        /// As the CRM has it; may be empty.
        country: String,
        /// The company it belongs to.
        parent_id: Option<i64>,
        /// Its account at Soundtrack; without one it is not synced.
        soundtrack_account_id: Option<String>,
        /// Whether it wants alerts.
        alerts: bool,
        /// When it was made.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
    }
}

/// Which companies to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those with, or without, an account at Soundtrack.
    has_account: Option<bool>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// A company to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCompany {
    /// 1 to 200 characters.
    name: String,
    /// At most 100 characters.
    #[serde(default)]
    country: String,
    /// The company it belongs to.
    parent_id: Option<i64>,
    /// Its account at Soundtrack. No two companies share one.
    soundtrack_account_id: Option<String>,
    /// Whether it wants alerts; yes unless said.
    #[serde(default = "yes")]
    alerts: bool,
}

fn yes() -> bool {
    true
}

/// What to change. What is not said stays; null takes a value away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Patch {
    /// 1 to 200 characters.
    name: Option<String>,
    /// At most 100 characters.
    country: Option<String>,
    /// The company it belongs to.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "said")]
    parent_id: Option<Option<i64>>,
    /// Its account at Soundtrack.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "said")]
    soundtrack_account_id: Option<Option<String>>,
    /// Whether it wants alerts.
    alerts: Option<bool>,
}

/// Tells a null, which takes a value away, from a field that is not there.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Lists companies in the order of their ids.
#[utoipa::path(
    get, path = "/companies", tag = "companies", operation_id = "company_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<Company>))
)]
pub(super) async fn list(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Company>>), Problem> {
    let limit = page::check_limit(wanted.limit)?;
    let has_account = wanted.has_account.map(|yes| yes.to_string());
    let said: Vec<_> = has_account
        .iter()
        .map(|yes| ("has_account", yes.as_str()))
        .collect();
    let after = wanted
        .cursor
        .as_deref()
        .map(|cursor| page::open("/companies", cursor, &said))
        .transpose()?;
    let filter = company::Filter {
        after,
        has_account: wanted.has_account,
    };
    let found = company::list(&front.env.pool, &filter, limit).await?;
    let companies = found.data.into_iter().map(Company::from).collect();
    Ok(page::page(
        "/companies",
        companies,
        found.next,
        &said,
        wanted.limit,
    ))
}

/// Shows a company.
#[utoipa::path(
    get, path = "/companies/{id}", tag = "companies", operation_id = "company_show", params(("id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = Company))
)]
pub(super) async fn show(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<Company>, Problem> {
    let company = company::get(&front.env.pool, id).await?;
    let company = company.ok_or_else(|| Problem::new(NOT_FOUND, format!("no company {id}")))?;
    Ok(Json(company.into()))
}

/// A company as a change left it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Written {
    #[serde(flatten)]
    company: Company,
    /// True when nothing was changed because the caller asked only what would happen. The company is
    /// then as it would be; a new one's id is nobody's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

impl Written {
    fn new(company: company::Company, dry: &DryRun) -> Written {
        Written {
            company: company.into(),
            dry_run: dry.dry_run,
        }
    }
}

/// Makes a company.
#[utoipa::path(
    post, path = "/companies", tag = "companies", operation_id = "company_create", request_body = NewCompany,
    params(DryRun), security(("token" = ["companies:write"])),
    responses((status = 201, body = Written), (status = 200, description = "A dry run", body = Written))
)]
pub(super) async fn create(
    State(front): State<FrontState>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    Body(new): Body<NewCompany>,
) -> Result<Response, Problem> {
    let new = company::NewCompany {
        name: new.name,
        country: new.country,
        parent_id: new.parent_id,
        soundtrack_account_id: new.soundtrack_account_id,
        alerts: new.alerts,
    };
    let made = audited::create_company(&front.env.pool, &new, &caller.asked(&dry)).await?;
    let location = format!("{BASE}/companies/{}", made.id);
    let written = Json(Written::new(made, &dry));
    Ok(match dry.dry_run {
        true => written.into_response(),
        false => (StatusCode::CREATED, [(LOCATION, location)], written).into_response(),
    })
}

/// Changes a company.
#[utoipa::path(
    patch, path = "/companies/{id}", tag = "companies", operation_id = "company_update",
    params(("id" = i64, Path), DryRun), request_body = Patch, security(("token" = ["companies:write"])),
    responses((status = 200, body = Written))
)]
pub(super) async fn update(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
    Body(patch): Body<Patch>,
) -> Result<Json<Written>, Problem> {
    let patch = company::Patch {
        name: patch.name,
        country: patch.country,
        parent_id: patch.parent_id,
        soundtrack_account_id: patch.soundtrack_account_id,
        alerts: patch.alerts,
    };
    let asked = caller.asked(&dry);
    let company = audited::update_company(&front.env.pool, id, &patch, &asked).await?;
    Ok(Json(Written::new(company, &dry)))
}

/// Deletes a company with its zones and runs. Its parts lose their parent and stay.
#[utoipa::path(
    delete, path = "/companies/{id}", tag = "companies", operation_id = "company_delete",
    params(("id" = i64, Path), DryRun), security(("token" = ["companies:write"])),
    responses((status = 204, description = "Gone"), (status = 200, description = "A dry run", body = Written))
)]
pub(super) async fn delete(
    State(front): State<FrontState>,
    caller: Caller,
    At(id): At<i64>,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    let gone = audited::delete_company(&front.env.pool, id, &caller.asked(&dry)).await?;
    Ok(match dry.dry_run {
        true => Json(Written::new(gone, &dry)).into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    })
}
