//! Once: a request that is sent again, since its answer was lost, is answered as before and does nothing.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::Error;
use crate::store::creatio::meeting;

/// What a caller sends so that it may send a request again.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The caller: keys of two callers never meet.
    pub asked_by: &'a str,
    pub key: &'a str,
    /// How long the answer is kept.
    pub keep: Duration,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Once {
    /// It is new: do it, and say what came of it by [`Key::answered`].
    New,
    /// It was done, and this was its answer.
    Again(Value),
    /// The key was used for another request.
    Other,
}

/// Notes a request in the caller's transaction, unless it was sent before. The same key in another transaction that
/// goes on is waited for.
///
/// # Errors
/// [`Error::Database`].
pub async fn once(
    tx: &mut PgConnection,
    key: Key<'_>,
    request: &impl Serialize,
) -> Result<Once, Error> {
    meeting::forget(tx, key.keep).await?;
    let text = serde_json::to_string(request).unwrap_or_default();
    let hash = Sha256::digest(text.as_bytes());
    let of = (key.asked_by, key.key);
    if meeting::begin(tx, of, &hash).await? {
        return Ok(Once::New);
    }
    Ok(match meeting::answered(tx, of).await? {
        Some((then, answer)) if then == hash.as_slice() => Once::Again(answer),
        _ => Once::Other,
    })
}

impl Key<'_> {
    /// Keeps the answer, in the same transaction.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn answered(&self, tx: &mut PgConnection, answer: &Value) -> Result<(), Error> {
        meeting::answer(tx, (self.asked_by, self.key), answer).await
    }
}
