//! Act: what people do to jobs, queues and kinds. Every change leaves an audit row in its own
//! transaction.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Client;
use crate::breaker::{Event, Gates};
use crate::control::{Actor, PauseScope};
use crate::job::Enqueued;
use crate::store::again::{self, Edit};
use crate::store::breaker::Force;
use crate::store::wake::CANCEL_CHANNEL;
use crate::store::{audit, cancel, delete, pause, read, retry, wake};
use crate::worker::wake::ALL;
use crate::{Error, Result, State};

impl Client {
    /// Ends a queued or waiting job as cancelled at once and returns that state, or asks the attempt
    /// of a running one to stop, on whatever node it is, and returns `running`. Its parts are cancelled
    /// with it.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::WrongState`] when it has ended.
    pub async fn cancel(&self, id: Uuid, actor: &Actor, reason: &str) -> Result<State> {
        let (actor, reason) = (actor.clone(), reason.to_owned());
        let done = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let Some(done) = cancel::cancel(conn, id, &reason).await? else {
                        return Err(ended(conn, id, "cancel").await?);
                    };
                    audit::record(
                        conn,
                        &actor,
                        "job.cancel",
                        &id.to_string(),
                        Some(json!({"reason": reason})),
                    )
                    .await?;
                    Ok(done)
                })
            })
            .await?;
        if done.requested {
            self.ask_to_stop(id);
            return Ok(State::Running);
        }
        done.woken.iter().for_each(|queue| self.wake(queue));
        // What is left of its parts, if this fails half way, is the service's.
        self.cancel_abandoned().await?;
        Ok(State::Cancelled)
    }

    /// Tells whoever runs the job.
    pub(super) fn ask_to_stop(&self, id: Uuid) {
        self.inner.bells.hub.cancel(id);
        self.inner
            .bells
            .hints
            .send_on(CANCEL_CHANNEL, id.to_string());
    }

    /// Lets the same job try on, now: a dead or cancelled one with at least one more attempt, a
    /// scheduled or retrying one without waiting for its time.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::WrongState`] when it runs, waits or has completed;
    /// [`Error::UniqueKeyTaken`].
    pub async fn retry(&self, id: Uuid, actor: &Actor) -> Result<()> {
        let actor = actor.clone();
        let queue = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let queue = retry::retry(conn, id).await?;
                    audit::record(conn, &actor, "job.retry", &id.to_string(), None).await?;
                    Ok(queue)
                })
            })
            .await?;
        self.wake(&queue);
        Ok(())
    }

    /// Makes a new job from an old one, with the same args or others. The old one stays as it is.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::Invalid`] for bad args.
    pub async fn run_again(
        &self,
        id: Uuid,
        args: Option<Value>,
        actor: &Actor,
    ) -> Result<Enqueued> {
        let edited = args.is_some();
        let edit = args.map_or(Edit::None, Edit::Args);
        let actor = actor.clone();
        let stored = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let job = again::like(conn, id, edit, &actor.name).await?;
                    let job = job.ok_or(Error::NoJob(id))?;
                    job.checked_args()?;
                    let stored = crate::store::enqueue::enqueue(
                        conn,
                        std::slice::from_ref(&job),
                        crate::store::enqueue::Hint::Caller,
                    )
                    .await?;
                    let detail = json!({"new": job.id, "edited_args": edited});
                    audit::record(conn, &actor, "job.run_again", &id.to_string(), Some(detail))
                        .await?;
                    Ok(stored)
                })
            })
            .await?;
        for queue in &stored.wake {
            self.wake(queue);
        }
        stored.enqueued.into_iter().next().ok_or(Error::NoJob(id))
    }

    /// Forgets an ended job altogether. If it holds up an ordered partition, that goes on, as
    /// [`Client::skip_dead`] lets it.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::WrongState`] when it has not ended: cancel it first.
    pub async fn delete(&self, id: Uuid, actor: &Actor) -> Result<()> {
        let actor = actor.clone();
        let gone = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let gone = delete::delete(conn, id, &actor).await?;
                    if gone.jobs == 0 {
                        return Err(ended(conn, id, "delete").await?);
                    }
                    audit::record(conn, &actor, "job.delete", &id.to_string(), None).await?;
                    Ok(gone)
                })
            })
            .await?;
        if gone.opened > 0 {
            self.wake(ALL);
        }
        Ok(())
    }

    /// Forgets all ended jobs of a kind, in chunks; returns how many. Ordered partitions that they hold up
    /// go on.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn delete_ended(&self, kind: &str, actor: &Actor) -> Result<u64> {
        const CHUNK: i64 = 10_000;
        let mut gone = 0;
        loop {
            let (kind, who) = (kind.to_owned(), actor.clone());
            let chunk = self
                .in_transaction(move |conn| {
                    Box::pin(async move { delete::delete_kind(conn, &kind, CHUNK, &who).await })
                })
                .await?;
            gone += chunk.jobs;
            if chunk.opened > 0 {
                self.wake(ALL);
            }
            if chunk.jobs == 0 {
                break;
            }
        }
        let mut conn = self.inner.pool.acquire().await?;
        audit::record(
            &mut conn,
            actor,
            "job.delete",
            kind,
            Some(json!({"jobs": gone})),
        )
        .await?;
        Ok(gone)
    }

    /// Pauses a queue, kind, schedule or connection on every node; false when it was paused already.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pause(
        &self,
        scope: PauseScope,
        name: &str,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<bool> {
        let (name, actor, reason) = (name.to_owned(), actor.clone(), reason.map(str::to_owned));
        self.in_transaction(move |conn| {
            Box::pin(async move {
                Client::pause_in(conn, scope, &name, &actor, reason.as_deref()).await
            })
        })
        .await
    }

    /// Resumes; false when it was not paused. A connection's breaker is closed with it, since a person has
    /// looked.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn resume(&self, scope: PauseScope, name: &str, actor: &Actor) -> Result<bool> {
        let (subject, actor) = (name.to_owned(), actor.clone());
        let done = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let done = pause::resume(conn, scope, &subject).await?;
                    resumed(conn, scope, &subject, &actor, done).await
                })
            })
            .await?;
        if done {
            self.inner.gates.forget().await;
            let queue = if scope == PauseScope::Queue {
                name
            } else {
                crate::worker::wake::ALL
            };
            self.wake(queue);
        }
        Ok(done)
    }

    /// Adds an audit row for a change that is not the engine's own.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn record_audit(
        &self,
        actor: &Actor,
        action: &str,
        target: &str,
        detail: Option<Value>,
    ) -> Result<()> {
        audit::record(
            &mut *self.inner.pool.acquire().await?,
            actor,
            action,
            target,
            detail,
        )
        .await
    }
}

