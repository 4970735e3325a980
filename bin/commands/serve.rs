//! `lockstep serve` and `lockstep work`: the services.

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Session};
use crate::crew;
use crate::database::Owner;
use crate::http::{FrontOptions, FrontState, install_recorder, serve_metrics};
use crate::output::{Exit, Fault};
use crate::signals;

/// Enough for twenty handlers beside the claims and settles they share it with.
const CONNECTIONS: u32 = 20;

/// How to serve.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep serve\n  lockstep serve --listen 0.0.0.0:8080 --database-url postgres://lockstep@db/lockstep"
)]
pub(crate) struct Serve {
    /// Where the API listens
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where metrics listen
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Do not bring the database up to date first
    #[arg(long)]
    no_migrate: bool,
}

/// How to work.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep work --database-url postgres://lockstep@db/lockstep"
)]
pub(crate) struct Work {
    /// Where metrics listen; nowhere unless said
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Do not bring the database up to date first
    #[arg(long)]
    no_migrate: bool,
}

/// API, workers and schedules.
pub(crate) async fn serve(app: &App, serve: Serve) -> anyhow::Result<Exit> {
    let recorder = install_recorder()?;
    let stop = signals::stop_token()?;
    let session = open(app, serve.no_migrate).await?;
    let http = session.config.http.clone();
    let api = bind(serve.listen.unwrap_or(http.listen)).await?;
    app.out.note(&format!(
        "Serving http://{}. Make a token: lockstep token create NAME --scope jobs:read",
        api.local_addr()?
    ));
    let mut services = JoinSet::new();
    let front = FrontState::new(
        session.client.clone(),
        session.env.clone(),
        FrontOptions {
            requests_per_minute: http.requests_per_minute,
            anonymous_requests_per_minute: http.anonymous_requests_per_minute,
            trusted_proxies: http.trusted_proxies,
            retention: session.config.worker.retention,
            ..FrontOptions::default()
        },
    );
    services.spawn(crate::http::serve(api, front, stop.clone()));
    if let Some(address) = serve.metrics_listen.or(http.metrics_listen) {
        let listener = bind(address).await?;
        services.spawn(serve_metrics(
            listener,
            recorder,
            session.client.clone(),
            stop.clone(),
        ));
    }
    run(app, session, services, stop).await
}

/// Workers and schedules.
pub(crate) async fn work(app: &App, work: Work) -> anyhow::Result<Exit> {
    let recorder = install_recorder()?;
    let stop = signals::stop_token()?;
    let session = open(app, work.no_migrate).await?;
    let mut services = JoinSet::new();
    if let Some(address) = work.metrics_listen {
        let listener = bind(address).await?;
        services.spawn(serve_metrics(
            listener,
            recorder,
            session.client.clone(),
            stop.clone(),
        ));
    }
    run(app, session, services, stop).await
}

async fn open(app: &App, no_migrate: bool) -> anyhow::Result<Session> {
    let session = app.open(CONNECTIONS, Owner::Keep).await?;
    if no_migrate && !session.database.is_private() {
        session.check_migrated().await?;
    } else {
        session.migrate().await?;
    }
    session.env.connections.declare().await?;
    for one in jobs::connection::ops::list(&session.env.connections).await? {
        if !one.is_usable_here() {
            let name = one.name;
            tracing::warn!(
                connection = name,
                "{name} has no credential: its jobs will fail until one is given"
            );
        }
    }
    Ok(session)
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Fault::new(Exit::Conflict, format!("cannot listen on {address}"))
            .why(error.to_string())
            .fix("choose another address: --listen, or [http] in workers.toml")
            .into()
    })
}

/// Until a signal, or until one of the services fails; then everything stops in good order.
async fn run(
    app: &App,
    session: Session,
    mut services: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
) -> anyhow::Result<Exit> {
    signals::notify(&app.env, "READY=1");
    let supervised = async {
        while let Some(ended) = services.join_next().await {
            ended??;
        }
        // `work` without metrics has none: that is no reason to stop.
        stop.cancelled().await;
        anyhow::Ok(())
    };
    let (worked, served) = tokio::join!(
        stopping(&stop, Box::pin(crew::work(app, &session, stop.clone()))),
        stopping(&stop, supervised),
    );
    signals::notify(&app.env, "STOPPING=1");
    session.close().await?;
    worked.and(served).map(|()| Exit::Ok)
}

/// One service's end is the end of all.
async fn stopping(
    stop: &CancellationToken,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let ended = service.await;
    stop.cancel();
    ended
}
