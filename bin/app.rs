//! What every command has: the settings, the streams, who asks, and a way to the database.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use engine::{Actor, Client, Logs, Registry};
use sqlx::Connection as _;

use crate::cli::{Change, Global};
use crate::config::{Config, Environment, Flags};
use crate::database::{self, Opened, Owner};
use crate::output::{Exit, Fault, Output};
use crate::secrets;

/// A database that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(5);

/// One run of the program.
#[derive(Debug)]
pub(crate) struct App {
    /// What the environment says.
    pub(crate) env: Environment,
    /// What flags say.
    pub(crate) flags: Flags,
    /// Where to write and how.
    pub(crate) out: Output,
    /// Where the lines of attempts are gathered.
    pub(crate) logs: Logs,
}

/// A command's way to the database. End it with [`Session::close`].
#[derive(Debug)]
pub(crate) struct Session {
    /// The settings.
    pub(crate) config: Config,
    /// The engine.
    pub(crate) client: Client,
    /// What handlers need.
    pub(crate) env: jobs::Env,
    /// The kinds with the file's policies.
    pub(crate) registry: Registry,
    /// The database and, if it is private and ours, its server.
    pub(crate) database: Opened,
}

impl App {
    /// From the parsed line.
    pub(crate) fn new(global: &Global, env: Environment, out: Output, logs: Logs) -> App {
        let flags = Flags {
            config: global.config.clone(),
            database_url: global.database_url.clone(),
        };
        App {
            env,
            flags,
            out,
            logs,
        }
    }

    /// Who is at the keyboard.
    pub(crate) fn actor(&self) -> Actor {
        Actor::new(self.env.user(), "cli")
    }

    /// The same, with what they change it for.
    pub(crate) fn actor_of(&self, change: &Change) -> Actor {
        self.actor().because(change.reason.as_deref())
    }

    /// The settings; what is odd about them goes to stderr.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let (config, report) = crate::config::load(&self.flags, &self.env, &known_kinds())
            .inspect_err(|error| {
                if let crate::config::Error::Invalid { report, .. } = error {
                    self.out.err(&report.render(self.out.color_err));
                }
            })?;
        if report.warnings() > 0 && self.out.verbose > 0 {
            self.out.err(&report.render(self.out.color_err));
        }
        Ok(config)
    }

    /// Connects as a command does: few connections, and the database must be migrated, unless it is
    /// ours alone; then it is brought up to date without asking.
    pub(crate) async fn connect(&self) -> anyhow::Result<Session> {
        let session = self.open(4, Owner::Borrow).await?;
        if session.database.is_private() {
            session.migrate().await?;
        } else {
            session.check_migrated().await?;
        }
        Ok(session)
    }

    /// Connects as `owner` says, without looking at migrations.
    pub(crate) async fn open(&self, connections: u32, owner: Owner) -> anyhow::Result<Session> {
        let config = self.config()?;
        let database = database::open(&config, owner, &self.out).await?;
        Session::over(self, config, database, connections).await
    }
}

impl Session {
    /// A session over a database that is open.
    pub(crate) async fn over(
        app: &App,
        config: Config,
        database: Opened,
        connections: u32,
    ) -> anyhow::Result<Session> {
        let unreachable = || format!("cannot reach the database ({})", database.origin);
        reach(&database.url).await.with_context(unreachable)?;
        let client = Client::connect(&database.url, connections)
            .await
            .with_context(unreachable)?
            .with_breaker_rules(config.breaker.clone())
            .with_logs(app.logs.clone());
        let connections = secrets::connections(&config, &app.env, &client)?;
        let env = jobs::Env {
            pool: client.pool().clone(),
            connections,
        };
        let registry = config.apply_to(jobs::register(Registry::new(), &env));
        Ok(Session {
            config,
            client,
            env,
            registry,
            database,
        })
    }

    /// Brings both schemas up to date.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        self.client.migrate().await?;
        jobs::migrate(self.client.pool())
            .await
            .context("cannot migrate the sync tables")?;
        Ok(())
    }

    /// Refuses a database that lacks something this binary needs.
    pub(crate) async fn check_migrated(&self) -> anyhow::Result<()> {
        let schemas = [
            ("engine", self.client.pending_migrations().await?),
            ("sync", jobs::pending_migrations(self.client.pool()).await?),
        ];
        let lacking: Vec<_> = schemas
            .iter()
            .filter(|(_, pending)| !pending.is_empty())
            .map(|(schema, pending)| format!("{schema} {}", numbers(pending)))
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let count = schemas.iter().map(|(_, pending)| pending.len()).sum();
        let what = format!(
            "the database lacks {}",
            crate::output::plural(count, "migration")
        );
        Err(Fault::new(Exit::Conflict, what)
            .why(format!(
                "this binary needs those of {}",
                lacking.join(" and ")
            ))
            .fix("lockstep migrate")
            .into())
    }

    /// Says good-bye to the database and, if its server is ours, stops it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.client.close().await;
        self.database.close().await
    }
}

/// Migrations as in `3, 5` or, without gaps, `8 to 14`.
fn numbers(ascending: &[i64]) -> String {
    match ascending {
        [first, .., last] if ascending.windows(2).all(|two| two[1] == two[0] + 1) => {
            format!("{first} to {last}")
        }
        all => all
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Says at once that nobody listens: a pool would go on trying, which is for services to do once they
/// have started.
async fn reach(url: &str) -> Result<(), sqlx::Error> {
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    let connecting = sqlx::PgConnection::connect_with(&options);
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(connected) => connected?.close().await,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Every kind, for checks that need no database: the pool connects only when a handler asks.
pub(crate) fn known_kinds() -> Registry {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .connect_lazy("postgres://localhost/none")
        .expect("a constant address can be read");
    jobs::register(
        Registry::new(),
        &jobs::Env {
            pool,
            connections: jobs::connection::Connections::none(),
        },
    )
}

/// Where the private Postgres keeps its data.
pub(crate) fn data_dir(config: &Config) -> PathBuf {
    config
        .postgres
        .data_dir
        .clone()
        .unwrap_or_else(postgres::Options::default_data_dir)
}
