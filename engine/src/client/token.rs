//! Tokens: what the HTTP front needs to know its callers.

use serde_json::json;

use super::Client;
use super::read::LARGEST_PAGE;
use crate::control::Actor;
use crate::cursor::Cursor;
use crate::store::{audit, token};
use crate::token::{LiveToken, NewToken, TokenView};
use crate::view::Page;
use crate::{Error, Result};

impl Client {
    /// Stores a token.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn create_token(&self, new: NewToken, actor: &Actor) -> Result<()> {
        let actor = actor.clone();
        self.in_transaction(move |conn| {
            Box::pin(async move {
                token::create(conn, &new).await?;
                let detail = json!({"name": new.name, "scopes": new.scopes});
                audit::record(conn, &actor, "token.create", &new.id, Some(detail)).await
            })
        })
        .await
    }

    /// The token of that id, if it may be used now.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn find_token(&self, id: &str) -> Result<Option<LiveToken>> {
        let found = token::find(&mut *self.inner.singles.acquire().await?, id).await?;
        Ok(found.map(|(secret_hash, name, scopes)| LiveToken {
            secret_hash,
            name,
            scopes,
        }))
    }

    /// A page of tokens, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place of another list; [`Error::Database`].
    pub async fn tokens(
        &self,
        before: Option<&Cursor<String>>,
        limit: u16,
    ) -> Result<Page<TokenView, String>> {
        Cursor::check(before, true)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        let mut conn = self.inner.pool.acquire().await?;
        let tokens = token::list(&mut conn, None, before, i64::from(limit) + 1).await?;
        Ok(Page::of(tokens, limit, |token| Cursor {
            at: Some(token.created_at),
            key: token.id.clone(),
        }))
    }

    /// One token, also when it may no longer be used.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn token(&self, id: &str) -> Result<Option<TokenView>> {
        let mut conn = self.inner.pool.acquire().await?;
        Ok(token::list(&mut conn, Some(id), None, 1).await?.pop())
    }

    /// Revokes a token, with effect on the next request.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when there is none that is not revoked.
    pub async fn revoke_token(&self, id: &str, actor: &Actor) -> Result<()> {
        let (id, actor) = (id.to_owned(), actor.clone());
        self.in_transaction(move |conn| {
            Box::pin(async move {
                if !token::revoke(conn, &id).await? {
                    return Err(Error::NoSuch {
                        what: "live token",
                        name: id,
                    });
                }
                audit::record(conn, &actor, "token.revoke", &id, None).await
            })
        })
        .await
    }
}