impl Client {
    /// As [`Client::pause`], in the caller's transaction.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction should then be rolled back.
    pub async fn pause_in(
        tx: &mut PgConnection,
        scope: PauseScope,
        name: &str,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<bool> {
        let done = pause::pause(tx, scope, name, &actor.name, reason).await?;
        if done {
            let (action, detail) = (
                format!("{}.pause", scope.as_str()),
                json!({"reason": reason}),
            );
            audit::record(tx, actor, &action, name, Some(detail)).await?;
        }
        Ok(done)
    }

    /// Ends the pause that `paused_by` made, in the caller's transaction, as [`Client::resume`] ends any;
    /// false when there is none of theirs. Workers are hinted by the transaction itself, once it has
    /// committed, and obey within a second.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction should then be rolled back.
    pub async fn lift_in(
        tx: &mut PgConnection,
        scope: PauseScope,
        name: &str,
        paused_by: &str,
        actor: &Actor,
    ) -> Result<bool> {
        let done = pause::lift(tx, scope, name, paused_by).await?;
        if done {
            wake::notify(tx, wake::WAKE_CHANNEL, &[crate::worker::wake::ALL.into()]).await?;
        }
        resumed(tx, scope, name, actor, done).await
    }

    /// Adds an audit row in the transaction of the change.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn record_audit_in(
        tx: &mut PgConnection,
        actor: &Actor,
        action: &str,
        target: &str,
        detail: Option<Value>,
    ) -> Result<()> {
        audit::record(tx, actor, action, target, detail).await
    }
}

/// What goes with the end of a pause, if there was one.
async fn resumed(
    conn: &mut PgConnection,
    scope: PauseScope,
    name: &str,
    actor: &Actor,
    done: bool,
) -> Result<bool> {
    if !done {
        return Ok(false);
    }
    if scope == PauseScope::Connection {
        let force = Force {
            by: actor.name.clone(),
            reason: actor.reason.clone(),
        };
        Gates::force(conn, name, Event::Close, &force).await?;
    }
    let action = format!("{}.resume", scope.as_str());
    audit::record(conn, actor, &action, name, None).await?;
    Ok(true)
}

/// Why a verb for live or ended jobs found none.
async fn ended(conn: &mut PgConnection, id: Uuid, verb: &'static str) -> Result<Error> {
    Ok(match read::state(conn, id).await? {
        Some(state) => Error::WrongState { id, state, verb },
        None => Error::NoJob(id),
    })
}
