//! `lockstep demo`: everything at work in one process, against a simulated Soundtrack, Zoho, Supabase and Creatio with
//! some planted trouble.

mod home;
mod kept;
mod leads;
mod settings;
mod story;
mod systems;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use engine::JobView;
use postgres::Options;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::sync::{Watched, wait};
use crate::app::{App, Session};
use crate::crew;
use crate::database;
use crate::http::{FrontOptions, FrontState};
use crate::output::Exit;
use crate::signals;
use home::Home;
use kept::Kept;
use leads::Leads;
use systems::{Desk, Systems};

/// The first sync takes seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Where people expect a service, if nobody is there.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// How to show it.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep demo\n  lockstep demo --once\n  lockstep demo --data-dir /tmp/lockstep-demo      keeps the data for the next time"
)]
pub(crate) struct Demo {
    /// End after the first sync
    #[arg(long)]
    once: bool,
    /// Keep the data here, and with it the simulated Creatio: the next start goes on where this one ends. In a temporary
    /// directory that is removed at the end, unless said
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the API listens; on port 8080 of this machine, or any free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// What runs, in the order in which it is stopped.
struct Stage {
    leave: CancellationToken,
    worker: JoinHandle<engine::Result<()>>,
    api: JoinHandle<anyhow::Result<()>>,
    address: SocketAddr,
    simulator: sim::soundtrack::Simulator,
    systems: Systems,
    session: Session,
}

/// Does it.
pub(crate) async fn run(app: &App, demo: Demo) -> anyhow::Result<Exit> {
    let stop = signals::stop_token()?;
    let home = Home::new(demo.data_dir.clone(), &app.env)?;
    let stage = Box::pin(set(app, &demo, &home)).await?;
    let shown = Box::pin(show(app, &demo, &home, &stage, &stop)).await;
    let struck = strike(stage).await;
    home.leave()?;
    let exit = shown?;
    struck?;
    Ok(exit)
}

/// Starts everything.
async fn set(app: &App, demo: &Demo, home: &Home) -> anyhow::Result<Stage> {
    let database = database::start(Options::new(home.dir())).await?;
    let version = database
        .server()
        .map(|server| server.version().to_owned())
        .unwrap_or_default();
    let version = version.split_whitespace().next().unwrap_or_default();
    app.out.note(&format!(
        "✓ private PostgreSQL {version} in {} (socket only)",
        home.dir().display()
    ));
    let simulator = world::start()
        .await
        .context("cannot start the simulated Soundtrack")?;
    app.out
        .note(&format!("✓ simulated Soundtrack at {}", simulator.url()));
    let systems = Systems::start(Kept::of(home)).await?;
    app.out.note(&format!("✓ {}", systems.urls()));
    let config = settings::write(home.dir(), &simulator, &systems)?;
    let session = Session::over(app, config, database, 20).await?;
    session.migrate().await?;
    let is_later = systems.leads().is_later();
    if !is_later && Leads::was_synced(&session).await? {
        session.close().await?;
        return Err(Kept::lost(home).into());
    }
    settings::seal(&session, &systems).await?;
    let companies = world::seed(&session, &simulator).await?;
    systems.seed(&session).await?;
    app.out
        .note(&format!("✓ {companies} companies, four of them in trouble"));
    if is_later {
        let dir = home.dir().display();
        app.out.note(&format!(
            "✓ goes on with the data of an earlier demo, and with its Creatio; the other remotes are as at first. \
             To begin anew: rm -r {dir}"
        ));
    }
    let leave = CancellationToken::new();
    let worker = crew::hire(app, &session, &leave);
    let listener = listen(demo.listen).await?;
    let address = listener.local_addr()?;
    let front = FrontState::new(
        session.client.clone(),
        session.env.clone(),
        FrontOptions::default(),
    );
    let api = tokio::spawn(crate::http::serve(listener, front, leave.clone()));
    app.out
        .note(&format!("✓ API at http://{address}, workers and schedules"));
    Ok(Stage {
        leave,
        worker,
        api,
        address,
        simulator,
        systems,
        session,
    })
}

async fn listen(wanted: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(address) = wanted {
        return TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"));
    }
    match TcpListener::bind(USUAL).await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?),
    }
}

/// The first sync, what came of it, and then the schedules for as long as somebody watches.
async fn show(
    app: &App,
    demo: &Demo,
    home: &Home,
    stage: &Stage,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    let session = &stage.session;
    let first = jobs::soundtrack::enqueue_sync_all(&session.client, app.env.user()).await?;
    let watched = Watched {
        job: first.id,
        over: vec![jobs::soundtrack::CONNECTION.to_owned()],
        patience: PATIENCE,
    };
    let job = wait(app, session, &watched, stop).await?;
    let told = stage.systems.sync(Desk { app, session, stop }).await?;
    // Only now: a tick in the middle of the first sync would tell its failures twice.
    session
        .client
        .sync_schedules(&session.config.schedules, &app.actor())
        .await?;
    story::tell(app, session, (&job, &told)).await?;
    if demo.once {
        if !home.is_kept() {
            app.out
                .next("Without --once it stays, for you to look around: lockstep demo");
        }
        return Ok(Exit::Ok);
    }
    story::what_to_try(app, home.dir(), stage, &told).await?;
    watch(app, stage, &job, stop).await?;
    Ok(Exit::Ok)
}

/// A line for each sync that the schedule started.
async fn watch(
    app: &App,
    stage: &Stage,
    first: &JobView,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut last = first.id;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // Whoever kills the demo finds its Creatio as it was a second ago.
        stage.systems.leads().keep()?;
        if let Some(job) = story::newer(&stage.session, last).await? {
            last = job.id;
            story::line(app, &job);
        }
    }
}

/// Stops everything in good order.
async fn strike(stage: Stage) -> anyhow::Result<()> {
    stage.leave.cancel();
    stage.worker.await??;
    stage.api.await??;
    // Nobody writes to it any more.
    stage.systems.leads().keep()?;
    stage.simulator.stop().await;
    stage.systems.stop().await;
    stage.session.close().await
}
