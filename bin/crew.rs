//! The worker of this process: started with the settings, replaced when they change, stopped in good
//! order. A replacement begins to claim while the one before it finishes what it runs, so a reload
//! neither waits nor loses an attempt.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{Actor, Client, Registry, Worker};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Session};
use crate::config::Config;
use crate::signals;

/// How soon a change of the file is noticed without a SIGHUP.
const LOOK: Duration = Duration::from_secs(2);

/// Works until `stop`. Declares the schedules first, and again whenever the file changes.
pub(crate) async fn work(
    app: &App,
    session: &Session,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let kinds = jobs::register(Registry::new(), &session.env);
    let mut crew = Crew {
        client: session.client.clone(),
        kinds,
        workers: JoinSet::new(),
    };
    declare(&session.client, &session.config, &app.actor()).await?;
    app.logs.start(session.config.logs);
    let mut leave = crew.add(&session.config, &stop);
    let mut file = Watched::new(session.config.path.clone());
    let mut reloads = signals::reloads()?;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = crew.workers.join_next() => {
                // The one that was replaced has left. One that could not start ends us all.
                ended??;
                continue;
            }
            _ = reloads.recv() => {}
            () = file.changed() => {}
        }
        file.seen();
        if let Some(config) = reread(app) {
            if let Err(error) = declare(&session.client, &config, &app.actor()).await {
                tracing::error!(%error, "could not declare the schedules; the old ones stay");
            }
            crew.client.set_breaker_rules(config.breaker.clone());
            app.logs.start(config.logs);
            let fresh = crew.add(&config, &stop);
            leave.cancel();
            leave = fresh;
            tracing::info!("read the settings again");
        }
    }
    while let Some(ended) = crew.workers.join_next().await {
        ended??;
    }
    Ok(())
}

/// One worker without reloads, for commands that run jobs themselves.
pub(crate) fn hire(
    app: &App,
    session: &Session,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<engine::Result<()>> {
    app.logs.start(session.config.logs);
    let options = session.config.worker.clone();
    let worker = Worker::new(session.client.clone(), session.registry.clone(), options);
    tokio::spawn(worker.run(stop.clone()))
}

/// Makes the schedules be those of the file. Without a file nothing is said about schedules, so
/// nothing is changed.
pub(crate) async fn declare(client: &Client, config: &Config, actor: &Actor) -> engine::Result<()> {
    if config.path.is_none() {
        return Ok(());
    }
    let retired = client.sync_schedules(&config.schedules, actor).await?;
    for name in retired {
        tracing::info!(
            schedule = name,
            "retired schedule {name:?}: it is not in the file any more"
        );
    }
    Ok(())
}

struct Crew {
    client: Client,
    /// With the handlers' own policies: those of the file come over them.
    kinds: Registry,
    workers: JoinSet<engine::Result<()>>,
}

impl Crew {
    /// Starts a worker; cancelling the token lets it leave.
    fn add(&mut self, config: &Config, stop: &CancellationToken) -> CancellationToken {
        let registry = config.apply_to(self.kinds.clone());
        let worker = Worker::new(self.client.clone(), registry, config.worker.clone());
        let leave = stop.child_token();
        self.workers.spawn(worker.run(leave.clone()));
        leave
    }
}

/// The settings as they now are; none, and said why, when they cannot be used.
fn reread(app: &App) -> Option<Config> {
    match app.config() {
        Ok(config) => Some(config),
        Err(error) => {
            tracing::error!("cannot use the new settings, the old ones stay: {error:#}");
            None
        }
    }
}

/// A file that is looked at now and then. Its text is compared, and not its times: editors and
/// config maps replace files in many ways.
struct Watched {
    path: Option<PathBuf>,
    text: Option<String>,
}

impl Watched {
    fn new(path: Option<PathBuf>) -> Watched {
        let text = path.as_deref().and_then(read);
        Watched { path, text }
    }

    /// Ends when the file's text is another, and never while there is no file.
    async fn changed(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.path.as_deref().and_then(read);
            // A file that is gone for a moment is being replaced.
            if now.is_some() && now != self.text {
                return;
            }
        }
    }

    fn seen(&mut self) {
        self.text = self.path.as_deref().and_then(read);
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
