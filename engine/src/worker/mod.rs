//! The worker: one process's claimers, runtime, settler, heartbeat and services, and the order in
//! which they start and stop.

pub(crate) mod claim;
pub(crate) mod conclude;
mod floors;
mod gate;
pub(crate) mod lease;
mod log;
mod look;
pub(crate) mod running;
pub(crate) mod settle;
mod spread;
pub(crate) mod wake;

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cx::Stop;
use crate::runtime::{Dispatch, Registry, Work};
use crate::store::pool::{claim_pool, hot_pool, own_pool};
use crate::store::settle::Settlement;
use crate::store::{kind, worker};
use crate::{Client, Entropy, Result, WorkerOptions, service};
use running::Running;
pub use settle::Counts;

/// Claims, settles, promotes and rescues; each waits for the others a moment at most.
const HOT_CONNECTIONS: u32 = 6;

/// Claims and runs jobs until it is told to stop.
///
/// ```no_run
/// # async fn example(url: &str) -> engine::Result<()> {
/// use engine::{Client, Registry, Worker, WorkerOptions};
/// let client = Client::connect(url, 10).await?;
/// let worker = Worker::new(client, Registry::new(), WorkerOptions::default());
/// let stop = tokio_util::sync::CancellationToken::new();
/// worker.run(stop).await
/// # }
/// ```
#[derive(Debug)]
pub struct Worker {
    id: Uuid,
    client: Client,
    registry: Registry,
    options: WorkerOptions,
    entropy: Entropy,
    counts: Arc<Counts>,
}

impl Worker {
    /// A worker with an identity of its own.
    pub fn new(client: Client, registry: Registry, options: WorkerOptions) -> Worker {
        Worker {
            id: Uuid::now_v7(),
            client,
            registry,
            options,
            entropy: Entropy::from_system(),
            counts: Arc::default(),
        }
    }

    /// Fresh at every start.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What it has done so far; shared, and live while it runs.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Works until `stop`, then in order: stops claiming, waits for the running attempts up to the
    /// deadline, tells the rest to stop and gives their jobs back, writes everything, leaves.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when it cannot start. Once it works, a database that goes away is
    /// waited for.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        // Heartbeats and the listener have connections that no handler can take.
        let own_pool = own_pool(self.client.pool());
        let hot = hot_pool(self.client.pool(), HOT_CONNECTIONS);
        let limits_changed = self.register(&own_pool).await?;
        let running = Arc::new(Running::default());
        let keeper = Arc::new(lease::Keeper {
            client: self.client.clone(),
            pool: own_pool.clone(),
            running: running.clone(),
            counts: self.counts.clone(),
            worker_id: self.id,
            options: self.options.clone(),
        });
        // Stopped one after the other, and not together: heartbeats go on while attempts run out.
        let (asking, keeping) = (stop.child_token(), CancellationToken::new());
        let mut askers = JoinSet::new();
        let mut keepers = JoinSet::new();
        let (mut settlers, mut runtimes) = (JoinSet::new(), JoinSet::new());
        let settlements = self.spawn_settler(&mut settlers, &hot, running.clone());
        let work = self.spawn_runtime(&mut runtimes, settlements.clone(), running.clone());
        let claims = claim_pool(self.client.pool(), self.options.queues.len());
        for claimer in self.claimers(&running, (&claims, &hot), &settlements) {
            askers.spawn(claimer.run(work.clone(), asking.clone()));
        }
        drop((work, settlements));
        service::spawn(&mut askers, &self.service(&hot, &asking), limits_changed);
        askers.spawn(wake::listen(
            own_pool.clone(),
            self.client.hub().clone(),
            asking.clone(),
        ));
        let scribe = log::Scribe {
            logs: self.client.logs().clone(),
            pool: own_pool.clone(),
            entropy: self.entropy.clone(),
        };
        keepers.spawn(scribe.run(keeping.clone()));
        keepers.spawn(service::probe::run(self.service(&hot, &keeping)));
        let (renewer, obeyer) = (keeper.clone(), keeper);
        let (until, until_too) = (keeping.clone(), keeping.clone());
        keepers.spawn(async move { renewer.renew(until).await });
        keepers.spawn(async move { obeyer.obey_cancels(until_too).await });

