//! What the handlers need of their process.

use std::sync::Arc;

use sqlx::PgPool;

/// Handed to every attempt. Cloning is cheap.
#[derive(Clone)]
pub struct Env {
    /// Where the synced data is: the same database as the engine's, so that a job's effect and its
    /// end commit together.
    pub pool: PgPool,
    /// Soundtrack's client; none when no token is configured, and then its kinds fail as
    /// `misconfigured`.
    pub soundtrack: Option<Arc<connectors::soundtrack::Client>>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env")
            .field("soundtrack", &self.soundtrack.is_some())
            .finish_non_exhaustive()
    }
}
