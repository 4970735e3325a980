//! The access token of a connection, kept by the database for all processes and renewed by one of them at a
//! time. What to do is decided in `plan/refresh.rs`, from the row; this carries it out.
//!
//! A process that dies between the remote's answer and the store leaves the row at `sent`. Its lease runs out,
//! and the next holder asks once more, since the refresh token stays good; after three answers lost in a row a
//! person must look. What is asked of the remote is counted in the row before it is asked.

use std::sync::Arc;
use std::time::Duration;

use connectors::auth::{Accessing, Refusing};
use connectors::{Access, Credential, Mint};
use engine::Client;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::park::{self, Refused};
use super::{Connections, Declared, credential};
use crate::plan::refresh::{LOOK_AGAIN, Move, next};
use crate::seal::{Keyring, Place};
use crate::store::refresh::Loaded;
use crate::{Error, store};

/// A job that waits longer for another process gives its slot back.
const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const AGAIN: Duration = Duration::from_secs(2);
/// A stored token is looked at again so often, so that a revocation is heard of.
const BELIEVED: Duration = Duration::from_secs(30);
const REFUSED: &str = "refused_after_renewal";
const WHY_REFUSED: &str =
    "a token that was just renewed is not accepted: the grant is revoked or lacks a right";
pub(super) const FIELD: &str = "access_token";

/// Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Inner>);

pub(super) struct Inner {
    pub(super) engine: Client,
    pub(super) keys: Option<Keyring>,
    pub(super) declared: Declared,
    pub(super) name: String,
    /// Where tokens come from, with the grant.
    pub(super) remote: Box<dyn Mint>,
    /// Of the secrets in the database that the grant is made of.
    generation: i64,
    /// Held while a token is looked for: of one process, one looks.
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    access: Access,
    until: Instant,
}

impl Keeper {
    pub(super) fn new(
        all: &Connections,
        declared: &Declared,
        remote: impl Mint + 'static,
        generation: i64,
    ) -> Result<Keeper, Error> {
        // Not the connections themselves, which hold the client that holds this.
        Ok(Keeper(Arc::new(Inner {
            engine: all.engine()?.clone(),
            keys: all.keys().cloned(),
            declared: declared.clone(),
            name: declared.name.clone(),
            remote: Box::new(remote),
            generation,
            kept: Mutex::default(),
        })))
    }

    /// In a task that ends even when the caller is dropped, as all that talks to the database does.
    async fn lend(&self, stale: Option<i64>) -> Result<Access, connectors::Error> {
        let keeper = self.clone();
        let lent = tokio::spawn(async move {
            let lent = keeper.0.lend(stale).await;
            lent.map_err(|error| keeper.0.as_remote(error))
        });
        match lent.await {
            Ok(lent) => lent,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Credential for Keeper {
    fn access(&self) -> Accessing<'_> {
        Box::pin(self.lend(None))
    }

    fn renewed(&self, stale: &Access) -> Accessing<'_> {
        Box::pin(self.lend(Some(stale.version)))
    }

    fn refused(&self, newest: &Access) -> Refusing<'_> {
        let (keeper, version) = (self.clone(), newest.version);
        Box::pin(async move {
            let refused = keeper.0.refused(version, REFUSED, WHY_REFUSED.to_owned());
            park::park_and_tell(keeper.0.engine.clone(), refused).await;
            // What comes after a person has looked begins with a token of its own.
            keeper.0.kept.lock().await.take();
        })
    }
}

impl Inner {
    async fn lend(&self, stale: Option<i64>) -> Result<Access, Error> {
        let mut kept = self.kept.lock().await;
        let is_other = |kept: &Kept| stale.is_none_or(|stale| stale < kept.access.version);
        if let Some(kept) = kept.as_ref().filter(|kept| is_other(kept))
            && kept.until > Instant::now()
        {
            return Ok(kept.access.clone());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let loaded = self.load().await?;
            match next(&loaded.standing, stale) {
                Move::Lend => {
                    let lent = self.open(&loaded)?;
                    *kept = Some(lent.clone());
                    return Ok(lent.access);
                }
                Move::Take => {
                    if let Some(lease) = self.take(&loaded).await? {
                        self.renew(&lease, loaded.failures).await?;
                    }
                }
                Move::Wait if Instant::now() >= deadline => return Err(self.later(AGAIN)),
                Move::Wait => tokio::time::sleep(LOOK_AGAIN).await,
                Move::Later(span) => return Err(self.later(span)),
                Move::GiveUp => {
                    let why = "three answers of the token endpoint in a row were lost with the process that had asked";
                    let version = loaded.standing.version;
                    let refused = self.refused(version, "answers_lost", why.to_owned());
                    park::park(&self.engine, refused).await?;
                    return Err(self.parked());
                }
                Move::Refused => {
                    let version = loaded.standing.version;
                    let refused = self.refused(version, REFUSED, WHY_REFUSED.to_owned());
                    park::park(&self.engine, refused).await?;
                    kept.take();
                    return Err(self.parked());
                }
                Move::Stopped => return Err(self.parked()),
            }
        }
    }

    async fn load(&self) -> Result<Loaded, Error> {
        let declared = self.declared.clone();
        store::in_transaction(self.engine.pool(), move |tx| {
            Box::pin(async move {
                if let Some(loaded) = store::refresh::load(tx, &declared.name).await? {
                    return Ok(loaded);
                }
                store::connection::declare(tx, &declared).await?;
                let loaded = store::refresh::load(tx, &declared.name).await?;
                loaded.ok_or(Error::UnknownConnection(declared.name))
            })
        })
        .await
    }

    fn open(&self, loaded: &Loaded) -> Result<Kept, Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let standing = &loaded.standing;
        let sealed = loaded.sealed.as_ref();
        let sealed = sealed.ok_or_else(|| Error::UnknownConnection(self.name.clone()))?;
        let place = self.place(standing.version);
        let opened = keys.open(place, sealed);
        let opened = opened.map_err(|why| credential::shut(&self.name, FIELD, sealed, why))?;
        let left = standing.fresh_s.unwrap_or(0.0).max(0.0);
        let left = Duration::try_from_secs_f64(left).unwrap_or(BELIEVED);
        Ok(Kept {
            access: Access {
                token: self.remote.token(opened.expose_secret())?,
                version: standing.version,
                api_domain: loaded.api_domain.clone(),
            },
            until: Instant::now() + left.min(BELIEVED),
        })
    }

    pub(super) fn place(&self, version: i64) -> Place<'_> {
        Place {
            connection: &self.name,
            field: FIELD,
            version,
        }
    }

    pub(super) fn refused(&self, version: i64, code: &'static str, why: String) -> Refused {
        Refused {
            connection: self.name.clone(),
            generation: self.generation,
            version,
            code,
            why,
        }
    }

    pub(super) fn parked(&self) -> Error {
        Error::Parked {
            connection: self.name.clone(),
        }
    }

    fn later(&self, after: Duration) -> Error {
        connectors::Error::Throttled {
            action: self.action(),
            after: Some(after),
            cost: None,
            available: None,
        }
        .into()
    }

    /// What connectors know.
    fn as_remote(&self, error: Error) -> connectors::Error {
        match error {
            Error::Remote(error) => error,
            Error::Parked { .. } => connectors::Error::AuthRevoked {
                action: self.action(),
            },
            other => connectors::Error::CredentialUnavailable {
                action: self.action(),
                reason: other.to_string(),
            },
        }
    }

    fn action(&self) -> String {
        format!("have an access token of {}", self.name)
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keeper").field(&self.0.name).finish()
    }
}
