//! Why a value of a synced record is what it is, and the products that are synced.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use jiff::Timestamp;
use jobs::history::{self, Entry, STREAMS};
use jobs::product::{self, Filter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Part;
use super::view::mirror;
use crate::http::FrontState;
use crate::http::extract::{At, Params};
use crate::http::page::{self, Listed};
use crate::http::problem::{NOT_FOUND, Problem};

mirror! {
    /// One change of a record. What an answer left as it was is no change.
    RecordChange of Entry {
        /// Ascending with time.
        id: i64,
        /// Whose listing it was: company:7, profile:0198c7a2-…, or a connection.
        partition: String,
        /// created, updated, revived, missing or gone.
        event: String,
        /// From what to what; long texts are cut.
        #[schema(example = json!({"price": ["6", "7"]}))]
        changes: Value,
        /// The run that did it; none for a person's act, and for what is synced without runs.
        run_id: Option<i64>,
        /// The job that did it; the job of the run, while the run is kept.
        job_id: Option<Uuid>,
        /// sync, or the person who did it.
        actor: String,
        /// Why, if a person said.
        reason: Option<String>,
        /// When.
        at: Timestamp,
    }
}

mirror! {
    /// A product of Zoho.
    Product of product::Product {
        /// Its id here.
        id: i64,
        /// The connection of its organisation.
        connection: String,
        /// Its id at Zoho: with the connection its identity.
        zoho_item_id: String,
        /// For people; it changes, and two products may share one.
        name: String,
        /// None if blank. Two products may share one.
        sku: Option<String>,
        /// None if blank.
        description: Option<String>,
        /// Exact, as text: a number of JSON may be rounded by whoever reads it.
        #[schema(example = "19.99")]
        price: Option<String>,
        /// Exact; may be negative. None for what has no stock.
        #[schema(example = "12.5")]
        stock_quantity: Option<String>,
        /// Whether Zoho's status is active.
        is_active: bool,
        /// Since when complete listings have not had it.
        gone_at: Option<Timestamp>,
        /// When the row was made.
        created_at: Timestamp,
        /// When the row was last written.
        updated_at: Timestamp,
    }
}

/// Which products to list. What is not said does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this connection.
    connection: Option<String>,
    /// With exactly this SKU.
    sku: Option<String>,
    /// Only those that complete listings no longer have, or none.
    gone: Option<bool>,
    /// Rows a page, 1 to 500; 50 unless said.
    limit: Option<u16>,
    /// `page.next` of the page before.
    cursor: Option<String>,
}

/// Shows what changed a record, newest first. The id is that at the remote; a slash in it is written `%2F`.
#[utoipa::path(
    get, path = "/records/{stream}/{id}/history", tag = "syncs", operation_id = "record_history",
    params(("stream" = String, Path, description = "zoho.products, soundtrack.zones, supabase.packages; supabase.links by the profile's id"), ("id" = String, Path), Part),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<RecordChange>))
)]
pub(super) async fn history(
    State(front): State<FrontState>,
    Path((stream, id)): Path<(String, String)>,
    Params(part): Params<Part>,
) -> Result<(HeaderMap, Json<Listed<RecordChange>>), Problem> {
    if !STREAMS.contains(&stream.as_str()) || id.contains('\0') {
        let detail = format!("no records of {stream:?}: there are {}", STREAMS.join(", "));
        return Err(Problem::new(NOT_FOUND, detail));
    }
    let path = format!("/records/{stream}/{id}/history");
    let (limit, before) = part.read(&path)?;
    let found = history::list(&front.env.pool, (&stream, &id), before, limit).await?;
    let data = found.data.into_iter().map(RecordChange::from);
    Ok(page::page(
        &path,
        data.collect(),
        found.next,
        &[],
        part.limit,
    ))
}

/// Lists products in the order of their ids.
#[utoipa::path(
    get, path = "/products", tag = "syncs", operation_id = "product_list", params(Wanted),
    security(("token" = ["companies:read"])), responses((status = 200, body = Listed<Product>))
)]
pub(super) async fn products(
    State(front): State<FrontState>,
    Params(wanted): Params<Wanted>,
) -> Result<(HeaderMap, Json<Listed<Product>>), Problem> {
    const PATH: &str = "/products";
    let limit = page::check_limit(wanted.limit)?;
    let gone = wanted.gone.map(|yes| yes.to_string());
    let said: Vec<_> = [
        ("connection", wanted.connection.as_deref()),
        ("sku", wanted.sku.as_deref()),
        ("gone", gone.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let cursor = wanted.cursor.as_deref();
    let after = cursor
        .map(|cursor| page::open(PATH, cursor, &said))
        .transpose()?;
    let filter = Filter {
        connection: wanted.connection.clone(),
        sku: wanted.sku.clone(),
        gone: wanted.gone,
        after,
    };
    let found = product::list(&front.env.pool, &filter, limit).await?;
    let data = found.data.into_iter().map(Product::from);
    Ok(page::page(
        PATH,
        data.collect(),
        found.next,
        &said,
        wanted.limit,
    ))
}

/// Shows a product.
#[utoipa::path(
    get, path = "/products/{product_id}", tag = "syncs", operation_id = "product_show",
    params(("product_id" = i64, Path)),
    security(("token" = ["companies:read"])), responses((status = 200, body = Product))
)]
pub(super) async fn product(
    State(front): State<FrontState>,
    At(id): At<i64>,
) -> Result<Json<Product>, Problem> {
    let found = product::get(&front.env.pool, id).await?;
    let found = found.ok_or_else(|| Problem::new(NOT_FOUND, format!("no product {id}")))?;
    Ok(Json(found.into()))
}
