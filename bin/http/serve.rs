//! The listener: accepts, limits and lets go of connections. `axum::serve` has no limit on how long a
//! client may take over a request's head, so the loop is our own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::Layer as _;

use super::rate::Peer;
use super::{FrontOptions, FrontState};

/// Heads with more headers than this are refused with 431.
const MOST_HEADERS: usize = 64;
/// What the largest head may take, path and all headers together.
const LARGEST_HEAD: usize = 64 * 1024;

/// Serves the API until `stop` is cancelled, then drains: `/readyz` says so for `options.drain`, no
/// connection is accepted any more, and requests in work get `options.shutdown` to end.
///
/// # Errors
/// None today once the listener is bound; a connection's fault ends that connection only.
pub async fn serve(
    listener: TcpListener,
    state: FrontState,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let app = super::router(state.clone());
    serve_app(listener, app, state, stop).await
}

/// As [`serve`], for the API together with other routes, e.g. `router(state).merge(dashboard)`.
///
/// # Errors
/// As [`serve`].
pub async fn serve_app(
    listener: TcpListener,
    app: Router,
    state: FrontState,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    tracing::info!("listening on http://{address}");
    let options = Arc::clone(&state.options);
    let drained = async {
        stop.cancelled().await;
        state.drain();
        tokio::time::sleep(options.drain).await;
    };
    let connections = accept(listener, app, &options, drained).await;
    let ended = async {
        connections.shutdown().await;
        state.tasks.close();
        state.tasks.wait().await;
    };
    if tokio::time::timeout(options.shutdown, ended).await.is_err() {
        tracing::warn!(
            "gave up on {} requests that did not end in time",
            state.tasks.len()
        );
    }
    Ok(())
}

/// Accepts until `stop` is done; the connections that are then still open.
pub(super) async fn accept(
    listener: TcpListener,
    app: Router,
    options: &FrontOptions,
    stop: impl Future<Output = ()>,
) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(options.connections));
    let builder = builder(options.header_time);
    let mut stop = pin!(stop);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut stop => return connections,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return connections,
        };
        match (accepted, place) {
            (Ok((stream, from)), Ok(place)) => {
                keep(
                    (stream, Peer(from.ip())),
                    place,
                    &app,
                    &builder,
                    &connections,
                );
            }
            (Err(error), _) => {
                // Out of file handles, most likely: others must end before the next can begin.
                tracing::warn!("could not accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (_, Err(_)) => return connections,
        }
    }
}

fn builder(header_time: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let timer = TokioTimer::new;
    builder
        .http1()
        .timer(timer())
        .header_read_timeout(header_time)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD);
    let http2 = &mut builder.http2();
    http2
        .timer(timer())
        .max_concurrent_streams(100)
        .max_header_list_size(LARGEST_HEAD as u32);
    http2
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(header_time);
    builder
}

/// Serves one connection in a task, which the graceful shutdown waits for.
fn keep(
    (stream, peer): (TcpStream, Peer),
    place: OwnedSemaphorePermit,
    app: &Router,
    builder: &Builder<TokioExecutor>,
    connections: &GracefulShutdown,
) {
    // Answers are small and whole: waiting to fill a packet only makes them late.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(Extension(peer).layer(app.clone()));
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended early: {error}");
        }
        drop(place);
    });
}
