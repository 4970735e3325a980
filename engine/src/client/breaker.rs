//! Breakers: tell what a call was like, look, and force one.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::Client;
use crate::breaker::{BreakerView, Event, Gates, Health};
use crate::control::Actor;
use crate::store::breaker::{self, Force};
use crate::store::{audit, connection};
use crate::{Error, Result};

impl Client {
    /// Tells what a call of a job said of its connection. Enough bad news opens its breaker, and jobs
    /// that have it among their rate keys are put off until a probe goes well.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn report_health(&self, connection: &str, job: Uuid, health: Health) -> Result<()> {
        let (gates, connection) = (self.inner.gates.clone(), connection.to_owned());
        // In a task that ends even when the caller is dropped.
        let told = tokio::spawn(async move { gates.hear(&connection, job, health).await });
        match told.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// All breakers that ever heard of a call, by connection.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn breakers(&self) -> Result<Vec<BreakerView>> {
        breaker::list(&mut *self.inner.pool.acquire().await?, None).await
    }

    /// The connections that anything has named: a breaker, a budget, a pause, or one of the newest 10,000
    /// jobs.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn connections(&self) -> Result<Vec<String>> {
        connection::known(&mut *self.inner.pool.acquire().await?).await
    }

    /// One breaker.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when no call and no person ever named it.
    pub async fn breaker(&self, connection: &str) -> Result<BreakerView> {
        let found = breaker::list(&mut *self.inner.pool.acquire().await?, Some(connection)).await?;
        found.into_iter().next().ok_or_else(|| Error::NoSuch {
            what: "breaker",
            name: connection.to_owned(),
        })
    }

    /// Opens a breaker for `span`, or until somebody closes it. All processes obey within a second.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be a connection's; [`Error::Database`].
    pub async fn open_breaker(
        &self,
        connection: &str,
        span: Option<Duration>,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<()> {
        let for_ms = span.map(crate::store::millis);
        let event = Event::Open { for_ms };
        self.force_breaker(connection, event, reason, actor).await
    }

    /// Closes a breaker, forgetting what it has heard. It opens again by itself when calls fail again.
    /// Jobs that were put off come at once. A suspended connection stays so: see [`Client::resume`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be a connection's; [`Error::Database`].
    pub async fn close_breaker(
        &self,
        connection: &str,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<()> {
        self.force_breaker(connection, Event::Close, reason, actor)
            .await
    }

    async fn force_breaker(
        &self,
        connection: &str,
        event: Event,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<()> {
        if connection.is_empty()
            || connection.len() > 200
            || connection.chars().any(char::is_control)
        {
            let problem = "connection: expected 1 to 200 bytes without control characters";
            return Err(Error::Invalid(problem.into()));
        }
        let (connection, actor) = (connection.to_owned(), actor.clone());
        let force = Force {
            by: actor.name.clone(),
            reason: reason.map(str::to_owned),
        };
        self.in_transaction(move |conn| {
            Box::pin(async move {
                Gates::force(conn, &connection, event, &force).await?;
                let (action, for_ms) = match event {
                    Event::Open { for_ms } => ("breaker.open", for_ms),
                    _ => ("breaker.close", None),
                };
                let detail = json!({"reason": force.reason, "for_ms": for_ms});
                audit::record(conn, &actor, action, &connection, Some(detail)).await
            })
        })
        .await?;
        self.inner.gates.forget().await;
        Ok(())
    }
}
