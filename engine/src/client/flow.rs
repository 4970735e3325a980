//! Flow: batches with a finaliser, chains, and how far jobs are.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Client;
use crate::cursor::Cursor;
use crate::flow::{Batch, Progress, StepQuery, StepView};
use crate::job::{Answer, Enqueued, NewJob};
use crate::store::batch::Added;
use crate::store::{batch, cancel, flow, step};
use crate::view::Page;
use crate::{Error, Result};

/// Jobs a statement writes, so that none is long.
const CHUNK: usize = 5_000;
/// Results that are read at a time, and their bytes as they are stored.
const RESULTS: (i64, i64) = (500, 4 << 20);
/// Members a transaction cancels.
const CANCELS: i64 = 500;
/// The most jobs of a chain. When it breaks, each end is written inside the one before, by functions for
/// which Postgres has a stack of 2 MB.
pub const LONGEST_CHAIN: usize = 100;
/// The names of batches that an owner waits for before it has run.
const BATCH: &str = "batch";
const CHAIN: &str = "chain";

impl Client {
    /// Enqueues jobs and one that runs once all of them have ended, however they did. Gives the batch;
    /// its owner is the finaliser, which finds it with [`Client::batches`] of its own id. The same
    /// finaliser sent again gives the batch that is there, and enqueues nothing.
    ///
    /// # Errors
    /// As [`Client::enqueue`].
    pub async fn enqueue_batch(&self, jobs: Vec<NewJob>, finaliser: NewJob) -> Result<Batch> {
        let client = self.clone();
        let batch = self
            .in_transaction(move |tx| {
                Box::pin(async move { client.enqueue_batch_in(tx, jobs, finaliser).await })
            })
            .await?;
        Ok(batch)
    }

    /// [`Client::enqueue_batch`] in the caller's transaction.
    ///
    /// # Errors
    /// As [`Client::enqueue`]; the transaction should then be rolled back.
    pub async fn enqueue_batch_in(
        &self,
        tx: &mut PgConnection,
        jobs: Vec<NewJob>,
        mut finaliser: NewJob,
    ) -> Result<Batch> {
        let id = Uuid::now_v7();
        if !jobs.is_empty() {
            finaliser.waits_for = Some(id);
        }
        let owner = finaliser.id;
        if !batch::insert(tx, id, owner, BATCH, false).await? {
            return batch::named(tx, owner, BATCH)
                .await?
                .ok_or(Error::NoJob(owner));
        }
        let parts = jobs.into_iter().map(|job| job.parent(owner)).collect();
        self.fill(tx, id, parts).await?;
        let finaliser = self.enqueue_in(tx, &[finaliser]).await?;
        if finaliser
            .first()
            .is_none_or(|one| one.answer != Answer::Inserted)
        {
            return Err(Error::Invalid(
                "a finaliser must be a new job: its id or key is taken".into(),
            ));
        }
        // What stood for members may all have ended: then nobody else wakes the finaliser.
        batch::look(tx, id).await?;
        batch::get(tx, id).await?.ok_or(Error::NoJob(id))
    }

    /// Enqueues jobs that run one after the other, each only if the one before it completed. When one
    /// dies or is cancelled, those after it are cancelled. The same jobs sent again are one chain.
    ///
    /// # Errors
    /// As [`Client::enqueue`]; [`Error::Invalid`] when an id or a key is taken, and beyond
    /// [`LONGEST_CHAIN`] jobs.
    pub async fn enqueue_chain(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        let client = self.clone();
        self.in_transaction(move |tx| {
            Box::pin(async move { client.enqueue_chain_in(tx, jobs).await })
        })
        .await
    }

    /// [`Client::enqueue_chain`] in the caller's transaction.
    ///
    /// # Errors
    /// As [`Client::enqueue_chain`]; the transaction should then be rolled back.
    pub async fn enqueue_chain_in(
        &self,
        tx: &mut PgConnection,
        mut jobs: Vec<NewJob>,
    ) -> Result<Vec<Enqueued>> {
        if jobs.len() > LONGEST_CHAIN {
            return Err(Error::Invalid(format!(
                "a chain of {} jobs: at most {LONGEST_CHAIN} are taken",
                jobs.len()
            )));
        }
        // Sent before: then its links are there, and all of its jobs must be.
        let mut links = 0;
        for next in 1..jobs.len() {
            let id = Uuid::now_v7();
            if !batch::insert(tx, id, jobs[next].id, CHAIN, true).await? {
                continue;
            }
            links += 1;
            let link = Added {
                pending: 1,
                ..Added::default()
            };
            batch::add(tx, id, link).await?;
            jobs[next].waits_for = Some(id);
            jobs[next - 1].batch_id = Some(id);
        }
        let enqueued = self.enqueue_in(tx, &jobs).await?;
        let all = |answer| enqueued.iter().all(|one| one.answer == answer);
        let is_same = enqueued
            .iter()
            .zip(&jobs)
            .all(|(one, job)| one.id == job.id);
        let is_new = links + 1 >= jobs.len() && all(Answer::Inserted);
        let is_repeated = links == 0 && all(Answer::Existing) && is_same;
        if !is_new && !is_repeated {
            return Err(Error::Invalid(
                "the jobs of a chain must be new: an id or key of theirs is taken".into(),
            ));
        }
        Ok(enqueued)
    }

