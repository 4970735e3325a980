//! One bucket for all tasks of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use super::bucket::{Bucket, BucketConfig, CallId, Wait};
use super::{Acquiring, Budget, Charge, Cost};

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
                Ok(call) => {
                    return Ok(Permit {
                        bucket: self.clone(),
                        call: Some(call),
                    });
                }
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

impl Budget for SharedBucket {
    fn acquire(&self, cost: u32, patience: Duration) -> Acquiring<'_> {
        Box::pin(async move {
            let permit = self.acquire_within(cost, patience).await?;
            Ok(Box::new(permit) as Box<dyn Charge>)
        })
    }

    fn capacity(&self) -> u32 {
        SharedBucket::capacity(self)
    }
}

impl Charge for Permit {
    fn settle(self: Box<Self>, reading: Option<Cost>) {
        Permit::settle(*self, reading);
    }

    fn refused(
        self: Box<Self>,
        cost: u32,
        available: Option<u32>,
        after: Option<Duration>,
    ) -> Option<Duration> {
        let bucket = self.bucket.clone();
        Permit::refused(*self, available, after);
        match bucket.wait_before(cost) {
            Wait::For(span) => Some(span),
            Wait::Go | Wait::ForReading | Wait::Never => None,
        }
    }

    fn unsent(self: Box<Self>) {
        Permit::unsent(*self);
    }
}

/// Tokio's clock, so that tests can pin it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bucket of 5 tokens a second that is known to hold `available`.
    async fn holding(available: u32) -> SharedBucket {
        let bucket = SharedBucket::new(BucketConfig::default());
        let permit = bucket.acquire(0).await.unwrap();
        permit.settle(Some(Cost { cost: 0, available }));
        bucket
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_as_long_as_its_tokens_take() {
        let bucket = holding(0).await;
        let start = tokio::time::Instant::now();

        let permit = bucket.acquire(50).await;

        assert!(permit.is_ok());
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cheap_call_does_not_overtake_a_dear_one() {
        let bucket = holding(10).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = tokio::task::JoinSet::new();
        for cost in [100, 1] {
            let (bucket, order) = (bucket.clone(), Arc::clone(&order));
            calls.spawn(async move {
                let permit = bucket.acquire(cost).await.unwrap();
                order.lock().unwrap().push(cost);
                drop(permit);
            });
            // Lets the call get in line before the next one is made.
            tokio::task::yield_now().await;
        }

        calls.join_all().await;

        assert_eq!(*order.lock().unwrap(), [100, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn giving_up_takes_nothing_and_tells_the_wait() {
        let bucket = holding(0).await;

        let wait = bucket
            .acquire_within(50, Duration::from_secs(2))
            .await
            .map(|_| ());

        assert_eq!(wait, Err(Wait::For(Duration::from_secs(10))));
        assert_eq!(bucket.wait_before(50), Wait::For(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn all_wait_for_the_first_reading_and_go_on_when_the_first_call_is_lost() {
        let bucket = SharedBucket::new(BucketConfig::default());
        let first = bucket.acquire(10).await.unwrap();
        let waiting = tokio::spawn({
            let bucket = bucket.clone();
            async move { bucket.acquire(10).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        drop(first);

        assert!(waiting.await.unwrap());
    }
}
