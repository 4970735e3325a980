//! The access token of one connection, kept by this process alone: for commands that run without a
//! database. Processes that share a grant need one keeper for all of them, or each would mint.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::Accessing;
use crate::{Access, Credential, Error, Mint};

/// A token this near its end is renewed before it is lent (brief S3).
const MARGIN: Duration = Duration::from_secs(300);

/// A [`Credential`] that mints when it must, one call at a time. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct Keeper {
    remote: Arc<dyn Mint>,
    // Held while a token is asked for, which is what makes it one call at a time.
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Clone, Debug)]
struct Kept {
    access: Access,
    until: Instant,
}

impl Keeper {
    /// Asks for nothing yet.
    #[must_use]
    pub fn new(remote: impl Mint + 'static) -> Self {
        Self {
            remote: Arc::new(remote),
            kept: Arc::default(),
        }
    }

    async fn lend(&self, stale: Option<i64>) -> Result<Access, Error> {
        let mut kept = self.kept.lock().await;
        let version = kept.as_ref().map_or(0, |kept| kept.access.version);
        if let Some(kept) = kept.as_ref() {
            let is_fresh = kept.until > Instant::now() + MARGIN;
            if is_fresh && stale.is_none_or(|stale| stale != version) {
                return Ok(kept.access.clone());
            }
        }
        let asked = Instant::now();
        let minted = self.remote.mint().await?;
        let access = Access {
            token: self.remote.token(minted.access_token.expose_secret())?,
            version: version + 1,
            api_domain: minted.api_domain,
        };
        *kept = Some(Kept {
            access: access.clone(),
            until: asked + minted.lives,
        });
        Ok(access)
    }
}

impl Credential for Keeper {
    fn access(&self) -> Accessing<'_> {
        Box::pin(self.lend(None))
    }

    fn renewed(&self, stale: &Access) -> Accessing<'_> {
        Box::pin(self.lend(Some(stale.version)))
    }
}
