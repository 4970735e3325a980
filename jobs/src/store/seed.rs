//! Seed: many invented companies and zones, so that reading can be measured against full tables.

use sqlx::postgres::PgConnection;

use crate::Error;

/// Invents companies with five zones each; one zone in a hundred is offline.
pub(crate) async fn seed(conn: &mut PgConnection, companies: i64) -> Result<(), Error> {
    sqlx::query(include_str!("seed.sql"))
        .bind(companies)
        .execute(&mut *conn)
        .await?;
    sqlx::raw_sql("vacuum (analyze) sync.company, sync.zone")
        .execute(conn)
        .await?;
    Ok(())
}
