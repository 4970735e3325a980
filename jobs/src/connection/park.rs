//! A connection whose credential the remote does not take any more: it is stopped for all processes, once, with
//! one alert, until a person gives another.

use connectors::Refusal;
use engine::{Actor, Client, PauseScope};
use serde_json::json;
use sqlx::postgres::PgConnection;

use super::ops::US;
use crate::{Error, store};

/// A credential that was refused: which, and why it counts as dead.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) connection: String,
    /// Of the secrets that the caller had. With other ones in place the news is old.
    pub(super) generation: i64,
    /// Of the access token; 0 where there is none.
    pub(super) version: i64,
    pub(super) code: &'static str,
    pub(super) why: String,
}

/// Stops the connection and pauses it, in one transaction, and says so once.
pub(super) async fn park(engine: &Client, refused: Refused) -> Result<(), Error> {
    let name = refused.connection.clone();
    let is_news = store::in_transaction(engine.pool(), move |tx| {
        Box::pin(async move {
            let Refused {
                connection: name,
                generation,
                ..
            } = &refused;
            // As whoever gives another secret does: of the two, the later sees what the other did.
            store::connection::lock(tx, name).await?;
            if store::secret::generation(tx, name).await? != *generation {
                return Ok(false);
            }
            let was_good = store::refresh::revoke(tx, name, refused.version, refused.code).await?;
            if !was_good || !store::connection::stop(tx, name, &refused.why).await? {
                return Ok(false);
            }
            let by = Actor::new(US, "service");
            let detail = Some(json!({"code": refused.code, "reason": refused.why}));
            Client::record_audit_in(tx, &by, "connection.park", name, detail).await?;
            pause_in(tx, name).await?;
            Ok(true)
        })
    })
    .await?;
    if is_news {
        tracing::error!(
            connection = name,
            "{name} needs another credential: lockstep connection reauthorise {name}"
        );
    }
    Ok(())
}

/// Pauses a connection anew that somebody resumed without giving another credential; false when it is not
/// stopped any more. Done twice, it is done once.
pub(super) async fn pause_again(engine: &Client, name: &str) -> Result<bool, Error> {
    let name = name.to_owned();
    store::in_transaction(engine.pool(), move |tx| {
        Box::pin(async move {
            // Whoever gives another credential has this lock too: a pause of ours that came after their
            // resume would stay for ever.
            store::connection::lock(tx, &name).await?;
            let is_stopped = store::connection::is_stopped(tx, &name).await?;
            if is_stopped {
                pause_in(tx, &name).await?;
            }
            Ok(is_stopped)
        })
    })
    .await
}

/// So that its jobs are put off and an alert is up.
async fn pause_in(tx: &mut PgConnection, name: &str) -> Result<(), Error> {
    let by = Actor::new(US, "service");
    let why = format!("it needs another credential: lockstep connection reauthorise {name}");
    Client::pause_in(tx, PauseScope::Connection, name, &by, Some(&why)).await?;
    Ok(())
}

/// What the client of a token or key that cannot be renewed tells when it is refused.
pub(super) fn of_static(engine: &Client, name: &str, generation: i64) -> Refusal {
    let (engine, name) = (engine.clone(), name.to_owned());
    Refusal::heard_by(move || {
        let engine = engine.clone();
        let refused = Refused {
            connection: name.clone(),
            generation,
            version: 0,
            code: "refused",
            why: "the remote does not take its token or key: it was revoked, or is another's"
                .to_owned(),
        };
        Box::pin(park_and_tell(engine, refused))
    })
}

/// In a task that ends even when the caller is dropped, as all that talks to the database does.
pub(super) async fn park_and_tell(engine: Client, refused: Refused) {
    let parked = tokio::spawn(async move { park(&engine, refused).await });
    if let Ok(Err(error)) = parked.await {
        tracing::warn!(%error, "could not park the connection");
    }
}