    /// The batches a job waits or waited for, oldest first, without their `twins`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn batches(&self, owner_id: Uuid) -> Result<Vec<Batch>> {
        batch::owned(&mut *self.inner.pool.acquire().await?, owner_id).await
    }

    /// One batch.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn batch(&self, id: Uuid) -> Result<Option<Batch>> {
        batch::get(&mut *self.inner.pool.acquire().await?, id).await
    }

    /// The results of the members that completed, in the order of their ids; read in pages as they are
    /// taken, so that a batch of any size needs little memory.
    ///
    /// # Errors
    /// [`Error::Database`], which ends it.
    pub fn batch_results(&self, id: Uuid) -> BoxStream<'_, Result<Value>> {
        let pages = stream::try_unfold(Uuid::nil(), move |after| async move {
            let mut conn = self.inner.pool.acquire().await?;
            let page = batch::results(&mut conn, id, after, RESULTS).await?;
            let last = page.last().map(|(job_id, _)| *job_id);
            let values = page.into_iter().map(|(_, value)| Ok(value));
            Ok::<_, Error>(last.map(|last| (stream::iter(values), last)))
        });
        pages.try_flatten().boxed()
    }

    /// How far a job last said it was.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn progress(&self, job_id: Uuid) -> Result<Option<Progress>> {
        flow::read_progress(&mut *self.inner.pool.acquire().await?, job_id).await
    }

    /// The steps a job has behind it, oldest first, page by page.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place of another list; [`Error::Database`].
    pub async fn steps(&self, job_id: Uuid, query: &StepQuery) -> Result<Page<StepView, String>> {
        Cursor::check(query.after.as_ref(), true)?;
        let limit = query.limit.unwrap_or(50).clamp(1, 500);
        let mut conn = self.inner.pool.acquire().await?;
        let steps = step::list(&mut conn, job_id, query, i64::from(limit) + 1).await?;
        Ok(Page::of(steps, limit, |step| Cursor {
            at: Some(step.ended_at),
            key: step.name.clone(),
        }))
    }

    /// Makes a batch that `owner` waits for, with these members; gives its id and whether jobs of others
    /// stand for some.
    pub(crate) async fn enqueue_members(
        &self,
        tx: &mut PgConnection,
        owner: Uuid,
        name: &str,
        parts: Vec<NewJob>,
    ) -> Result<(Uuid, bool)> {
        let id = Uuid::now_v7();
        if !batch::insert(tx, id, owner, name, false).await? {
            return Err(Error::Invalid(format!(
                "{name:?} is the name of a batch that this job waited for before it ran: give the step another"
            )));
        }
        let parts = parts.into_iter().map(|part| part.parent(owner)).collect();
        Ok((id, self.fill(tx, id, parts).await?))
    }

    /// Enqueues the members of a batch; true when jobs of others stand for some.
    async fn fill(&self, tx: &mut PgConnection, id: Uuid, mut parts: Vec<NewJob>) -> Result<bool> {
        for part in &mut parts {
            part.batch_id = Some(id);
        }
        let mut stood_for = false;
        for chunk in parts.chunks(CHUNK) {
            let enqueued = self.enqueue_in(tx, chunk).await?;
            let mut added = Added::default();
            for (stands, part) in enqueued.iter().zip(chunk) {
                if stands.id == part.id {
                    // One that was there before counts in no batch, or in another.
                    if stands.answer == Answer::Existing {
                        return Err(Error::Invalid(format!(
                            "job {}: the jobs of a batch must be new, and its id is taken",
                            part.id
                        )));
                    }
                    added.pending += 1;
                    continue;
                }
                added.twins.push(stands.id);
            }
            // In the order in which those lock them who end them.
            let mut standing = added.twins.clone();
            standing.sort_unstable();
            if !standing.is_empty() {
                batch::stand_for(tx, id, &standing, &mut added).await?;
            }
            stood_for |= !added.twins.is_empty();
            batch::add(tx, id, added).await?;
        }
        Ok(stood_for)
    }

    /// Cancels the members of batches whose owners were cancelled, until there are none left; gives how
    /// many jobs it told.
    pub(crate) async fn cancel_abandoned(&self) -> Result<u64> {
        let (mut told, mut place) = (0, (Uuid::nil(), Uuid::nil()));
        while let Some(some) = self.cancel_some(&mut place).await? {
            told += some;
        }
        Ok(told)
    }

    /// Cancels some of them; none where no batch is left. `place` is the batch and the last member that were told, so that
    /// none is looked at again with each chunk.
    pub(crate) async fn cancel_some(&self, place: &mut (Uuid, Uuid)) -> Result<Option<u64>> {
        let mut conn = self.inner.singles.acquire().await?;
        let Some(id) = batch::abandoned(&mut conn).await? else {
            return Ok(None);
        };
        let after = if place.0 == id { place.1 } else { Uuid::nil() };
        let members = batch::live_members(&mut conn, id, after, CANCELS).await?;
        *place = (id, members.last().copied().unwrap_or_default());
        // Once more from the beginning before it is settled: somebody may have brought one back to life.
        if members.is_empty() && after.is_nil() {
            batch::settle_abandoned(&mut conn, id).await?;
        }
        drop(conn);
        let mut told = 0;
        for member in members {
            told += u64::from(self.cancel_member(member).await?);
        }
        Ok(Some(told))
    }

    async fn cancel_member(&self, id: Uuid) -> Result<bool> {
        let done = self
            .in_transaction(move |tx| {
                Box::pin(async move {
                    cancel::cancel(tx, id, "the job it is a part of was cancelled").await
                })
            })
            .await?;
        if done.as_ref().is_some_and(|done| done.requested) {
            self.ask_to_stop(id);
        }
        Ok(done.is_some())
    }
}
