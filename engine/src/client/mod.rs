//! The engine as its users see it: connect, migrate, enqueue, read, act. Cloning is cheap.

mod act;
mod breaker;
mod budget;
mod bulk;
mod enqueue;
mod flow;
mod overview;
mod partition;
mod prune;
mod read;
pub(crate) mod schedule;
mod seed;
mod signal;
mod together;
mod token;

pub use flow::LONGEST_CHAIN;

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::breaker::{BreakerRules, Gates};
use crate::budget::Fleet;
use crate::log::Logs;
use crate::store::{migration, pool};

use crate::worker::wake::{Hints, Hub};
use crate::{Error, Result};

pub use seed::{SEEDED_SCHEDULE, Seed};
use together::Together;

/// A handle on the engine's database.
#[derive(Clone)]
pub struct Client {
    // One count to a clone: each attempt has clones.
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    pool: PgPool,
    singles: PgPool,
    reads: PgPool,
    together: Arc<Together>,
    bells: Bells,
    fleet: Fleet,
    gates: Arc<Gates>,
    logs: Logs,
}

/// Who is told that there is work: this process, and soon all others.
#[derive(Clone)]
struct Bells {
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
        let pool = pool::pool_options(connections)
            .connect_with(options)
            .await?;
        Ok(Client::from_pool(pool))
    }

    /// A client over a pool of the caller's.
    pub fn from_pool(pool: PgPool) -> Client {
        let singles = pool::single_pool(&pool);
        let bells = Bells {
            hub: Arc::new(Hub::default()),
            hints: Arc::new(Hints::start(pool::hint_pool(&pool))),
        };
        let inner = Inner {
            together: Arc::new(Together::start(singles.clone(), bells.clone())),
            fleet: Fleet::new(singles.clone()),
            gates: Arc::new(Gates::new(singles.clone(), BreakerRules::default())),
            singles,
            reads: pool::read_pool(&pool),
            pool,
            bells,
            logs: Logs::new(),
        };
        Client {
            inner: Arc::new(inner),
        }
    }

    /// The pool, for transactions that an enqueue should join.
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// For looks of one statement, whose connections are not asked how they come back.
    pub(crate) fn singles(&self) -> &PgPool {
        &self.inner.singles
    }

    /// The same client with other rules for breakers. All processes of a fleet should have the same.
    #[must_use]
    pub fn with_breaker_rules(self, rules: BreakerRules) -> Client {
        self.set_breaker_rules(rules);
        self
    }

    /// Other rules for breakers from the next call on, for all clones of this client.
    pub fn set_breaker_rules(&self, rules: BreakerRules) {
        self.inner.gates.set_rules(rules);
    }

    /// The rules for breakers of this process.
    pub fn breaker_rules(&self) -> BreakerRules {
        self.inner.gates.rules()
    }

    /// The same client, whose workers keep what their handlers say here.
    #[must_use]
    pub fn with_logs(mut self, logs: Logs) -> Client {
        Arc::make_mut(&mut self.inner).logs = logs;
        self
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.inner.logs
    }

    pub(crate) fn gates(&self) -> &Arc<Gates> {
        &self.inner.gates
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.inner.bells.hub
    }

    /// Brings the schema `engine` up to date. Safe to run from many processes at once.
    ///
    /// # Errors
    /// [`Error::Migrate`] when the database is newer than this binary, or a migration was changed.
    pub async fn migrate(&self) -> Result<()> {
        migration::migrator()
            .run(&self.inner.pool)
            .await
            .map_err(Error::Migrate)
    }

    /// The versions of the migrations this binary knows that the database lacks.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<i64>> {
        let applied = migration::applied(&mut *self.inner.pool.acquire().await?).await?;
        Ok(migration::MIGRATIONS
            .iter()
            .map(|m| m.version)
            .filter(|version| !applied.contains(version))
            .collect())
    }

    /// Gives back what tokens were not spent, sends what hints are still to be sent, closes the pool.
    pub async fn close(&self) {
        self.inner.fleet.settle_all().await;
        self.inner.bells.hints.flush().await;
        self.inner.singles.close().await;
        self.inner.reads.close().await;
        self.inner.pool.close().await;
    }

    /// Runs `work` in a transaction of its own, in a task that ends even when the caller is dropped:
    /// a future dropped inside a database call can hand a connection with an open transaction back
    /// to the pool.
    pub(crate) async fn in_transaction<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.transact(work).await
    }

    /// The same for work with an error of its own.
    pub(crate) async fn transact<T, X, W>(&self, work: W) -> std::result::Result<T, X>
    where
        T: Send + 'static,
        X: From<Error> + Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, std::result::Result<T, X>>
            + Send
            + 'static,
    {
        let pool = self.inner.pool.clone();
        let done = tokio::spawn(async move {
            let mut tx = pool.begin().await.map_err(Error::from)?;
            match work(&mut tx).await {
                Ok(value) => {
                    tx.commit().await.map_err(Error::from)?;
                    Ok(value)
                }
                Err(error) => {
                    // Said and not left to the drop, which lets go of locks some time later. A
                    // connection that is lost has let go of them already.
                    let _ = tx.rollback().await;
                    Err(error)
                }
            }
        });
        match done.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
