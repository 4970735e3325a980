//! What the handlers need of their process.

use sqlx::PgPool;

use crate::connection::Connections;

/// Handed to every attempt. Cloning is cheap.
#[derive(Clone)]
pub struct Env {
    /// Where the synced data is: the same database as the engine's, so that a job's effect and its
    /// end commit together.
    pub pool: PgPool,
    /// The remotes' clients, with their credentials.
    pub connections: Connections,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
