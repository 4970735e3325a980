//! What every handler may use: the engine, the world of the jobs, and the limits of the front.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::health::Readiness;
use super::known::Seen;
use super::proxy::Cidr;
use super::rate::Rates;

/// The front's limits. The defaults are for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontOptions {
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The largest body of a bulk request, in bytes.
    pub bulk_body_limit: usize,
    /// How long a client may take over a request's head.
    pub header_time: Duration,
    /// How long a client may take over a body.
    pub body_time: Duration,
    /// How long an answer may take. The work goes on to its end; only the caller is let go.
    pub request_time: Duration,
    /// How long the sync paths wait for their result before they answer 202.
    pub sync_wait: Duration,
    /// Requests in work at a time; more are turned away at once with 503.
    pub concurrency: usize,
    /// Connections held at a time; more wait to be accepted.
    pub connections: usize,
    /// How long `/readyz` says that we drain before we stop accepting, for load balancers to see.
    pub drain: Duration,
    /// How long a stop waits for requests in work.
    pub shutdown: Duration,
    /// How long an idempotency key is remembered.
    pub idempotency_keep: Duration,
    /// Requests a minute with one token; 0 is no limit.
    pub requests_per_minute: u32,
    /// Requests a minute of one address without a token that opens anything; 0 is no limit.
    pub anonymous_requests_per_minute: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// How long ended jobs are kept, as workers are told.
    pub retention: engine::Retention,
}

impl Default for FrontOptions {
    fn default() -> Self {
        FrontOptions {
            body_limit: 1024 * 1024,
            bulk_body_limit: 10 * 1024 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            request_time: Duration::from_secs(30),
            sync_wait: Duration::from_secs(60),
            concurrency: 1024,
            connections: 10_000,
            drain: Duration::ZERO,
            shutdown: Duration::from_secs(20),
            idempotency_keep: Duration::from_secs(24 * 3600),
            // A hundred a second: more than a person's script needs, less than would starve others.
            requests_per_minute: 6_000,
            anonymous_requests_per_minute: 60,
            trusted_proxies: Vec::new(),
            retention: engine::Retention::default(),
        }
    }
}

/// What the front works with. Cloning is cheap.
#[derive(Clone)]
pub struct FrontState {
    pub(crate) client: engine::Client,
    pub(crate) env: jobs::Env,
    /// Those that this program has handlers for.
    pub(crate) kinds: Arc<BTreeSet<String>>,
    pub(crate) options: Arc<FrontOptions>,
    /// One permit a request in work.
    pub(crate) permits: Arc<Semaphore>,
    /// The tasks requests run in: a stop waits for them.
    pub(crate) tasks: TaskTracker,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) rates: Arc<Rates>,
    pub(crate) seen: Arc<Seen>,
    draining: Arc<AtomicBool>,
}

impl std::fmt::Debug for FrontState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontState")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl FrontState {
    /// A front over an engine and the world of the jobs.
    pub fn new(client: engine::Client, env: jobs::Env, options: FrontOptions) -> FrontState {
        let kinds = jobs::register(engine::Registry::new(), &env).kinds();
        FrontState {
            client,
            env,
            kinds: Arc::new(kinds.into_iter().collect()),
            permits: Arc::new(Semaphore::new(options.concurrency)),
            rates: Arc::new(Rates::new(&options)),
            seen: Arc::default(),
            options: Arc::new(options),
            tasks: TaskTracker::new(),
            readiness: Arc::new(Readiness::default()),
            draining: Arc::new(AtomicBool::new(false)),
        }
    }

    /// From now on `/readyz` answers 503, so that load balancers look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
