//! Read: jobs, attempts, queues, kinds, workers, pauses, alerts, audit.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Client;
use crate::control::{Alert, AuditEntry, Finding, Pause, PauseScope};
use crate::cursor::Cursor;
use crate::log::AttemptLog;
use crate::retry::Policy;
use crate::store::{alert, audit, group, kind, list, load, log, pause, read, verify, why, worker};
use crate::view::{
    AttemptView, DeadGroup, JobQuery, JobView, Page, QueueView, Searched, ServerView, WorkerPlace,
    WorkerView,
};
use crate::why::WhyView;
use crate::{Error, Result, State};

const DEFAULT_PAGE: u16 = 50;
pub(super) const LARGEST_PAGE: u16 = 500;
/// Attempts whose logs are shown when nobody says which.
const LOGGED_ATTEMPTS: i64 = 5;

impl Client {
    /// One job, if there is such.
    ///
    /// # Errors
    /// [`Error::Database`], as everything here.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobView>> {
        read::job(&mut *self.inner.reads.acquire().await?, id).await
    }

    /// A page of the jobs that meet a filter, newest first: by their end where all are dead or
    /// cancelled, else by their id, which is the time of creation.
    ///
    /// A page comes within 100 ms: one that few jobs meet may come short and say how far it looked.
    ///
    /// # Errors
    /// [`Error::TooBroad`] when the database takes seconds for it; [`Error::Invalid`] for a place in another list.
    pub async fn jobs(&self, query: impl Into<JobQuery>) -> Result<Page<JobView>> {
        let query = query.into();
        let limit = query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE);
        let mut conn = self.inner.reads.acquire().await?;
        list::page(&mut conn, &query.filter, query.before, limit).await
    }

    /// As [`Client::jobs`], and searches on until the page is full, the list ends or `patience` is over.
    ///
    /// # Errors
    /// Those of [`Client::jobs`].
    pub async fn search(
        &self,
        query: impl Into<JobQuery>,
        patience: Duration,
    ) -> Result<Page<JobView>> {
        let mut query = query.into();
        let limit = query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE);
        let begun = Instant::now();
        let (mut data, mut rows) = (Vec::new(), 0);
        loop {
            query.limit = Some(limit - u16::try_from(data.len()).unwrap_or(limit));
            let page = self.jobs(query.clone()).await?;
            data.extend(page.data);
            rows += page.searched.map_or(0, |searched| searched.rows);
            if page.searched.is_none() || begun.elapsed() >= patience {
                return Ok(Page {
                    data,
                    next: page.next,
                    searched: page.searched.map(|searched| Searched { rows, ..searched }),
                });
            }
            query.before = page.next;
        }
    }

    /// A page of the groups of dead letters, the newest letter first. A letter is in its group a few
    /// seconds after its death.
    pub async fn dead_groups(
        &self,
        before: Option<&Cursor<String>>,
        limit: u16,
    ) -> Result<Page<DeadGroup, String>> {
        Cursor::check(before, true)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        let mut conn = self.inner.pool.acquire().await?;
        let data = group::list(&mut conn, None, before, i64::from(limit) + 1).await?;
        Ok(Page::of(data, limit, |group| Cursor {
            at: Some(group.last_seen_at),
            key: group.fingerprint.clone(),
        }))
    }

    /// One group of dead letters, also when all of them were replayed.
    pub async fn dead_group(&self, fingerprint: &str) -> Result<Option<DeadGroup>> {
        let mut conn = self.inner.pool.acquire().await?;
        Ok(group::list(&mut conn, Some(fingerprint), None, 1)
            .await?
            .pop())
    }

    /// Why a job stands where it stands, and what happens next; none when there is no such job.
    pub async fn why(&self, id: Uuid) -> Result<Option<WhyView>> {
        why::why(&mut *self.inner.pool.acquire().await?, id).await
    }

    /// The attempts of a job, oldest first.
    pub async fn attempts(&self, id: Uuid) -> Result<Vec<AttemptView>> {
        read::attempts(&mut *self.inner.reads.acquire().await?, id).await
    }

    /// What the handler of a job said in its attempts, oldest first: in that one, or in the last five that
    /// said something. Lines come within three seconds, and soon after the end of their attempt.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn job_logs(&self, id: Uuid, attempt: Option<i32>) -> Result<Vec<AttemptLog>> {
        log::list(
            &mut *self.inner.pool.acquire().await?,
            id,
            attempt,
            LOGGED_ATTEMPTS,
        )
        .await
    }

    /// Every queue with what it holds.
    pub async fn queues(&self) -> Result<Vec<QueueView>> {
        let depths = self.depths().await?;
        read::queues(&mut *self.inner.pool.acquire().await?, &depths).await
    }

    /// A page of workers, the living first, and among them those that started last. One that dies
    /// between two pages may be missed.
    pub async fn workers(
        &self,
        before: Option<&Cursor<WorkerPlace>>,
        limit: u16,
    ) -> Result<Page<WorkerView, WorkerPlace>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        let before = before.map(|before| before.key);
        let mut conn = self.inner.pool.acquire().await?;
        let rows = worker::list(&mut conn, before, i64::from(limit) + 1).await?;
        Ok(Page::of(rows, limit, |worker| {
            Cursor::of(WorkerPlace {
                alive: worker.alive,
                id: worker.id,
            })
        }))
    }

    /// How many workers are alive.
    pub async fn workers_alive(&self) -> Result<i64> {
        worker::alive(&mut *self.inner.pool.acquire().await?).await
    }

    /// Every kind that a worker has ever registered, with the policy it registered last.
    pub async fn kinds(&self) -> Result<Vec<(String, Policy)>> {
        kind::list(&mut *self.inner.pool.acquire().await?).await
    }

    /// Everything of a scope that is paused.
    pub async fn pauses(&self, scope: PauseScope) -> Result<Vec<Pause>> {
        pause::list(&mut *self.inner.pool.acquire().await?, scope).await
    }

    /// What a person should look at now. Waiting jobs as they were counted last, like [`Client::depths`].
    pub async fn alerts(&self) -> Result<Vec<Alert>> {
        let depths = self.depths().await?;
        alert::list(&mut *self.inner.pool.acquire().await?, &depths).await
    }

    /// Looks for anything the engine promises never happens. Reads every job: for doctors, not for
    /// dashboards.
    pub async fn verify(&self) -> Result<Vec<Finding>> {
        verify::verify(&mut *self.inner.pool.acquire().await?).await
    }

    /// Bytes of write-ahead log of the whole server and commits in this database so far, for
    /// benchmarks. Commits show up to a second late.
    pub async fn written(&self) -> Result<(i64, i64)> {
        load::written(&mut *self.inner.pool.acquire().await?).await
    }

    /// What the server says of its clock and its durability.
    pub async fn server(&self) -> Result<ServerView> {
        load::server(&mut *self.inner.pool.acquire().await?).await
    }

    /// The newest audit rows, of one target or of all.
    pub async fn audit(&self, target: Option<&str>, limit: u16) -> Result<Vec<AuditEntry>> {
        Ok(self.audit_page(target, None, limit).await?.data)
    }

    /// A page of audit rows, newest first: those older than the row `before`, at most `limit`, 500 at
    /// the most.
    pub async fn audit_page(
        &self,
        target: Option<&str>,
        before: Option<&Cursor<i64>>,
        limit: u16,
    ) -> Result<Page<AuditEntry, i64>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        let before = before.map(|before| before.key);
        let mut conn = self.inner.pool.acquire().await?;
        let rows = audit::list(&mut conn, target, before, i64::from(limit) + 1).await?;
        Ok(Page::of(rows, limit, |entry| Cursor::of(entry.id)))
    }

    /// Waits until the job has ended, at most `patience`; the state it then has, terminal or not.
    /// A database that goes away meanwhile is waited for, within the same patience.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::Database`].
    pub async fn wait(&self, id: Uuid, patience: Duration) -> Result<State> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut pause = Duration::from_millis(5);
        loop {
            let is_over = tokio::time::Instant::now() >= deadline;
            match self.state(id).await {
                Ok(state) if state.is_terminal() || is_over => return Ok(state),
                Err(error) if is_over || !error.is_unavailable() => return Err(error),
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + pause)).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    async fn state(&self, id: Uuid) -> Result<State> {
        let state = read::state(&mut *self.inner.reads.acquire().await?, id).await?;
        state.ok_or(Error::NoJob(id))
    }
}