        asking.cancelled().await;
        join_all(&mut askers).await;
        self.run_out(&running).await;
        join_all(&mut runtimes).await;
        join_all(&mut settlers).await;
        keeping.cancel();
        join_all(&mut keepers).await;
        claims.close().await;
        hot.close().await;
        self.leave(&own_pool).await;
        Ok(())
    }

    /// True when the limits of a kind have changed.
    async fn register(&self, pool: &PgPool) -> Result<bool> {
        let mut conn = pool.acquire().await?;
        let limits_changed = kind::register(&mut conn, &self.registry.policies()).await?;
        let served = &self.options.queues;
        let queues: Vec<String> = served.iter().map(|queue| queue.name.clone()).collect();
        let slots: Vec<i32> = served
            .iter()
            .map(|queue| i32::try_from(queue.concurrency).unwrap_or(i32::MAX))
            .collect();
        worker::start(
            &mut conn,
            self.id,
            &self.options.label,
            (&queues, &slots),
            &self.registry.kinds(),
        )
        .await?;
        tracing::info!(worker.id = %self.id, label = self.options.label, "started worker {}", self.id);
        Ok(limits_changed)
    }

    fn claimers(
        &self,
        running: &Arc<Running>,
        (claims, hot): (&PgPool, &PgPool),
        settlements: &mpsc::Sender<Settlement>,
    ) -> Vec<claim::Claimer> {
        let claimer = |queue: &crate::QueueOptions| claim::Claimer {
            client: self.client.clone(),
            claims: claims.clone(),
            hot: hot.clone(),
            registry: self.registry.clone(),
            running: running.clone(),
            entropy: self.entropy.clone(),
            worker_id: self.id,
            options: self.options.clone(),
            queue: queue.clone(),
            settlements: settlements.clone(),
        };
        self.options.queues.iter().map(claimer).collect()
    }

    fn service(&self, hot: &PgPool, stop: &CancellationToken) -> service::Service {
        service::Service {
            client: self.client.clone(),
            hot: hot.clone(),
            options: self.options.clone(),
            entropy: self.entropy.clone(),
            stop: stop.clone(),
        }
    }

    fn spawn_settler(
        &self,
        tasks: &mut JoinSet<()>,
        hot: &PgPool,
        running: Arc<Running>,
    ) -> mpsc::Sender<Settlement> {
        let (sender, inbox) = mpsc::channel(settle::BACKLOG);
        let settler = settle::Settler {
            client: self.client.clone(),
            hot: hot.clone(),
            entropy: self.entropy.clone(),
            worker_id: self.id,
            lease: self.options.lease,
            counts: self.counts.clone(),
            running,
        };
        tasks.spawn(settler.run(inbox));
        sender
    }

    fn spawn_runtime(
        &self,
        tasks: &mut JoinSet<()>,
        settlements: mpsc::Sender<Settlement>,
        running: Arc<Running>,
    ) -> mpsc::UnboundedSender<Work> {
        let (sender, inbox) = mpsc::unbounded_channel();
        let dispatch = Dispatch {
            client: self.client.clone(),
            registry: self.registry.clone(),
            entropy: self.entropy.clone(),
            grace: self.options.grace,
            running,
            settlements,
        };
        tasks.spawn(crate::runtime::run(
            self.options.label.clone(),
            inbox,
            dispatch,
        ));
        sender
    }

    /// Lets running attempts end by themselves, up to the deadline; then tells them to.
    async fn run_out(&self, running: &Running) {
        if tokio::time::timeout(self.options.shutdown, running.emptied())
            .await
            .is_err()
        {
            tracing::warn!(
                attempts = running.len(),
                "telling the attempts that still run to stop"
            );
            running.stop_all(Stop::Shutdown);
        }
    }

    async fn leave(&self, pool: &PgPool) {
        let refused = i64::try_from(self.counts.refused()).unwrap_or(i64::MAX);
        let left = async { worker::stop(&mut *pool.acquire().await?, self.id, refused).await };
        if let Err(error) = left.await {
            tracing::warn!(%error, "could not say that the worker has stopped");
        }
        pool.close().await;
        tracing::info!(worker.id = %self.id, "stopped worker {}", self.id);
    }
}

async fn join_all(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the worker panicked");
        }
    }
}
