//! A database for one test.

use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::PgPool;

use crate::Client;
use crate::store::migration::MIGRATIONS;

/// A database with the engine's schema in it, gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    client: Client,
    database: postgres::testing::Database,
}

impl Database {
    /// Clones one from the template, which the first test of a run migrates.
    ///
    /// # Panics
    /// When Postgres is not installed or does not start.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its database"
    )]
    pub async fn new() -> Database {
        let database = tokio::task::spawn_blocking(|| {
            let cluster = postgres::testing::cluster();
            let template = cluster
                .template(&fingerprint(), migrate)
                .expect("template database");
            cluster.create(&template).expect("database of the test")
        })
        .await
        .expect("database task");
        let client = Client::connect(&database.url, 10)
            .await
            .expect("connection to the test's database");
        Database { client, database }
    }

    /// The engine on it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its pool.
    pub fn pool(&self) -> &PgPool {
        self.client.pool()
    }

    /// Its address, for other processes.
    pub fn url(&self) -> &str {
        &self.database.url
    }
}

/// Another migration makes another template.
fn fingerprint() -> String {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS.iter() {
        migration.checksum.hash(&mut hasher);
    }
    format!("engine_{:016x}", hasher.finish())
}

/// Called outside any runtime, by whichever process is first.
#[expect(
    clippy::expect_used,
    reason = "a test cannot go on without its database"
)]
fn migrate(url: &str) {
    let url = url.to_owned();
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(async {
            let client = Client::connect(&url, 2)
                .await
                .expect("connection to the template");
            client.migrate().await.expect("migration of the template");
            client.close().await;
        });
    });
    done.join().expect("migration of the template");
}
