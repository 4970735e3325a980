//! The scribe: writes what attempts said, every few seconds while they run and soon after they ended. A
//! line is never on the way of a settle, and what cannot be written now is written later.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::log::Logs;
use crate::store::log;
use crate::{Entropy, Result};

/// What a killed process loses of an attempt that runs.
const EVERY: Duration = Duration::from_secs(2);
/// After an end others may follow.
const GATHER: Duration = Duration::from_millis(100);

pub(crate) struct Scribe {
    pub(crate) logs: Logs,
    pub(crate) pool: PgPool,
    pub(crate) entropy: Entropy,
}

impl Scribe {
    /// Writes until `stop`, and then what is left.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.entropy.jittered(EVERY)) => {}
                () = self.logs.an_end() => tokio::time::sleep(GATHER).await,
            }
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&self) {
        loop {
            let (buffers, unwanted) = self.logs.take(log::BATCH);
            if buffers.is_empty() && unwanted.is_empty() {
                return;
            }
            let written: Result<()> = async {
                let mut conn = self.pool.acquire().await?;
                if !buffers.is_empty() {
                    log::keep(&mut conn, &buffers).await?;
                }
                if !unwanted.is_empty() {
                    log::forget(&mut conn, &unwanted).await?;
                }
                Ok(())
            }
            .await;
            let Err(error) = written else { continue };
            if error.is_unavailable() {
                tracing::debug!(%error, "could not write what attempts said; trying again");
                self.logs.put_back(buffers, unwanted);
            } else {
                // To try again would only fail again.
                tracing::warn!(%error, attempts = buffers.len(), "lost what attempts said");
            }
            return;
        }
    }
}
