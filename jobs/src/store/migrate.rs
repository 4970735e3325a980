//! Migrate: bring the schema `sync` up to date. It has a ledger of its own, beside the engine's.

use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::Error;

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../migrations/sync");

pub(crate) async fn migrate(pool: &PgPool) -> Result<(), Error> {
    let mut migrator = Migrator {
        migrations: MIGRATOR.migrations.clone(),
        ..Migrator::DEFAULT
    };
    migrator.dangerous_set_table_name("sync._migration");
    migrator.create_schema("sync");
    migrator.run(pool).await.map_err(Error::Migrate)
}

pub(crate) async fn pending(pool: &PgPool) -> Result<Vec<i64>, Error> {
    let applied: Vec<i64> = match sqlx::query_scalar("select version from sync._migration")
        .fetch_all(pool)
        .await
    {
        Ok(applied) => applied,
        // 42P01 undefined table, 3F000 undefined schema: nothing was ever applied.
        Err(sqlx::Error::Database(db))
            if matches!(db.code().as_deref(), Some("42P01" | "3F000")) =>
        {
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    Ok(MIGRATOR
        .iter()
        .map(|m| m.version)
        .filter(|version| !applied.contains(version))
        .collect())
}
