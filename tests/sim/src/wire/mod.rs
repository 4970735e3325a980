//! What the simulated REST remotes share: the wire before them, which can fail, counts every call
//! and answers the control API; and the frame of a simulator.
//!
//! The wire is a layer before the remote's own routes. It knows no remote, so that one fault is the
//! same fault whoever stands behind it.

mod calls;
mod clock;
mod control;
mod fault;
mod layer;
mod twist;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::calls::{Call, Span, Stats};
pub use self::clock::Clock;
pub use self::fault::{Fault, Hook, Kind};
pub(crate) use self::layer::{Arrival, Note, Wire, before};

use crate::fault::{FaultId, Injected};
use crate::server::Server;

/// One simulated vendor, as the frame sees it.
pub trait Remote: std::fmt::Debug + Send + Sync + 'static {
    type Change: Clone + Send + Serialize + DeserializeOwned;
    type Switches: Clone + Send + Serialize + DeserializeOwned;

    /// Changes the world and gives the id of what was made or changed, or says why not.
    ///
    /// # Errors
    /// When the change names something that is not there.
    fn apply(&self, change: Self::Change) -> Result<String, String>;

    /// What a correct sync must end with.
    fn truth(&self) -> Value;

    fn switches(&self) -> Self::Switches;

    fn set_switches(&self, switches: Self::Switches);

    /// Arms a change that happens just before a listing is read.
    fn hook(&self, hook: Hook<Self::Change>);

    /// The vendor's clock; limits and tokens go by it.
    fn clock(&self) -> &Clock;

    /// Back to how it started.
    fn reset(&self);
}

/// A running simulator. It serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator<R> {
    pub(crate) state: Arc<R>,
    wire: Wire,
    server: Server,
}

impl<R: Remote> Simulator<R> {
    /// Serves `routes` behind a wire of its own.
    pub(crate) async fn serve(
        addr: SocketAddr,
        state: Arc<R>,
        wire: Wire,
        routes: Router,
    ) -> io::Result<Self> {
        let control = control::router(Arc::clone(&state), wire.clone());
        let shutdown: CancellationToken = wire.shutdown().clone();
        let router = before(&wire, routes).merge(control);
        let server = Server::start(addr, router, shutdown).await?;
        Ok(Self {
            state,
            wire,
            server,
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The root of the control API: `http://127.0.0.1:PORT/control`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}/control", self.origin())
    }

    /// Changes the world and gives the id of what was made or changed.
    ///
    /// # Errors
    /// When the change names something that is not there.
    pub fn change(&self, change: R::Change) -> Result<String, String> {
        self.state.apply(change)
    }

    /// Changes the world just before a listing is read: the first from now on, unless the hook says
    /// another.
    pub fn before_listing(&self, hook: Hook<R::Change>) {
        self.state.hook(hook);
    }

    /// What a correct sync must end with.
    #[must_use]
    pub fn truth(&self) -> Value {
        self.state.truth()
    }

    #[must_use]
    pub fn switches(&self) -> R::Switches {
        self.state.switches()
    }

    pub fn set_switches(&self, switches: R::Switches) {
        self.state.set_switches(switches);
    }

    /// Lets the vendor's clock jump ahead: tokens run out and limits come back.
    pub fn advance(&self, span: Duration) {
        self.state.clock().advance(span);
    }

    /// Arms a fault of the wire.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.wire.inject(fault)
    }

    /// The faults, spent ones too, with how often each has struck.
    #[must_use]
    pub fn faults(&self) -> Vec<Injected<Fault>> {
        self.wire.faults()
    }

    pub fn clear_faults(&self) {
        self.wire.clear_faults();
    }

    /// The calls that have ended, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        self.wire.log()
    }

    /// From when until when each call was under way, those that never ended too, in the order they came.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.wire.spans()
    }

    /// The counts since the start or the last reset.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.wire.stats()
    }

    /// Back to how it started: world, switches, tokens, limits, faults and counts.
    pub fn reset(&self) {
        self.state.reset();
        self.wire.reset();
    }

    /// Stops serving; calls under way are answered first.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Waits until the server ends by itself, which it does only on a fault of its listener.
    pub async fn ended(&mut self) {
        self.server.ended().await;
    }
}
