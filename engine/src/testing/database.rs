//! A database for one test.

use std::hash::{DefaultHasher, Hash, Hasher};

use futures::future::BoxFuture;
use sqlx::PgPool;

use crate::Client;
use crate::store::migration::MIGRATIONS;

/// A database with the engine's schema in it, gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    client: Client,
    url: String,
    // None is somebody else's.
    _database: Option<postgres::testing::Database>,
}

impl Database {
    /// Clones one from the template, which the first test of a run migrates.
    ///
    /// # Panics
    /// When Postgres is not installed or does not start.
    pub async fn new() -> Database {
        Database::filled("", |_| Box::pin(async {})).await
    }

    /// Clones one from a template that has more in it: after the engine's migration `fill` fills it, once for all
    /// that give the same `name`. What changes what it does belongs in the name.
    ///
    /// # Panics
    /// When Postgres is not installed or does not start.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its database"
    )]
    pub async fn filled(name: &str, fill: fn(PgPool) -> BoxFuture<'static, ()>) -> Database {
        let name = fingerprint(name);
        let database = tokio::task::spawn_blocking(move || {
            let cluster = postgres::testing::cluster();
            let template = cluster
                .template(&name, |url| migrate(url, fill))
                .expect("template database");
            cluster.create(&template).expect("database of the test")
        })
        .await
        .expect("database task");
        let client = Client::connect(&database.url, 10)
            .await
            .expect("connection to the test's database");
        Database {
            client,
            url: database.url.clone(),
            _database: Some(database),
        }
    }

    /// One that is there already, on a server of the caller's, and stays: for tests that do to a server what the
    /// others could not bear. It is migrated.
    ///
    /// # Panics
    /// When it cannot be reached or migrated.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its database"
    )]
    pub async fn at(url: &str) -> Database {
        let client = Client::connect(url, 10)
            .await
            .expect("connection to the caller's database");
        client
            .migrate()
            .await
            .expect("migration of the caller's database");
        Database {
            client,
            url: url.to_owned(),
            _database: None,
        }
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
        &self.url
    }
}

/// Another migration makes another template.
fn fingerprint(name: &str) -> String {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS.iter() {
        migration.checksum.hash(&mut hasher);
    }
    format!("engine_{:016x}{name}", hasher.finish())
}

/// Called outside any runtime, by whichever process is first.
#[expect(
    clippy::expect_used,
    reason = "a test cannot go on without its database"
)]
fn migrate(url: &str, fill: fn(PgPool) -> BoxFuture<'static, ()>) {
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
            fill(client.pool().clone()).await;
            client.close().await;
        });
    });
    done.join().expect("migration of the template");
}
