//! Migration: the schema `engine` and the ledger of what was applied to it.

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;

use crate::Result;

/// The migrations this binary knows.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/engine");

/// Applies them, with a ledger inside the schema.
pub(crate) fn migrator() -> Migrator {
    let mut migrator = Migrator {
        migrations: MIGRATIONS.migrations.clone(),
        ..Migrator::DEFAULT
    };
    migrator.dangerous_set_table_name("engine._migration");
    migrator.create_schema("engine");
    migrator
}

/// The versions that are applied; none when there is no ledger yet.
pub(crate) async fn applied(conn: &mut PgConnection) -> Result<Vec<i64>> {
    match sqlx::query_scalar("select version from engine._migration")
        .fetch_all(conn)
        .await
    {
        Ok(applied) => Ok(applied),
        // 42P01 undefined table, 3F000 undefined schema: nothing was ever applied.
        Err(sqlx::Error::Database(db))
            if matches!(db.code().as_deref(), Some("42P01" | "3F000")) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
