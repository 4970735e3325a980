//! What the program was told: flags, environment, `workers.toml`, defaults, in this order. Read and
//! checked once; nothing else reads a setting.

mod check;
mod connections;
mod duration;
mod env;
mod field;
mod logs;
mod places;
mod policy;
mod problem;
mod remotes;
mod retention;
mod schedules;
mod section;
pub(crate) mod suggest;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{
    BreakerRules, LogOptions, Policy, QueueOptions, Registry, Retention, Schedule, WorkerOptions,
};
use toml::de::DeTable;

use crate::http::{Cidr, FrontOptions};

pub(crate) use connections::{Connection, Connections, SecretSource};
pub(crate) use duration::parse_duration;
pub(crate) use env::Environment;
use problem::Problems;
pub(crate) use problem::{Report, Severity};

/// The file that is read when nobody names another.
pub(crate) const DEFAULT_FILE: &str = "workers.toml";
/// The variable that holds the Soundtrack token unless the file names another.
pub(crate) const DEFAULT_TOKEN_ENV: &str = "LOCKSTEP_SOUNDTRACK_TOKEN";
/// The variable that holds the keys for credentials unless the file names a file.
pub(crate) const DEFAULT_KEY_ENV: &str = "LOCKSTEP_CREDENTIALS_KEY";

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file it came from; none when there is no file.
    pub(crate) path: Option<PathBuf>,
    /// The database; none is the private Postgres.
    pub(crate) database: Option<Database>,
    /// The private Postgres.
    pub(crate) postgres: Private,
    /// The remote accounts.
    pub(crate) connections: Connections,
    /// When a connection's breaker opens, and for how long.
    pub(crate) breaker: BreakerRules,
    /// What is kept of what handlers say.
    pub(crate) logs: LogOptions,
    /// The HTTP front.
    pub(crate) http: Http,
    /// How a worker works, with its queues.
    pub(crate) worker: WorkerOptions,
    /// The policy of every kind.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// What recurs.
    pub(crate) schedules: Vec<Schedule>,
}

/// A database of somebody else's.
#[derive(Clone)]
pub(crate) struct Database {
    /// Its address, which may hold a password.
    pub(crate) url: String,
    /// Where the address came from, for messages.
    pub(crate) origin: String,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Where the private Postgres lives and runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Private {
    /// The directory with `postgres` and `initdb`.
    pub(crate) bin_dir: Option<PathBuf>,
    /// The parent of everything it keeps.
    pub(crate) data_dir: Option<PathBuf>,
    /// As whom it runs when we are root.
    pub(crate) run_as: Option<String>,
}

/// Where the HTTP front listens, and how often it answers whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// The API.
    pub(crate) listen: SocketAddr,
    /// The metrics; none is nowhere.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Requests a minute with one token; 0 is no limit.
    pub(crate) requests_per_minute: u32,
    /// Requests a minute of one address without a valid token; 0 is no limit.
    pub(crate) anonymous_requests_per_minute: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<Cidr>,
}

/// What flags said. They win over everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--database-url`.
    pub(crate) database_url: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file was named and cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has problems.
    #[error("{path} has {} problem{}", .report.errors(), if .report.errors() == 1 { "" } else { "s" })]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        report: Report,
    },
    /// A variable has.
    #[error("{variable}: {problem}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong and what is expected.
        problem: String,
    },
}

/// The configuration and what is odd about it.
pub(crate) fn load(
    flags: &Flags,
    env: &Environment,
    registry: &Registry,
) -> Result<(Config, Report), Error> {
    let (path, text) = read(flags, env)?;
    let name = path
        .as_deref()
        .unwrap_or(Path::new(DEFAULT_FILE))
        .to_owned();
    let (config, report) = parse(&name.display().to_string(), &text, registry);
    let mut config = config.ok_or_else(|| Error::Invalid {
        path: name,
        report: report.clone(),
    })?;
    config.path = path;
    places::apply_environment(&mut config, env)?;
    if let Some(url) = &flags.database_url {
        let problem = |problem| Error::Variable {
            variable: "--database-url".into(),
            problem,
        };
        check::database_url(url).map_err(problem)?;
        config.database = Some(Database {
            url: url.clone(),
            origin: "--database-url".into(),
        });
    }
    Ok((config, report))
}

/// Reads one file's text; the configuration is none when it has errors.
pub(crate) fn parse(name: &str, text: &str, registry: &Registry) -> (Option<Config>, Report) {
    let problems = Problems::default();
    let (document, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        check::syntax(error, text, &problems);
    }
    let config = check::document(&document, registry, &problems);
    let report = problems.into_report(name, text);
    ((report.errors() == 0).then_some(config), report)
}

/// A file that is named must be there; the default one may be missing.
fn read(flags: &Flags, env: &Environment) -> Result<(Option<PathBuf>, String), Error> {
    let named = flags.config.clone().or_else(|| env.config_path());
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((Some(path), text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => {
            Ok((None, String::new()))
        }
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

impl Config {
    /// The registry with the file's policies.
    #[must_use]
    pub(crate) fn apply_to(&self, mut registry: Registry) -> Registry {
        for (kind, policy) in &self.policies {
            registry.set_policy(kind, policy.clone());
        }
        registry
    }
}

/// Without a file and without an environment.
pub(super) fn defaults(registry: &Registry) -> Config {
    let front = FrontOptions::default();
    Config {
        path: None,
        database: None,
        postgres: Private::default(),
        connections: Connections::default(),
        breaker: BreakerRules::default(),
        logs: LogOptions::default(),
        http: Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            // The port that OpenTelemetry's Prometheus exporters use; 9090 is Prometheus's own.
            metrics_listen: Some(SocketAddr::from(([127, 0, 0, 1], 9464))),
            requests_per_minute: front.requests_per_minute,
            anonymous_requests_per_minute: front.anonymous_requests_per_minute,
            trusted_proxies: Vec::new(),
        },
        worker: WorkerOptions {
            queues: Vec::new(),
            retention: Retention::default(),
            ..WorkerOptions::default()
        },
        policies: registry.policies().into_iter().collect(),
        schedules: Vec::new(),
    }
}

/// Every queue that some kind runs in is served, whether or not the file names it.
pub(super) fn complete_queues(config: &mut Config) {
    let usual = 20;
    let mut wanted: Vec<String> = vec!["default".into()];
    wanted.extend(config.policies.values().map(|policy| policy.queue.clone()));
    for name in wanted {
        if !config.worker.queues.iter().any(|queue| queue.name == name) {
            config.worker.queues.push(QueueOptions::new(name, usual));
        }
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
