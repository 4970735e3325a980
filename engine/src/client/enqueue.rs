//! Enqueue: alone or in the caller's transaction, one or thousands.

use sqlx::postgres::PgConnection;

use super::Client;
use crate::job::{Enqueued, NewJob};
use crate::store::enqueue::{Stored, enqueue};
use crate::{Error, Result};

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
        let enqueued = self.enqueue_all(std::slice::from_ref(&job)).await?;
        enqueued.into_iter().next().ok_or_else(|| Error::Invalid("nothing was enqueued".into()))
    }

    /// Enqueues many jobs, all or none, and answers in their order.
    ///
    /// # Errors
    /// As [`Client::enqueue`].
    pub async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
        let keyed = |job: &NewJob| job.unique.is_some() || job.idempotency.is_some();
        let stored = if jobs.iter().any(keyed) && jobs.len() > 1 {
            let jobs = jobs.to_vec();
            self.in_transaction(move |conn| Box::pin(async move { enqueue(conn, &jobs).await })).await?
        } else {
            // One statement is its own transaction.
            enqueue(&mut *self.pool.acquire().await?, jobs).await?
        };
        self.hint(&stored);
        Ok(stored.enqueued)
    }

    /// Enqueues in the caller's transaction: the jobs exist if and only if it commits. Workers are
    /// hinted by the transaction itself, once it has.
    ///
    /// # Errors
    /// As [`Client::enqueue`]; the transaction should then be rolled back.
    pub async fn enqueue_in(&self, tx: &mut PgConnection, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
        let stored = enqueue(tx, jobs).await?;
        crate::store::wake::notify(tx, crate::store::wake::WAKE_CHANNEL, &payloads(&stored)).await?;
        Ok(stored.enqueued)
    }

    pub(super) fn hint(&self, stored: &Stored) {
        for payload in payloads(stored) {
            self.hub.wake(&payload);
            self.hints.send(payload);
        }
    }
}

fn payloads(stored: &Stored) -> Vec<String> {
    let mut payloads = stored.wake.clone();
    if stored.future {
        payloads.push(crate::worker::wake::FUTURE.to_owned());
    }
    payloads
}
