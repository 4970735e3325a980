//! Seed: many invented rows, so that reading can be measured against full tables.

use sqlx::postgres::PgConnection;

use crate::Error;
use crate::seed::{CREATIO, Seed, ZOHO};

/// Invents what is asked for, and tells the planner what has become of the tables.
pub(crate) async fn seed(conn: &mut PgConnection, what: Seed) -> Result<(), Error> {
    sqlx::query(include_str!("seed_companies.sql"))
        .bind(i64::from(what.companies))
        .execute(&mut *conn)
        .await?;
    let runs = i64::from(what.runs);
    for (statement, connection) in [
        (include_str!("seed_runs.sql"), ZOHO),
        (include_str!("seed_packages.sql"), ZOHO),
        (include_str!("seed_creatio.sql"), CREATIO),
    ] {
        sqlx::query(statement)
            .bind(runs)
            .bind(connection)
            .execute(&mut *conn)
            .await?;
    }
    let tables = "vacuum (analyze) sync.company, sync.zone, sync.run, sync.history, sync.quarantine, \
         sync.held_sweep, sync.product, sync.profile, sync.customer_link, sync.match_review, sync.link, \
         sync.operation, sync.conflict, sync.journal, sync.mapping";
    sqlx::raw_sql(tables).execute(conn).await?;
    Ok(())
}
