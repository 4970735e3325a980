//! Enqueue: alone or in the caller's transaction, one or thousands.

use futures::{StreamExt, TryStreamExt, stream};
use sqlx::postgres::PgConnection;

use super::{Bells, Client};
use crate::job::{Enqueued, NewJob};
use crate::store::enqueue::{Hint, Stored, enqueue, enqueue_new};
use crate::{Error, Result};

/// How often a transaction is begun before its conflict is the caller's.
const MOST_TRIES: u32 = 5;
/// Jobs of one transaction of [`Client::enqueue_in_parts`]; more gain nothing, fewer wait for the disk more often.
const PART: usize = 2_500;
/// A job with a key of its own counts as so many: its transaction holds the key.
const KEYED: usize = 5;
/// So many bytes of args count as a job.
const WEIGHT: usize = 2_000;
/// So many that the server writes one while the next is put together.
const PARTS_AT_A_TIME: usize = 3;

impl Client {
    /// Enqueues one job and returns once it is durable.
    ///
    /// ```no_run
    /// # async fn example(client: engine::Client) -> engine::Result<()> {
    /// let args = serde_json::json!({"company_id": 42});
    /// let enqueued = client.enqueue(engine::NewJob::new("soundtrack.sync_zones", &args)).await?;
    /// println!("{} {}", enqueued.id, enqueued.answer);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] before anything is sent; [`Error::IdempotencyMismatch`];
    /// [`Error::Database`]. After a lost connection, send the same [`NewJob`] again: its id makes it
    /// one job.
    pub async fn enqueue(&self, job: NewJob) -> Result<Enqueued> {
        job.checked_args()?;
        if let Some(stored) = self.inner.together.enqueue(&job).await {
            return Ok(stored);
        }
        let enqueued = self.enqueue_all(std::slice::from_ref(&job)).await?;
        enqueued
            .into_iter()
            .next()
            .ok_or_else(|| Error::Invalid("nothing was enqueued".into()))
    }

    /// Enqueues any number of jobs, up to 2,500 a transaction and a few of those at a time, and answers in
    /// their order. Not all or none: after an error, send the same jobs again, and each will be one job.
    ///
    /// # Errors
    /// As [`Client::enqueue`], the first that occurred.
    pub async fn enqueue_in_parts(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
        let parts: Vec<Vec<Enqueued>> = stream::iter(parts(jobs))
            .map(|part| self.enqueue_all(part))
            .buffered(PARTS_AT_A_TIME)
            .try_collect()
            .await?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Enqueues many jobs, all or none, and answers in their order.
    ///
    /// # Errors
    /// As [`Client::enqueue`].
    pub async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
        let mut tries = 1;
        let stored = loop {
            match self.enqueue_once(jobs).await {
                // Two that lock keys and rows crosswise: one of them was chosen to begin again.
                Err(error) if error.is_conflict() && tries < MOST_TRIES => tries += 1,
                done => break done?,
            }
        };
        self.hint(&stored);
        Ok(stored.enqueued)
    }

    async fn enqueue_once(&self, jobs: &[NewJob]) -> Result<Stored> {
        let keyed = |job: &NewJob| job.needs_its_own_call();
        if jobs.iter().any(keyed) && jobs.len() > 1 {
            let jobs = jobs.to_vec();
            return self
                .in_transaction(move |conn| {
                    Box::pin(async move { enqueue(conn, &jobs, Hint::Caller).await })
                })
                .await;
        }
        // One statement is its own transaction.
        let mut conn = self.inner.singles.acquire().await?;
        if !jobs.iter().any(keyed) {
            match enqueue_new(&mut conn, jobs).await {
                // Sent before, and the answer was lost.
                Err(error) if error.is_twin() => {}
                done => return done,
            }
        }
        enqueue(&mut conn, jobs, Hint::Caller).await
    }

    /// Enqueues in the caller's transaction: the jobs exist if and only if it commits. Workers are
    /// hinted by the transaction itself, once it has.
    ///
    /// # Errors
    /// As [`Client::enqueue`]; the transaction should then be rolled back.
    pub async fn enqueue_in(
        &self,
        tx: &mut PgConnection,
        jobs: &[NewJob],
    ) -> Result<Vec<Enqueued>> {
        Ok(enqueue(tx, jobs, Hint::Transaction).await?.enqueued)
    }

    /// A queue has work: for this process and, soon, all others.
    pub(crate) fn wake(&self, queue: &str) {
        self.inner.bells.wake(queue.to_owned());
    }

    pub(super) fn hint(&self, stored: &Stored) {
        self.inner.bells.ring(stored);
    }
}

/// In their order, each of one job or of what is not too much for a transaction.
fn parts(mut jobs: &[NewJob]) -> impl Iterator<Item = &[NewJob]> {
    std::iter::from_fn(move || {
        let mut weight = 0;
        let fits = |job: &&NewJob| {
            let keyed = if job.needs_its_own_call() { KEYED } else { 1 };
            weight += keyed + job.args.as_ref().map_or(0, String::len) / WEIGHT;
            weight <= PART
        };
        let most = jobs.iter().take_while(fits).count().max(1);
        let (part, rest) = jobs.split_at_checked(most)?;
        jobs = rest;
        Some(part)
    })
}

impl Bells {
    pub(super) fn ring(&self, stored: &Stored) {
        for payload in payloads(stored) {
            self.wake(payload);
        }
    }

    fn wake(&self, payload: String) {
        let heard = self.hub.wake(&payload);
        self.hints.send(payload, heard);
    }
}

fn payloads(stored: &Stored) -> Vec<String> {
    let mut payloads = stored.wake.clone();
    if stored.future {
        payloads.push(crate::worker::wake::FUTURE.to_owned());
    }
    payloads
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Twin, UniqueScope};

    #[test]
    fn a_part_is_as_long_as_its_transaction_may_be() {
        let plain = NewJob::new("test.act", &json!({}));
        let keyed = plain.clone().unique("one", UniqueScope::Queued, Twin::Keep);
        let large = NewJob::new("test.act", &json!("x".repeat(200_000)));
        let too_large = NewJob::new("test.act", &json!("x".repeat(PART * WEIGHT)));
        let jobs = [
            vec![plain; PART + 1],
            vec![keyed; PART / KEYED],
            vec![large; 30],
            vec![too_large],
        ]
        .concat();

        let parts: Vec<&[NewJob]> = parts(&jobs).collect();

        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [PART, PART / KEYED, 25, 6, 1]);
        assert_eq!(parts.concat().len(), jobs.len());
    }
}
