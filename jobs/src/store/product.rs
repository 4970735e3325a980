//! Products: the statements of their table, and reading.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::record::Table;
use super::{instant, instant_or_none, listing};
use crate::Error;
use crate::product::{Filter, Product};

/// The products of Zoho's organisations. No answers are kept: the fields are all that is read.
pub(crate) const TABLE: Table = Table {
    stored: include_str!("product/stored.sql"),
    create: include_str!("product/create.sql"),
    update: include_str!("product/update.sql"),
    missing: include_str!("product/missing.sql"),
    gone: include_str!("product/gone.sql"),
    live: include_str!("product/live.sql"),
};

pub(crate) async fn list(
    conn: &mut PgConnection,
    id: Option<i64>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let rows = listing(
        "select id, connection, zoho_item_id, name, sku, description, price::text as price_text, \
             stock_quantity::text as stock_text, is_active, gone_at, created_at, updated_at \
         from sync.product \
         where ($1::bigint is null or id = $1) and ($2::text is null or connection = $2) \
             and ($3::text is null or sku = $3) and ($4::boolean is null or (gone_at is not null) = $4) \
             and id > $5 \
         order by id limit $6",
    )
    .bind(id)
    .bind(filter.connection.as_deref())
    .bind(filter.sku.as_deref())
    .bind(filter.gone)
    .bind(filter.after.unwrap_or(0))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Product> {
    Ok(Product {
        id: row.try_get("id")?,
        connection: row.try_get("connection")?,
        zoho_item_id: row.try_get("zoho_item_id")?,
        name: row.try_get("name")?,
        sku: row.try_get("sku")?,
        description: row.try_get("description")?,
        price: row.try_get("price_text")?,
        stock_quantity: row.try_get("stock_text")?,
        is_active: row.try_get("is_active")?,
        gone_at: instant_or_none(row, "gone_at")?,
        created_at: instant(row, "created_at")?,
        updated_at: instant(row, "updated_at")?,
    })
}
