//! The Soundtrack GraphQL API, simulated from its contract sheet (`api/soundtrack.md`).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use sim::soundtrack::{Config, Fault, FaultKind, Simulator};
//!
//! let simulator = Simulator::start(Config::default()).await?;
//! simulator.inject(Fault::new(FaultKind::HttpStatus { status: 503 }).times(1));
//! // … point a client at `simulator.url()` with `simulator.token()`, then compare with the truth:
//! assert_eq!(simulator.truth().accounts.len(), 3);
//! assert_eq!(simulator.stats().refused(), 0);
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod bucket;
mod config;
mod control;
mod document;
mod door;
mod fault;
mod ids;
mod reply;
mod schema;
mod state;
mod stats;
mod switches;
mod vocabulary;
mod world;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use self::config::Config;
pub use self::fault::{Fault, FaultKind, ZoneField};
pub use self::stats::{AccountStats, LogEntry, Outcome, Stats};
pub use self::switches::{
    BucketScope, CostModel, Cursors, InvalidDocument, Missing, MovedZoneId, OverLimit, RateHeaders,
    Switches, UnauthenticatedBody,
};
pub use self::vocabulary::{
    PlaybackState, SourceKind, StatusCode, StatusState, StreamingType, SubscriptionState,
};
pub use self::world::{
    Account, Change, Device, Location, Named, Slot, Source, Subscription, Truth, TruthAccount,
    TruthPlayback, TruthSource, TruthZone, World, WorldError, WorldSize, Zone, ZonePatch,
};

use self::state::State;
use crate::fault::{FaultId, Injected};
use crate::server::Server;
use crate::wire::{self, Wire};

/// A running simulator. It serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    wire: Wire,
    server: Server,
}

impl Simulator {
    /// Generates the world and serves it.
    ///
    /// # Errors
    /// When `config.addr` cannot be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        let addr = config.addr;
        let state = Arc::new(State::new(config));
        let wire = Wire::new(
            state.config.seed,
            state.config.log_limit,
            state.shutdown.clone(),
        );
        let door = wire::before(&wire, door::router(Arc::clone(&state)));
        let router = door.merge(control::router(Arc::clone(&state)));
        let server = Server::start(addr, router, state.shutdown.clone()).await?;
        Ok(Self {
            state,
            wire,
            server,
        })
    }

    /// The GraphQL endpoint: `http://127.0.0.1:PORT/v2`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v2", self.server.addr())
    }

    /// The root of the control API: `http://127.0.0.1:PORT/control`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/control", self.server.addr())
    }

    /// The token that sees all accounts; the header is `Authorization: Basic <token>`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.state.config.token
    }

    /// Lets `token` in, to see only `accounts` when there are some.
    pub fn grant(&self, token: &str, accounts: Option<BTreeSet<String>>) {
        self.state.grant(token, accounts);
    }

    /// Shuts `token` out, and says whether it was in.
    pub fn revoke(&self, token: &str) -> bool {
        self.state.revoke(token)
    }

    /// Looks at the world, which no call can change meanwhile.
    pub fn with_world<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        self.state.world(look)
    }

    /// Changes the world and gives the id of what was made or changed.
    ///
    /// # Errors
    /// When the change names something that does not exist, or a location of another account.
    pub fn change(&self, change: Change) -> Result<String, WorldError> {
        self.state.apply(change)
    }

    /// What a correct sync must end with.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.state.world(World::truth)
    }

    /// The switches in force.
    #[must_use]
    pub fn switches(&self) -> Switches {
        Switches::clone(&self.state.switches())
    }

    /// Sets all switches; calls under way keep the old ones.
    pub fn set_switches(&self, switches: Switches) {
        self.state.set_switches(switches);
    }

    /// Arms a fault.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let when = fault.when.clone();
        self.state.faults.inject(fault, when)
    }

    /// The faults, spent ones too, with how often each has struck.
    #[must_use]
    pub fn faults(&self) -> Vec<Injected<Fault>> {
        self.state.faults.list()
    }

    /// Removes one fault, and says whether there was one.
    pub fn remove_fault(&self, id: FaultId) -> bool {
        self.state.faults.remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Arms a fault of the wire, which is the same for every remote.
    pub fn inject_on_wire(&self, fault: wire::Fault) -> FaultId {
        self.wire.inject(fault)
    }

    /// Removes all faults of the wire.
    pub fn clear_wire(&self) {
        self.wire.clear_faults();
    }

    /// Adds to every bucket what would come back in `span`, at once.
    pub fn advance_refill(&self, span: Duration) {
        self.state.buckets.advance(span, &self.state.switches());
    }

    /// Sets the level of every bucket that was used so far.
    pub fn set_tokens_available(&self, tokens: f64) {
        self.state.buckets.set_level(tokens);
    }

    /// The counts since the start or the last reset.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.recorder.stats()
    }

    /// The calls that have ended, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.state.recorder.log()
    }

    /// Back to how it started: world, switches, tokens, buckets, faults and counts.
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
