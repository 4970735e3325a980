//! Products: the items of Zoho's organisations, as their last sync left them.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgPool;

use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its id here.
    pub id: i64,
    /// The connection of its organisation: `zoho/10234695`.
    pub connection: String,
    /// Its id at Zoho: with the connection its identity.
    pub zoho_item_id: String,
    /// An attribute: it changes, and two products may share one.
    pub name: String,
    /// None if blank. Two products may share one.
    pub sku: Option<String>,
    /// None if blank.
    pub description: Option<String>,
    /// Zoho's rate, exact, as text: a number of JSON may be rounded by whoever reads it.
    pub price: Option<String>,
    /// Zoho's stock on hand, exact; may be negative. None for what has no stock.
    pub stock_quantity: Option<String>,
    /// Whether Zoho's status is `active`.
    pub is_active: bool,
    /// Since when complete listings have not had it.
    pub gone_at: Option<Timestamp>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

/// Which products a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this connection.
    pub connection: Option<String>,
    /// With exactly this SKU.
    pub sku: Option<String>,
    /// Only those that are gone, or none.
    pub gone: Option<bool>,
    /// Only those with a greater id: the next page.
    pub after: Option<i64>,
}

/// A page of products in the order of their ids, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`], as everything here.
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Product, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::product::list(&mut conn, None, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |product| Cursor::of(product.id)))
}

/// One product, if there is such.
pub async fn get(pool: &PgPool, id: i64) -> Result<Option<Product>, Error> {
    let mut conn = pool.acquire().await?;
    let found = store::product::list(&mut conn, Some(id), &Filter::default(), 1).await?;
    Ok(found.into_iter().next())
}
