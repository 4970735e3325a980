//! API tokens as the store keeps them. Making and checking secrets is the front's business.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// A token to be stored.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The public part, by which it is found.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// Until it expires; none is for ever.
    pub valid_for: Option<Duration>,
}

/// A token that may be used now.
#[derive(Debug, Clone)]
pub struct LiveToken {
    /// SHA-256 of the secret, to compare in constant time.
    pub secret_hash: Vec<u8>,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenView {
    /// The public part.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it last opened the door, to the minute.
    pub last_used_at: Option<Timestamp>,
}
