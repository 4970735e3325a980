//! For the tests of this and other crates: a database that both schemas stand in.

use std::hash::{DefaultHasher, Hash, Hasher};

use engine::testing::Database;
use sqlx::PgPool;

use crate::store::migrate::MIGRATOR;

/// Clones one from a template, which the first test of a run migrates.
///
/// # Panics
/// When Postgres is not installed or does not start.
pub async fn database() -> Database {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    let name = format!("_sync_{:016x}", hasher.finish());
    Database::filled(&name, |pool| Box::pin(migrated(pool))).await
}

#[expect(
    clippy::expect_used,
    reason = "a test cannot go on without its database"
)]
async fn migrated(pool: PgPool) {
    crate::migrate(&pool).await.expect("schema sync");
}
