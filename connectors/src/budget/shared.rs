//! One bucket for all tasks of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use super::bucket::{Bucket, BucketConfig, CallId, Wait};
use super::Cost;

/// A [`Bucket`] that many tasks draw from. Cheap to clone; clones are the same bucket.
#[derive(Clone, Debug)]
pub struct SharedBucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bucket: Mutex<Bucket>,
    // First come, first served: without a line, cheap calls would keep a dear one waiting for ever.
    line: Semaphore,
    settled: Notify,
}

impl SharedBucket {
    /// A bucket for one token of one remote.
    #[must_use]
    pub fn new(config: BucketConfig) -> Self {
        Self(Arc::new(Inner {
            bucket: Mutex::new(Bucket::new(config, now())),
            line: Semaphore::new(1),
            settled: Notify::new(),
        }))
    }

    /// Waits, in the order of asking, until a call of `cost` tokens may be sent, and takes them.
    /// Dropping the future takes nothing. Send at once, then tell the permit how the call ended.
    ///
    /// # Errors
    /// [`Wait::Never`] if the bucket never holds as many tokens; no other.
    pub async fn acquire(&self, cost: u32) -> Result<Permit, Wait> {
        let turn = self.0.line.acquire().await;
        let _turn = turn.expect("the line is never closed");
        loop {
            let settled = self.0.settled.notified();
            tokio::pin!(settled);
            // Listening starts before looking, so that no settling falls between the two.
            settled.as_mut().enable();
            let reserved = self.lock().reserve(cost, now());
            match reserved {
                Ok(call) => return Ok(Permit { bucket: self.clone(), call: Some(call) }),
                Err(Wait::Never) => return Err(Wait::Never),
                Err(Wait::For(span)) => {
                    tokio::select! {
                        () = tokio::time::sleep(span) => {}
                        () = settled => {}
                    }
                }
                Err(Wait::ForReading | Wait::Go) => settled.await,
            }
        }
    }

    /// Like [`acquire`](Self::acquire), and gives up when it would take longer than `patience`,
    /// so that a worker is not held by a wait that the queue can do for it.
    ///
    /// # Errors
    /// The wait as it looks when giving up.
    pub async fn acquire_within(&self, cost: u32, patience: Duration) -> Result<Permit, Wait> {
        match self.wait_before(cost) {
            Wait::For(span) if span > patience => return Err(Wait::For(span)),
            _ => {}
        }
        let in_time = tokio::time::timeout(patience, self.acquire(cost)).await;
        in_time.unwrap_or_else(|_| match self.wait_before(cost) {
            // Others in the line are first; a second is the least that lets some of them through.
            Wait::Go | Wait::ForReading => Err(Wait::For(Duration::from_secs(1))),
            wait => Err(wait),
        })
    }

    /// How long a call of `cost` tokens would wait if none were before it.
    #[must_use]
    pub fn wait_before(&self, cost: u32) -> Wait {
        self.lock().wait_before(cost, now())
    }

    /// See [`Bucket::capacity`].
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.lock().capacity()
    }

    /// See [`Bucket::refill_per_s`].
    #[must_use]
    pub fn refill_per_s(&self) -> f64 {
        self.lock().refill_per_s()
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        // No method of a bucket can stop half way, so a panic elsewhere leaves it whole.
        self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send one call. Dropped without a word, its tokens count as spent.
#[derive(Debug)]
pub struct Permit {
    bucket: SharedBucket,
    call: Option<CallId>,
}

impl Permit {
    /// The call ended; `reading` is what its reply said of the bucket, if anything.
    pub fn settle(mut self, reading: Option<Cost>) {
        self.end(|bucket, call| bucket.settle(call, reading, now()));
    }

    /// The rate limit refused the call; see [`Bucket::refuse`].
    pub fn refused(mut self, available: Option<u32>, after: Option<Duration>) {
        self.end(|bucket, call| bucket.refuse(call, available, after, now()));
    }

    /// The call was never sent.
    pub fn unsent(mut self) {
        self.end(|bucket, call| bucket.cancel(call, now()));
    }

    fn end(&mut self, book: impl FnOnce(&mut Bucket, CallId)) {
        if let Some(call) = self.call.take() {
            book(&mut self.bucket.lock(), call);
            self.bucket.0.settled.notify_waiters();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(|bucket, call| bucket.settle(call, None, now()));
    }
}

/// Tokio's clock, so that tests can pin it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
