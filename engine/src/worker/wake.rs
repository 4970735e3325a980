//! Wake: who learns when that there may be work. Inside the process at once, between processes by
//! NOTIFY. Both are hints: whoever waits also polls, so a lost hint costs a poll interval at most. A
//! process that knows hints to get through asks less often, so that an idle fleet costs next to nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use crate::store::wake::FUTURE;
use crate::store::wake::{CANCEL_CHANNEL, WAKE_CHANNEL, notify};

/// All queues.
pub(crate) const ALL: &str = "*";
/// An act on many was made or goes on.
pub(crate) const BULK: &str = "=";
/// Says nothing but that it was heard. A pooler may take LISTEN and never deliver.
const ECHO: &str = "?";
/// How much less often to ask while hints get through.
const HEARING_POLLS: u32 = 5;
/// The least time between two NOTIFY transactions of one process.
const GAP: Duration = Duration::from_millis(1);
/// Hints of one such transaction.
const MOST: usize = 10_000;

/// The bell of one queue.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Notify,
    waiting: AtomicUsize,
}

impl Bell {
    /// Waits for a ring. One before the wait is kept, so register, then ask the database.
    pub(crate) async fn rung(&self) {
        let _waiting = Waiting::at(&self.waiting);
        self.rung.notified().await;
    }

    /// True when somebody waits for it.
    fn ring(&self) -> bool {
        self.rung.notify_one();
        self.waiting.load(Relaxed) > 0
    }
}

/// One who waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn at(waiting: &AtomicUsize) -> Waiting<'_> {
        waiting.fetch_add(1, Relaxed);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The process's own bells.
#[derive(Debug)]
pub(crate) struct Hub {
    queues: Mutex<HashMap<String, Arc<Bell>>>,
    future: Notify,
    schedules: Notify,
    abandoned: Notify,
    bulk: Notify,
    /// Hints of other processes get through: one of ours came back.
    hearing: AtomicBool,
    /// Ends were written that are not folded into rollups yet.
    tallied: AtomicBool,
    cancels: broadcast::Sender<Uuid>,
}

impl Default for Hub {
    fn default() -> Self {
        Hub {
            queues: Mutex::default(),
            future: Notify::new(),
            schedules: Notify::new(),
            abandoned: Notify::new(),
            bulk: Notify::new(),
            hearing: AtomicBool::new(false),
            // Those of an earlier process of the same place.
            tallied: AtomicBool::new(true),
            cancels: broadcast::channel(1_024).0,
        }
    }
}

impl Hub {
    /// The bell of one queue.
    pub(crate) fn bell(&self, queue: &str) -> Arc<Bell> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(queue.to_owned()).or_default().clone()
    }

    /// How long to wait before asking the database without a hint, when `poll` is right for a process
    /// that gets none.
    pub(crate) fn poll(&self, poll: Duration) -> Duration {
        if self.hearing.load(Relaxed) {
            poll * HEARING_POLLS
        } else {
            poll
        }
    }

    /// Attempts have ended here.
    pub(crate) fn tallied(&self) {
        self.tallied.store(true, Relaxed);
    }

    /// True when attempts have ended here since this was asked last.
    pub(crate) fn take_tallied(&self) -> bool {
        self.tallied.swap(false, Relaxed)
    }

    /// Rings what a payload names. True when a claimer of this process waited for it.
    pub(crate) fn wake(&self, payload: &str) -> bool {
        match payload {
            ECHO => self.hearing.store(true, Relaxed),
            FUTURE => self.future.notify_one(),
            BULK => self.bulk.notify_one(),
            ALL => {
                self.future.notify_one();
                self.bulk.notify_one();
                return self.ring(|_| true);
            }
            queue => return self.ring(|name| name == queue),
        }
        false
    }

    fn ring(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = queues.iter().filter(|(name, _)| is_meant(name));
        meant.fold(false, |heard, (_, bell)| bell.ring() || heard)
    }

    /// Rings when a job waits for its time.
    pub(crate) async fn future(&self) {
        self.future.notified().await;
    }

    /// Rings when an act on many has work.
    pub(crate) async fn bulk(&self) {
        self.bulk.notified().await;
    }

    /// The declared schedules are others than before.
    pub(crate) fn schedules_changed(&self) {
        self.schedules.notify_one();
    }

    /// Rings when the declared schedules have changed.
    pub(crate) async fn schedules(&self) {
        self.schedules.notified().await;
    }

    /// A job was cancelled that others may be parts of.
    pub(crate) fn abandoned(&self) {
        self.abandoned.notify_one();
    }

    /// Rings when a job was cancelled here.
    pub(crate) async fn abandonment(&self) {
        self.abandoned.notified().await;
    }

    pub(crate) fn cancel(&self, id: Uuid) {
        // Nobody listens when this process runs nothing.
        let _ = self.cancels.send(id);
    }

    pub(crate) fn cancels(&self) -> broadcast::Receiver<Uuid> {
        self.cancels.subscribe()
    }
}

