//! Acts on many jobs: look before, make one, watch it, stop it, let it go on, and do its next chunk.

use std::time::Duration;

use uuid::Uuid;

use super::Client;
use crate::bulk::{self, BulkAct, BulkPreview, BulkResult, BulkState, BulkView, NewBulk};
use crate::control::Actor;
use crate::store::audit;
use crate::store::bulk as store;
use crate::store::bulk::chunk::{self, Chunk, Way, told};
use crate::store::bulk::preview;
use crate::worker::wake::BULK;
use crate::{Cursor, Error, Page, Result};

/// Chunks that may fail in a row.
const MOST_FAILURES: i16 = 5;
/// Acts a page has at most.
const LARGEST_PAGE: u16 = 500;

impl Client {
    /// What an act would be done to now, counted within two seconds and ten thousand jobs.
    ///
    /// # Errors
    /// Those with which [`Client::start_bulk`] would refuse it; [`Error::Database`].
    pub async fn preview_bulk(&self, new: &NewBulk) -> Result<BulkPreview> {
        let (act, meant) = (new.act, new.checked()?);
        self.in_transaction(move |conn| {
            Box::pin(async move { preview::preview(conn, act, &meant).await })
        })
        .await
    }

    /// Makes an act on all jobs that meet its filter now; any worker process does it, chunk by chunk. True
    /// when it is new: the same id or idempotency key gives the act that was made.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what to change; [`Error::BadFilter`]; [`Error::IdempotencyMismatch`].
    pub async fn start_bulk(&self, new: &NewBulk, actor: &Actor) -> Result<(BulkView, bool)> {
        let meant = new.checked()?;
        let (ids, all) = self
            .in_transaction(move |conn| {
                Box::pin(async move { preview::matched(conn, &meant).await })
            })
            .await?;
        let matched = (i64::try_from(ids.len()).unwrap_or(i64::MAX), all);
        let (new, actor) = (new.clone(), actor.clone());
        let made = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let (id, is_new) = store::insert(conn, &new, matched, &actor).await?;
                    let view = store::get(conn, id).await?;
                    let view = view.ok_or_else(|| store::no_such(id))?;
                    if is_new {
                        let detail = serde_json::json!({
                            "act": view.act, "filter": view.filter, "matched": view.matched,
                            "matched_all": view.matched_all, "patch": view.patch, "reason": view.reason,
                        });
                        let target = id.to_string();
                        audit::record(conn, &actor, "bulk.start", &target, Some(detail)).await?;
                    }
                    Ok((view, is_new))
                })
            })
            .await?;
        self.ring_bulk();
        Ok(made)
    }

    /// One act.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn bulk(&self, id: Uuid) -> Result<BulkView> {
        let found = store::get(&mut *self.inner.pool.acquire().await?, id).await?;
        found.ok_or_else(|| store::no_such(id))
    }

    /// A page of acts, the newest first: those made before `before`, 500 at the most.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn bulks(&self, before: Option<&Cursor>, limit: u16) -> Result<Page<BulkView>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        let before = before.map(|before| before.key);
        let mut conn = self.inner.pool.acquire().await?;
        let rows = store::list(&mut conn, before, i64::from(limit) + 1).await?;
        Ok(Page::of(rows, limit, |bulk| Cursor::of(bulk.id)))
    }

    /// What an act could not be done to, by error.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn bulk_results(&self, id: Uuid) -> Result<Vec<BulkResult>> {
        store::results(&mut *self.inner.pool.acquire().await?, id).await
    }

    /// Stops an act that is not over, after the chunk that is under way.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::BulkState`] when it is over.
    pub async fn abort_bulk(
        &self,
        id: Uuid,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<BulkView> {
        bulk::check_reason(reason)?;
        self.turn_bulk(id, "abort", actor, reason).await
    }

    /// Lets an act that was aborted, stopped by its canary or given up go on where it stopped, with the
    /// jobs that matched when it was made.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::BulkState`] when it is done or under way.
    pub async fn resume_bulk(
        &self,
        id: Uuid,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<BulkView> {
        bulk::check_reason(reason)?;
        let view = self.turn_bulk(id, "resume", actor, reason).await?;
        self.ring_bulk();
        Ok(view)
    }

    async fn turn_bulk(
        &self,
        id: Uuid,
        verb: &'static str,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<BulkView> {
        let (actor, reason) = (actor.clone(), reason.map(str::to_owned));
        self.in_transaction(move |conn| {
            Box::pin(async move {
                let by = format!("aborted by {}", actor.name);
                let why = reason
                    .as_ref()
                    .map_or(by.clone(), |why| format!("{by}: {why}"));
                let turned = match verb {
                    "abort" => store::abort(conn, id, &why).await?,
                    _ => store::resume(conn, id).await?,
                };
                let view = store::get(conn, id).await?;
                let view = view.ok_or_else(|| store::no_such(id))?;
                if turned.is_none() {
                    let state = view.state;
                    return Err(Error::BulkState { id, state, verb });
                }
                let mut detail = told(&view);
                detail["reason"] = reason.into();
                let action = format!("bulk.{verb}");
                audit::record(conn, &actor, &action, &id.to_string(), Some(detail)).await?;
                Ok(view)
            })
        })
        .await
    }

    /// Does the next chunk of an act, if one is due and nobody else is at it; true when it did. Workers do
    /// this by themselves; whoever waits for an act may help.
    ///
    /// # Errors
    /// [`Error::Database`], after which the chunk is as if it had not been begun.
    pub async fn advance_bulk(&self, id: Uuid) -> Result<bool> {
        self.advance(Some(id)).await
    }

    /// The same for whichever act is due.
    pub(crate) async fn advance(&self, only: Option<Uuid>) -> Result<bool> {
        let mut failed = None;
        for way in [Way::Fast, Way::Careful, Way::Single] {
            match self.chunk(only, way).await {
                Ok(None) => return Ok(false),
                Ok(Some(Ok(chunk))) => {
                    self.tell(chunk).await;
                    return Ok(true);
                }
                Ok(Some(Err((id, error)))) => failed = Some((id, error)),
                Err(error) => return Err(error),
            }
        }
        if let Some((id, error)) = failed {
            self.note_failure(id, &error).await?;
        }
        Ok(true)
    }

    /// One chunk in one transaction, which an error of the chunk takes back: then it comes with the act.
    async fn chunk(
        &self,
        only: Option<Uuid>,
        way: Way,
    ) -> Result<Option<std::result::Result<Chunk, (Uuid, Error)>>> {
        let done = self
            .transact::<_, Failed, _>(move |conn| {
                Box::pin(async move {
                    let Some(bulk) = chunk::take(conn, only).await? else {
                        return Ok(None);
                    };
                    let id = bulk.id;
                    let done = async {
                        let chunk = chunk::next(conn, bulk, way).await?;
                        if chunk.bulk.state.is_over() {
                            note_end(conn, &chunk.bulk).await?;
                        }
                        Ok(chunk)
                    };
                    done.await
                        .map(Some)
                        .map_err(|error| Failed(Some(id), error))
                })
            })
            .await;
        match done {
            Ok(chunk) => Ok(chunk.map(Ok)),
            Err(Failed(Some(id), error)) => Ok(Some(Err((id, error)))),
            Err(Failed(None, error)) => Err(error),
        }
    }

    /// Hints, once the chunk stands. What is lost with the process is found by polls.
    async fn tell(&self, chunk: Chunk) {
        for queue in chunk.wake {
            self.wake(&queue);
        }
        for id in chunk.stop {
            self.ask_to_stop(id);
        }
        if chunk.bulk.act == BulkAct::Cancel {
            // The service cancels the parts of what was cancelled.
            self.hub().abandoned();
        }
    }

    async fn note_failure(&self, id: Uuid, error: &Error) -> Result<()> {
        let said = crate::Failure::from_error(error.code(), error).message;
        tracing::warn!(bulk.id = %id, %error, "a chunk of bulk act {id} failed");
        self.in_transaction(move |conn| {
            Box::pin(async move {
                let state = store::note_failure(conn, id, &said, MOST_FAILURES).await?;
                if state == Some(BulkState::Failed)
                    && let Some(view) = store::get(conn, id).await?
                {
                    note_end(conn, &view).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// How long until a chunk is due.
    pub(crate) async fn next_bulk(&self) -> Result<Option<Duration>> {
        store::next_due(&mut *self.inner.singles.acquire().await?).await
    }

    fn ring_bulk(&self) {
        self.wake(BULK);
    }
}

/// An error, and the act whose chunk it was.
struct Failed(Option<Uuid>, Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed(None, error)
    }
}

/// The end is in the name of whoever asked.
async fn note_end(conn: &mut sqlx::postgres::PgConnection, bulk: &BulkView) -> Result<()> {
    let actor = Actor::new(&bulk.requested_by, "bulk");
    let action = format!("bulk.{}", bulk.state.as_str());
    audit::record(
        conn,
        &actor,
        &action,
        &bulk.id.to_string(),
        Some(told(bulk)),
    )
    .await
}
