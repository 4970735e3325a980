//! Partition: ordered keys that a dead job holds up, and letting them go on without it.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Client;
use super::read::LARGEST_PAGE;
use crate::control::{Actor, PartitionBlock};
use crate::cursor::Cursor;
use crate::store::{audit, partition, wake};
use crate::worker::wake::ALL;
use crate::{Error, Page, Result};

impl Client {
    /// A page of ordered partitions that a dead job holds up, the longest first: those behind the place
    /// `after`, at most `limit`, 500 at the most.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place of another list, [`Error::Database`].
    pub async fn blocked_partitions(
        &self,
        after: Option<&Cursor<String>>,
        limit: u16,
    ) -> Result<Page<PartitionBlock, String>> {
        Cursor::check(after, true)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        let mut conn = self.inner.pool.acquire().await?;
        let data = partition::blocked(&mut conn, after, i64::from(limit) + 1).await?;
        Ok(Page::of(data, limit, |block| Cursor {
            at: Some(block.blocked_at),
            key: block.partition_key.clone(),
        }))
    }

    /// Lets an ordered partition go on without the dead job that holds it up, and says which that was.
    /// The job stays a dead letter. To let it try on instead, retry it.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when nothing holds up a partition of this key.
    pub async fn skip_dead(&self, key: &str, actor: &Actor, reason: Option<&str>) -> Result<Uuid> {
        let (subject, actor, reason) = (key.to_owned(), actor.clone(), reason.map(str::to_owned));
        let skipped = self
            .in_transaction(move |tx| {
                Box::pin(async move {
                    let job_id = skip(tx, &subject).await?;
                    let detail = serde_json::json!({"skipped": job_id, "reason": reason});
                    audit::record(tx, &actor, "partition.skip", &subject, Some(detail)).await?;
                    Ok(job_id)
                })
            })
            .await?;
        self.wake(ALL);
        Ok(skipped)
    }

    /// [`Client::skip_dead`] in the caller's transaction; the audit row is the caller's to write.
    ///
    /// # Errors
    /// As [`Client::skip_dead`].
    pub async fn skip_dead_in(&self, tx: &mut PgConnection, key: &str) -> Result<Uuid> {
        let job_id = skip(tx, key).await?;
        wake::notify(tx, wake::WAKE_CHANNEL, &[ALL.to_owned()]).await?;
        Ok(job_id)
    }
}

async fn skip(tx: &mut PgConnection, key: &str) -> Result<Uuid> {
    partition::skip(tx, key)
        .await?
        .ok_or_else(|| Error::NoSuch {
            what: "blocked partition",
            name: key.to_owned(),
        })
}
