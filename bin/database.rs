//! Which database, and whose: one that is configured, the private one that another process of ours
//! already runs, or the private one run by this process.

use std::time::Duration;

use anyhow::Context as _;
use postgres::{Options, Server};

use crate::app::data_dir;
use crate::config::Config;
use crate::output::Output;

const DATABASE: &str = "lockstep";

/// What a command may do about the private Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Join the one that runs, or run it for the duration of the command.
    Borrow,
    /// Run it, for as long as this process lives; join it if another process does.
    Keep,
}

/// A database that can be connected to.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its address.
    pub(crate) url: String,
    /// Where the address came from.
    pub(crate) origin: String,
    /// True for the private Postgres, whoever runs it.
    private: bool,
    server: Option<Server>,
}

impl Opened {
    /// True for the private Postgres, whoever runs it.
    pub(crate) fn is_private(&self) -> bool {
        self.private
    }

    /// The private server, if this process runs it.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Stops the server, if it is ours.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let Some(server) = self.server else {
            return Ok(());
        };
        // Stopping blocks on the server's own end.
        tokio::task::spawn_blocking(move || server.stop())
            .await?
            .context("cannot stop Postgres")
    }
}

/// Finds the database, and starts it when it is private and nobody runs it.
pub(crate) async fn open(config: &Config, owner: Owner, out: &Output) -> anyhow::Result<Opened> {
    if let Some(database) = &config.database {
        return Ok(Opened {
            url: database.url.clone(),
            origin: database.origin.clone(),
            private: false,
            server: None,
        });
    }
    let dir = data_dir(config);
    if let Some(running) = postgres::running(&dir) {
        let origin = format!("the private PostgreSQL of process {}", running.pid);
        let url = running.url(DATABASE);
        return Ok(Opened {
            url,
            origin,
            private: true,
            server: None,
        });
    }
    let mut options = Options::new(dir);
    options.bin_dir.clone_from(&config.postgres.bin_dir);
    options.run_as.clone_from(&config.postgres.run_as);
    let opened = start(options).await;
    match opened {
        Err(postgres::Error::Owned { .. }) => join(config).await,
        Err(error) => Err(error.into()),
        Ok(opened) => {
            if owner == Owner::Keep || out.verbose > 0 {
                say(&opened, config, out);
            }
            Ok(opened)
        }
    }
}

/// Runs a private Postgres in this process.
pub(crate) async fn start(options: Options) -> Result<Opened, postgres::Error> {
    let started = tokio::task::spawn_blocking(move || Server::start(&options)).await;
    let server = started.map_err(|_| postgres::Error::KeeperGone)??;
    Ok(Opened {
        url: server.url(DATABASE),
        origin: "the private PostgreSQL".into(),
        private: true,
        server: Some(server),
    })
}

/// Another process took the directory between our look and our start: it will be ready soon.
async fn join(config: &Config) -> anyhow::Result<Opened> {
    let dir = data_dir(config);
    // As long as a first start with initdb takes, many times over.
    for _ in 0..300 {
        if let Some(running) = postgres::running(&dir) {
            let url = running.url(DATABASE);
            return Ok(Opened {
                url,
                origin: "the private PostgreSQL".into(),
                private: true,
                server: None,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(postgres::Error::Owned {
        data_dir: dir,
        pid: None,
    }
    .into())
}

fn say(opened: &Opened, config: &Config, out: &Output) {
    let Some(server) = opened.server() else {
        return;
    };
    let version = server
        .version()
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let dir = data_dir(config);
    out.note(&format!(
        "Using a private PostgreSQL {version} in {} (socket only). For production set [database] url.",
        dir.display()
    ));
}
