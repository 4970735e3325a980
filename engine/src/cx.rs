//! What a handler has of its attempt: who it is, whether it should stop, and the fence that lets its
//! own writes and the job's end commit together.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::flow::StepVersions;
use crate::worker::conclude::conclude;
use crate::{Backoff, Client, Entropy, Error, Failure, Fence, Outcome, Result, store};

/// Why an attempt was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Timeout,
    Cancelled,
    LeaseLost,
    Shutdown,
}

/// One attempt of one job, shared between its handler and the worker.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) fence: Fence,
    pub(crate) kind: String,
    pub(crate) queue: String,
    /// Its kind has limits, so that others may wait for it to end.
    pub(crate) is_limited: bool,
    pub(crate) failed: u32,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) timeout: Duration,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) tags: Vec<String>,
    pub(crate) trace_context: Option<String>,
    pub(crate) token: CancellationToken,
    pub(crate) stop: OnceLock<Stop>,
    pub(crate) started: tokio::time::Instant,
    /// How long a renewal of the lease lasts.
    pub(crate) lease: Duration,
    pub(crate) steps: StepVersions,
    /// Names of steps this attempt has reached.
    pub(crate) reached: Mutex<HashSet<String>>,
    pub(crate) progress_at: Mutex<Option<tokio::time::Instant>>,
}

impl Attempt {
    /// Tells the handler to stop. The first reason stands.
    pub(crate) fn stop(&self, why: Stop) {
        let _ = self.stop.set(why);
        self.token.cancel();
    }
}

/// The context of one attempt.
#[derive(Clone)]
pub struct Cx<E> {
    attempt: Arc<Attempt>,
    client: Client,
    entropy: Entropy,
    env: E,
}

impl<E> std::fmt::Debug for Cx<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("fence", &self.attempt.fence)
            .field("kind", &self.attempt.kind)
            .finish_non_exhaustive()
    }
}

impl<E> Cx<E> {
    pub(crate) fn new(attempt: Arc<Attempt>, client: Client, entropy: Entropy, env: E) -> Cx<E> {
        Cx {
            attempt,
            client,
            entropy,
            env,
        }
    }

    /// What the kind was registered with.
    pub fn env(&self) -> &E {
        &self.env
    }

    /// The engine, to enqueue and read.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The job's id.
    pub fn job_id(&self) -> Uuid {
        self.attempt.fence.job_id
    }

    /// The job this one is a part of.
    pub fn parent_id(&self) -> Option<Uuid> {
        self.attempt.parent_id
    }

    /// The words the job was tagged with.
    pub fn tags(&self) -> &[String] {
        &self.attempt.tags
    }

    /// The W3C `traceparent` of whoever asked.
    pub fn trace_context(&self) -> Option<&str> {
        self.attempt.trace_context.as_deref()
    }

    /// What every durable write of this attempt must name.
    pub fn fence(&self) -> Fence {
        self.attempt.fence
    }

    /// Attempts that failed before this one.
    pub fn failed(&self) -> u32 {
        self.attempt.failed
    }

    /// True when a failure of this attempt is the last.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt.failed + 1 >= self.attempt.max_attempts
    }

    /// A key for remotes that take one: the same for every attempt of this job.
    pub fn idempotency_key(&self) -> String {
        format!("{}", self.attempt.fence.job_id)
    }

    /// True once the attempt should stop: cancelled, timed out, lease lost, or the worker is leaving.
    pub fn is_stopped(&self) -> bool {
        self.attempt.token.is_cancelled()
    }

    /// Ends once the attempt should stop.
    pub async fn stopped(&self) {
        self.attempt.token.cancelled().await;
    }

    /// Proves that this attempt still owns its job and keeps it so until the transaction ends.
    /// Call it first in every transaction that must not be a zombie's.
    ///
    /// While the transaction is open nothing takes the job away, however long that is: a rescue skips the
    /// row, and a heartbeat counts it as held without renewing it. So the lease is renewed here, to its
    /// whole length from this statement on, and a transaction that is shorter than a lease never ends with
    /// one that has run out. One that may be longer calls this again as its last statement: what then
    /// follows its commit has a whole lease until the next heartbeat. A cancel is heard all the same,
    /// once the transaction has ended.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]: roll back, another attempt owns the job.
    pub async fn hold(&self, tx: &mut PgConnection) -> Result<()> {
        store::fence::hold(tx, &self.attempt.fence, self.attempt.lease).await
    }

    /// As [`Cx::hold`], for a transaction after which the next attempt goes on from there: the crashes so far
    /// count no more. A job whose workers are killed again and again is no poison while it gets on; one
    /// that kills them at the same place still is, after three.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]: roll back, another attempt owns the job.
    pub async fn checkpoint(&self, tx: &mut PgConnection) -> Result<()> {
        store::fence::checkpoint(tx, &self.attempt.fence, self.attempt.lease).await
    }

    /// Settles the job in the handler's own transaction: its writes and its end commit together, or
    /// neither does. Return the outcome it answers.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]: roll back, another attempt owns the job.
    pub async fn settle(&self, tx: &mut PgConnection, outcome: Outcome) -> Result<Outcome> {
        let result: std::result::Result<Outcome, Failure> = Ok(outcome);
        let Some(settlement) = conclude(&self.attempt, result, self.entropy.chance()) else {
            return Ok(Outcome::Settled);
        };
        let settled = store::settle::settle(tx, &[settlement]).await?;
        if settled.refused.is_empty() {
            if !settled.woken.is_empty() {
                store::wake::notify(tx, store::wake::WAKE_CHANNEL, &settled.woken).await?;
            }
            return Ok(Outcome::Settled);
        }
        Err(Error::LeaseLost {
            id: self.job_id(),
            attempt: self.attempt.fence.attempt,
        })
    }

    pub(crate) fn lease(&self) -> Duration {
        self.attempt.lease
    }

    pub(crate) fn step_versions(&self) -> StepVersions {
        self.attempt.steps
    }

    /// False when this attempt has reached a step of that name before.
    pub(crate) fn first_use_of_step(&self, name: &str) -> bool {
        let mut reached = lock(&self.attempt.reached);
        reached.insert(name.to_owned())
    }

    /// True when progress was last written so long ago; it counts as written then.
    pub(crate) fn progress_is_due(&self, every: Duration) -> bool {
        let mut at = lock(&self.attempt.progress_at);
        let is_due = at.is_none_or(|at| at.elapsed() >= every);
        if is_due {
            *at = Some(tokio::time::Instant::now());
        }
        is_due
    }
}

/// Nothing under these locks can stop half way.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