enum Hint {
    Send(&'static str, String),
    /// Somebody of this process has heard it and is at it.
    Later(&'static str, String),
    Flush(oneshot::Sender<()>),
}

/// Sends hints to other processes, coalesced: one small transaction at a time, however many jobs.
pub(crate) struct Hints(mpsc::UnboundedSender<Hint>);

impl Hints {
    /// Starts the sender; it ends when this is dropped and everything is sent.
    pub(crate) fn start(pool: PgPool) -> Hints {
        let (hints, inbox) = mpsc::unbounded_channel();
        tokio::spawn(send_all(pool, inbox));
        Hints(hints)
    }

    /// A queue has work; `heard` when a claimer of this process has been told.
    pub(crate) fn send(&self, payload: String, heard: bool) {
        if heard {
            let _ = self.0.send(Hint::Later(WAKE_CHANNEL, payload));
        } else {
            self.send_on(WAKE_CHANNEL, payload);
        }
    }

    pub(crate) fn send_on(&self, channel: &'static str, payload: String) {
        // The task is gone only when the runtime is.
        let _ = self.0.send(Hint::Send(channel, payload));
    }

    /// Returns once everything sent before is out.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(Hint::Flush(done)).is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn send_all(pool: PgPool, mut inbox: mpsc::UnboundedReceiver<Hint>) {
    let mut hints = Vec::new();
    while inbox.recv_many(&mut hints, MOST).await > 0 {
        if hints.iter().all(|hint| matches!(hint, Hint::Later(..))) {
            // Sent at once it would take the processor from the claim that it is about.
            tokio::time::sleep(GAP).await;
            while hints.len() < MOST
                && let Ok(more) = inbox.try_recv()
            {
                hints.push(more);
            }
        }
        let mut channels: HashMap<&str, BTreeSet<String>> = HashMap::new();
        let mut waiting = Vec::new();
        for hint in hints.drain(..) {
            match hint {
                Hint::Send(channel, payload) | Hint::Later(channel, payload) => {
                    channels.entry(channel).or_default().insert(payload);
                }
                Hint::Flush(done) => waiting.push(done),
            }
        }
        for (channel, payloads) in channels {
            let payloads: Vec<String> = payloads.into_iter().collect();
            if let Err(error) = send(&pool, channel, &payloads).await {
                tracing::debug!(%error, "could not send a hint; pollers will find the work");
            }
        }
        for done in waiting {
            let _ = done.send(());
        }
        tokio::time::sleep(GAP).await;
    }
}

async fn send(pool: &PgPool, channel: &str, payloads: &[String]) -> crate::Result<()> {
    notify(&mut *pool.acquire().await?, channel, payloads).await
}

/// Hears the hints of other processes until `stop`. After every reconnect all bells ring, since
/// what was said meanwhile is lost.
pub(crate) async fn listen(pool: PgPool, hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            result = hear(&pool, &hub) => {
                hub.hearing.store(false, Relaxed);
                if let Err(error) = result {
                    tracing::warn!(%error, "lost the listening connection; polling until it is back");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn hear(pool: &PgPool, hub: &Hub) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([WAKE_CHANNEL, CANCEL_CHANNEL]).await?;
    hub.wake(ALL);
    notify(
        &mut *pool.acquire().await?,
        WAKE_CHANNEL,
        &[ECHO.to_owned()],
    )
    .await
    .map_err(std::io::Error::other)?;
    loop {
        match listener.try_recv().await? {
            Some(heard) if heard.channel() == CANCEL_CHANNEL => {
                if let Ok(id) = heard.payload().parse() {
                    hub.cancel(id);
                }
            }
            Some(heard) => {
                hub.wake(heard.payload());
            }
            // The listener reconnected by itself.
            None => {
                hub.wake(ALL);
            }
        }
    }
}
