//! Flow: a job that runs in named steps and waits in between without holding a slot. What a step gave
//! is kept, so that the job goes on after it, whatever became of the attempt, the worker or the build.
//!
//! ```text
//!  step ─► step ─► wait (children · signal · time) ┄┄ released ┄┄► from the top, kept steps skipped ─► done
//! ```
//!
//! A wait ends the attempt: the calls that wait return [`Error::Waiting`], which the handler passes on
//! with `?`, and the job is claimed again once there is something to do. So the code before a wait runs
//! again, and everything in it that has an effect belongs into a step.

mod view;

use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

pub use view::{Batch, Progress, StepQuery, StepView, Told};

use crate::cx::Cx;
use crate::store::{batch, flow, signal, step};
use crate::{Error, NewJob, Result};

/// The longest name of a step, wait or signal, in bytes.
pub const MAX_STEP_NAME_BYTES: usize = 100;
/// The largest result of a step, in bytes of JSON.
pub const MAX_STEP_BYTES: usize = 256 * 1024;
/// Progress that is not the last is written at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// What a step of parts keeps: its batch. Who stands for parts is kept with that, as there may be more than a
/// step holds. Earlier versions kept them here, and are not to take none for no twins.
type Made = (Uuid, Option<Vec<Uuid>>);

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// All members of a batch to end.
    Batch(Uuid),
    /// A signal of this name, for so long.
    Signal(String, Option<Duration>),
    /// A time to come.
    Time(Duration),
}

/// The versions of a kind's list of steps that a build knows: the one it begins jobs with and the
/// oldest it still finishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepVersions {
    pub(crate) current: u32,
    pub(crate) oldest: u32,
}

impl<E> Cx<E> {
    /// Does a named step once in the job's life and keeps what it gave; any later attempt gets that and
    /// does not do it again. A crash between the work and its record repeats the work: where it writes
    /// to this database, use [`Cx::step_in`].
    ///
    /// # Errors
    /// The step's own; [`Error::LeaseLost`]; [`Error::Steps`] when this build does not know the job's
    /// list of steps; [`Error::Invalid`] for a name used twice or a result over [`MAX_STEP_BYTES`].
    pub async fn step<T, F, X>(&self, name: &str, work: F) -> std::result::Result<T, X>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> std::result::Result<T, X>,
        X: From<Error>,
    {
        if let Some(kept) = self.kept(name).await? {
            return Ok(decoded(name, kept)?);
        }
        let value = work().await?;
        let result = encoded(name, &value)?;
        let version = self.step_versions().current;
        let mut conn = self.client().pool().acquire().await.map_err(Error::from)?;
        step::keep(&mut conn, &self.fence(), name, &result, version).await?;
        Ok(value)
    }

    /// Like [`Cx::step`], for work that writes to this database: its writes and the record that it is
    /// done commit together, under the fence, or neither does.
    ///
    /// # Errors
    /// As [`Cx::step`]; nothing is written then.
    pub async fn step_in<T, F, X>(&self, name: &str, work: F) -> std::result::Result<T, X>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, std::result::Result<T, X>>
            + Send
            + 'static,
        X: From<Error> + Send + 'static,
    {
        if let Some(kept) = self.kept(name).await? {
            return Ok(decoded(name, kept)?);
        }
        let (fence, lease) = (self.fence(), self.lease());
        let version = self.step_versions().current;
        let name = name.to_owned();
        self.client()
            .transact(move |tx| {
                Box::pin(async move {
                    crate::store::fence::hold(tx, &fence, lease).await?;
                    let value = work(tx).await?;
                    let result = encoded(&name, &value)?;
                    step::keep(tx, &fence, &name, &result, version).await?;
                    Ok(value)
                })
            })
            .await
    }

    /// Waits without a slot until so much time has passed since the step was first reached.
    ///
    /// # Errors
    /// [`Error::Waiting`] while it has not: pass it on. As [`Cx::step`] otherwise.
    pub async fn sleep(&self, name: &str, span: Duration) -> Result<()> {
        self.kept(name).await?;
        let version = self.step_versions().current;
        let mut conn = self.client().pool().acquire().await?;
        let left = step::sleep(&mut conn, &self.fence(), name, span, version).await?;
        left.map_or(Ok(()), |left| Err(Error::Waiting(Wait::Time(left))))
    }

    /// Waits without a slot until somebody tells the job `name`, and gives what was told with it; `None`
    /// when `limit` has passed since it was first asked for. The first word stands: what comes after
    /// it, or after the limit, is not heard. It may have been told before it was asked for.
    ///
    /// # Errors
    /// [`Error::Waiting`] while nobody has: pass it on. As [`Cx::step`] otherwise.
    pub async fn signal<T: DeserializeOwned>(
        &self,
        name: &str,
        limit: Option<Duration>,
    ) -> Result<Option<T>> {
        let memo = format!("signal:{name}");
        self.kept(&memo).await?;
        let version = self.step_versions().current;
        let mut conn = self.client().pool().acquire().await?;
        let left = match limit {
            Some(limit) => {
                Some(step::sleep(&mut conn, &self.fence(), &memo, limit, version).await?)
            }
            None => None,
        };
        if left == Some(None) {
            // Out of time is a word like any other, and the first one stands.
            signal::time_out(&mut conn, self.job_id(), name).await?;
        }
        match signal::heard(&mut conn, self.job_id(), name).await? {
            Some(None) => Ok(None),
            Some(Some(payload)) => Ok(Some(decoded(name, payload)?)),
            None => Err(Error::Waiting(Wait::Signal(
                name.to_owned(),
                left.flatten(),
            ))),
        }
    }

