//! Starts and stops one simulator's HTTP server.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    // Dropping the server without `stop` must not leave a task behind that serves for ever.
    shutdown: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Binds `addr` (port 0 picks a free one) and serves `router`, whose handlers may watch
    /// `shutdown` to end early.
    pub(crate) async fn start(
        addr: SocketAddr,
        router: Router,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        // Nagle's delay would add 40 ms to replies that are written in two pieces.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let signal = shutdown.clone().cancelled_owned();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
        let task = tokio::spawn(async move { serving.await });
        Ok(Self {
            addr,
            shutdown: shutdown.drop_guard(),
            task,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets the calls under way end and waits for the server's task.
    pub(crate) async fn stop(self) {
        drop(self.shutdown);
        // A serving error or a panic was already seen by the clients; there is no one to tell.
        let _ = self.task.await;
    }

    /// Waits until the server ends by itself, which it does only on a fault of the listener.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }
}
