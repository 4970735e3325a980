//! The engine as its users see it: connect, migrate, enqueue, read, act. Cloning is cheap.

mod act;
mod enqueue;
mod read;
pub(crate) mod schedule;
mod token;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Executor, PgPool, Row};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use crate::worker::wake::{Hints, Hub};
use crate::{Error, Result};

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../migrations/engine");

/// A handle on the engine's database.
#[derive(Clone)]
pub struct Client {
    pool: PgPool,
    hub: Arc<Hub>,
    hints: Arc<Hints>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Connects with at most `connections` connections.
    ///
    /// # Errors
    /// [`Error::Database`] when the database cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Client> {
        let options: PgConnectOptions = url.parse()?;
        let pool = pool_options(connections).connect_with(options).await?;
        Ok(Client::from_pool(pool))
    }

    /// A client over a pool of the caller's.
    pub fn from_pool(pool: PgPool) -> Client {
        let hints = Arc::new(Hints::start(pool.clone()));
        Client { pool, hub: Arc::new(Hub::default()), hints }
    }

    /// The pool, for transactions that an enqueue should join.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Brings the schema `engine` up to date. Safe to run from many processes at once.
    ///
    /// # Errors
    /// [`Error::Migrate`] when the database is newer than this binary, or a migration was changed.
    pub async fn migrate(&self) -> Result<()> {
        migrator().run(&self.pool).await.map_err(Error::Migrate)
    }

    /// The versions of the migrations this binary knows that the database lacks.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<i64>> {
        let applied: Vec<i64> = match sqlx::query_scalar("select version from engine._migration")
            .fetch_all(&self.pool)
            .await
        {
            Ok(applied) => applied,
            // 42P01 undefined table, 3F000 undefined schema: nothing was ever applied.
            Err(sqlx::Error::Database(db)) if matches!(db.code().as_deref(), Some("42P01" | "3F000")) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(MIGRATOR.iter().map(|m| m.version).filter(|version| !applied.contains(version)).collect())
    }

    /// Sends what hints are still to be sent and closes the pool.
    pub async fn close(&self) {
        self.hints.flush().await;
        self.pool.close().await;
    }

    /// Runs `work` in a transaction of its own, in a task that ends even when the caller is dropped:
    /// a future dropped inside a database call can hand a connection with an open transaction back
    /// to the pool.
    pub(crate) async fn in_transaction<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let pool = self.pool.clone();
        let done = tokio::spawn(async move {
            let mut tx = pool.begin().await?;
            let value = work(&mut tx).await?;
            tx.commit().await?;
            Ok(value)
        });
        match done.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn migrator() -> Migrator {
    let mut migrator = Migrator {
        migrations: MIGRATOR.migrations.clone(),
        ..Migrator::DEFAULT
    };
    migrator.dangerous_set_table_name("engine._migration");
    migrator.create_schema("engine");
    migrator
}

/// The settings of every pool of the engine. A connection is not asked whether it lives before each
/// use, which would double the round trips: callers retry, and the server's keepalives find the dead.
pub(crate) fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .after_release(|conn, _| Box::pin(is_idle(conn)))
}

/// A pool for the statements that every job goes through. All of them probe an index or a row's
/// address, or walk an index in its order, and must go on to: a plan that was cached while a table
/// was nearly empty, or that trusts old statistics, must not scan or sort it when it has grown.
pub(crate) fn hot_pool(like: &PgPool, connections: u32) -> PgPool {
    let options = (*like.connect_options()).clone().options([
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("enable_sort", "off"),
        ("jit", "off"),
        ("plan_cache_mode", "force_generic_plan"),
    ]);
    PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options)
}

/// False, which drops the connection, when it comes back with a transaction open: its future was
/// dropped between BEGIN and the end. In an idle session a statement's start is its transaction's;
/// that holds for the simple protocol only, where the statement is one message.
async fn is_idle(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let row = conn.fetch_one(sqlx::raw_sql("select now() = statement_timestamp()")).await?;
    row.try_get(0)
}
