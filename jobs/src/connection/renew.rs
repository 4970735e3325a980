//! The renewal itself: take the lease, say that the remote is called, call it, store what it gave; and what
//! becomes of the connection when it gives nothing.

use std::time::Duration;

use connectors::Minted;
use uuid::Uuid;

use super::keeper::{AGAIN, FIELD, Inner};
use super::{credential, park};
use crate::plan::refresh::pause_after;
use crate::store::refresh::{Fetched, Lease, Loaded};
use crate::{Error, store, verdict};

/// Longer than a call for a token and its store can take.
const LEASE: Duration = Duration::from_secs(20);

impl Inner {
    pub(super) async fn take(&self, loaded: &Loaded) -> Result<Option<Lease>, Error> {
        let lease = Lease {
            connection: self.name.clone(),
            version: loaded.standing.version,
            holder: Uuid::now_v7(),
        };
        let wanted = lease.clone();
        // A key that is wrong must be found out before a token is asked for that nobody could store.
        let keys = self.keys.clone();
        let taken = store::in_transaction(self.engine.pool(), move |tx| {
            Box::pin(async move {
                credential::ready(keys.as_ref(), tx).await?;
                store::refresh::take(tx, &wanted, LEASE).await
            })
        });
        Ok(taken.await?.then_some(lease))
    }

    /// Asks the remote, once. Without the lease it does nothing, and the caller looks again.
    pub(super) async fn renew(&self, lease: &Lease, failures: i16) -> Result<(), Error> {
        let wanted = lease.clone();
        let may = store::in_transaction(self.engine.pool(), move |tx| {
            Box::pin(async move { store::refresh::will_send(tx, &wanted).await })
        });
        if !may.await? {
            return Ok(());
        }
        match self.remote.mint().await {
            Ok(minted) => self.store(lease, &minted).await,
            Err(error) => self.failed(lease, failures, error).await,
        }
    }

    async fn store(&self, lease: &Lease, minted: &Minted) -> Result<(), Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let version = lease.version + 1;
        let sealed = keys.seal(self.place(version), &minted.access_token);
        let (lease, lives, domain) = (lease.clone(), minted.lives, minted.api_domain.clone());
        let stored = store::in_transaction(self.engine.pool(), move |tx| {
            Box::pin(async move {
                let fetched = Fetched {
                    sealed: &sealed,
                    lives,
                    api_domain: domain.as_deref(),
                };
                let stored = store::refresh::store(tx, &lease, &fetched).await?;
                if stored {
                    let at = (lease.connection.as_str(), FIELD, version);
                    store::secret::write(tx, at, fetched.sealed, "lockstep").await?;
                }
                Ok(stored)
            })
        });
        match stored.await? {
            true => tracing::info!(
                connection = self.name,
                version,
                "renewed the access token of {}",
                self.name
            ),
            false => tracing::warn!(
                connection = self.name,
                version,
                "lost the lease over the access token of {} while it was renewed",
                self.name
            ),
        }
        Ok(())
    }

    async fn failed(
        &self,
        lease: &Lease,
        failures: i16,
        error: connectors::Error,
    ) -> Result<(), Error> {
        use connectors::Error as Remote;
        let code = verdict::code(&error);
        if matches!(
            error,
            Remote::AuthRevoked { .. } | Remote::Misconfigured { .. }
        ) {
            let refused = self.refused(lease.version, code, error.to_string());
            park::park(&self.engine, refused).await?;
            return Err(self.parked());
        }
        let (pause, counts) = match &error {
            Remote::Throttled { after, .. } => (after.unwrap_or(AGAIN), false),
            _ => (pause_after(failures), true),
        };
        let ended = lease.clone();
        store::in_transaction(self.engine.pool(), move |tx| {
            Box::pin(async move { store::refresh::fail(tx, &ended, (code, counts), pause).await })
        })
        .await?;
        Err(error.into())
    }
}