    /// Enqueues parts of this job and waits without a slot until all have ended, however they did.
    /// `jobs` is asked for them once in the job's life, in the transaction that writes them, and may
    /// write there itself. A part whose unique key somebody else's job holds is stood for by that job.
    ///
    /// # Errors
    /// [`Error::Waiting`] while one has not ended: pass it on. As [`Cx::step_in`] otherwise.
    pub async fn children<F, X>(&self, name: &str, jobs: F) -> std::result::Result<Batch, X>
    where
        F: for<'t> FnOnce(
                &'t mut PgConnection,
            ) -> BoxFuture<'t, std::result::Result<Vec<NewJob>, X>>
            + Send
            + 'static,
        X: From<Error> + Send + 'static,
    {
        let (client, owner, batch_name) = (self.client().clone(), self.job_id(), name.to_owned());
        let (id, early): Made = self
            .step_in(name, move |tx| {
                Box::pin(async move {
                    let parts = jobs(tx).await?;
                    let (id, stood_for) = client
                        .enqueue_members(tx, owner, &batch_name, parts)
                        .await?;
                    Ok::<_, X>((id, (!stood_for).then(Vec::new)))
                })
            })
            .await?;
        let mut conn = self.client().pool().acquire().await.map_err(Error::from)?;
        let gone = || Error::Invalid(format!("batch {id} is gone"));
        let counts = batch::counts(&mut conn, id).await?.ok_or_else(gone)?;
        if counts.pending > 0 {
            return Err(Error::Waiting(Wait::Batch(id)).into());
        }
        let mut batch = batch::get(&mut conn, id).await?.ok_or_else(gone)?;
        batch.twins.extend(early.unwrap_or_default());
        Ok(batch)
    }

    /// Says how far the job is, for whoever looks. Written at most four times a second; what ends it
    /// (`done` equal to `total`) always is.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]; [`Error::Database`].
    pub async fn progress(&self, done: i64, total: Option<i64>, message: &str) -> Result<()> {
        if total != Some(done) && !self.progress_is_due(PROGRESS_EVERY) {
            return Ok(());
        }
        let mut conn = self.client().pool().acquire().await?;
        flow::progress(&mut conn, &self.fence(), done, total, message).await
    }

    /// The version of the list of steps that this job began with: what code that changed since must
    /// follow ([`crate::Job::STEPS_VERSION`]).
    ///
    /// # Errors
    /// [`Error::Steps`]; [`Error::Database`].
    pub async fn steps_version(&self) -> Result<u32> {
        let versions = self.step_versions();
        let mut conn = self.client().pool().acquire().await?;
        let begun = flow::steps_version(&mut conn, self.job_id()).await?;
        versions.check(begun)
    }

    /// What a step gave before, once the name and the job's list of steps are known to be good.
    async fn kept(&self, name: &str) -> Result<Option<Value>> {
        if name.is_empty() || name.len() > MAX_STEP_NAME_BYTES {
            return Err(Error::Invalid(format!(
                "step name: expected 1 to {MAX_STEP_NAME_BYTES} bytes, got {}",
                name.len()
            )));
        }
        if !self.first_use_of_step(name) {
            return Err(Error::Invalid(format!(
                "step {name:?} is reached twice in one attempt: give each its own name, with its index in a loop"
            )));
        }
        let mut conn = self.client().pool().acquire().await?;
        let (begun, kept) = step::kept(&mut conn, self.job_id(), name).await?;
        self.step_versions().check(begun)?;
        Ok(kept)
    }
}

impl StepVersions {
    /// The version to follow for a job that began with `begun`.
    fn check(self, begun: Option<u32>) -> Result<u32> {
        match begun {
            None => Ok(self.current),
            Some(begun) if (self.oldest..=self.current).contains(&begun) => Ok(begun),
            Some(begun) => Err(Error::Steps {
                begun,
                oldest: self.oldest,
                current: self.current,
            }),
        }
    }
}

fn encoded<T: Serialize>(name: &str, value: &T) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|source| Error::Encode {
        what: "result of a step",
        source,
    })?;
    if text.len() > MAX_STEP_BYTES {
        return Err(Error::Invalid(format!(
            "step {name:?}: its result is {} bytes of JSON, at most {MAX_STEP_BYTES} are kept; keep large data in a table and its key here",
            text.len()
        )));
    }
    Ok(crate::worker::conclude::without_nuls(text))
}

fn decoded<T: DeserializeOwned>(name: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::Invalid(format!(
            "{name:?}: what is kept does not read as what the code expects: {error}; raise STEPS_VERSION when a step's result changes"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_follows_the_versions_it_knows_and_names_those_it_does_not() {
        let versions = StepVersions {
            current: 4,
            oldest: 2,
        };

        assert_eq!(versions.check(None).unwrap(), 4);
        for known in 2..=4 {
            assert_eq!(versions.check(Some(known)).unwrap(), known);
        }
        for unknown in [1, 5] {
            assert!(
                matches!(versions.check(Some(unknown)), Err(Error::Steps { begun, .. }) if begun == unknown)
            );
        }
    }
}
