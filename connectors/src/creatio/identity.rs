//! The Identity Service: client id and secret become an access token. One call, one typed answer; who keeps
//! the answer, and that only one asks at a time, is for a [`crate::Credential`] to see to.
//!
//! | reply | verdict |
//! | --- | --- |
//! | 2xx with an access token | Ok |
//! | `invalid_client`; 401 | AuthRevoked |
//! | any other error of OAuth; 403 | Misconfigured |
//! | 429, 503 with `Retry-After` | Throttled |
//! | 408, 5xx; a good status without JSON | Retry |
//! | 3xx, other 4xx | Misconfigured |
//!
//! There is no refresh token: asking again costs nothing but the call (sheet section 1). The service is small
//! and its own host, so that all workers ask through one (sheet trap 5).

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::auth::{LONGEST_LIFE, Minting};
use crate::budget::Budget;
use crate::http::{Http, RawReply, retry_after};
use crate::token_endpoint::{TokenEndpoint, Words};
use crate::{Error, Mint, Minted, Token};

const ACTION: &str = "ask for a Creatio access token";
/// The vendor documents no limit, so the wait is ours.
const WORDS: Words = Words {
    action: ACTION,
    blind_wait: Duration::from_secs(10),
};
/// By default, and where the reply does not say (sheet section 1).
const USUAL_LIFE: Duration = Duration::from_secs(3_600);

/// What an administrator made once, bound to a technical user. `Debug` shows none of it.
#[derive(Clone, Debug)]
pub struct Grant {
    pub client_id: SecretString,
    pub client_secret: SecretString,
}

/// The Identity Service of one site. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    endpoint: TokenEndpoint,
    grant: Grant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<u64>,
    scope: Option<String>,
    error: Option<String>,
}

impl Identity {
    /// `url` is the service's root: `https://<site>-is.creatio.com`.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none.
    pub fn new(
        url: &str,
        grant: Grant,
        http: Http,
        budget: impl Budget + 'static,
    ) -> Result<Self, Error> {
        Ok(Self {
            endpoint: TokenEndpoint::new((url, "/connect/token"), http, budget, WORDS)?,
            grant,
        })
    }

    async fn ask(&self) -> Result<Minted, Error> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.grant.client_id.expose_secret()),
            ("client_secret", self.grant.client_secret.expose_secret()),
        ];
        self.endpoint.ask(&form, read).await
    }
}

impl Mint for Identity {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.ask())
    }

    fn token(&self, access_token: &str) -> Result<Token, Error> {
        Token::bearer(access_token)
    }
}

/// The table of the module. OAuth's word goes before the status, which the sheet is not sure of.
fn read(reply: &RawReply) -> Result<Minted, Error> {
    let status = reply.status.as_u16();
    let waits = reply.headers.contains_key(RETRY_AFTER);
    if status == 429 || status == 503 && waits {
        return Err(WORDS.throttled(retry_after(reply).unwrap_or(WORDS.blind_wait)));
    }
    let answer = serde_json::from_slice::<Answer>(&reply.body).ok();
    let said = answer.as_ref().and_then(|answer| answer.error.as_deref());
    match (said, status) {
        (_, 408 | 500..=599) => Err(WORDS.failed(reply.status.as_str())),
        (Some("invalid_client"), _) | (_, 401) => Err(Error::AuthRevoked {
            action: ACTION.to_owned(),
        }),
        (Some(_), _) => Err(Error::misconfigured(
            ACTION,
            "the identity service does not accept the client: see which grants it may use",
        )),
        (None, 200..=299) => minted(answer),
        (None, 300..=399) => Err(Error::misconfigured(
            ACTION,
            "the address answers with a redirect",
        )),
        (None, other) => Err(Error::misconfigured(
            ACTION,
            &format!("the address answers with {other}"),
        )),
    }
}

fn minted(answer: Option<Answer>) -> Result<Minted, Error> {
    let answer = answer.ok_or_else(|| WORDS.failed("an answer that is not JSON"))?;
    let lives = answer.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
    match answer.access_token.filter(|token| !token.is_empty()) {
        None => Err(WORDS.drift("the answer has neither a token nor an error")),
        // One that has run out already would be renewed at once, over and over.
        Some(_) if lives.is_zero() => {
            Err(WORDS.drift("the answer has a token that lives for no time"))
        }
        Some(token) => Ok(Minted {
            access_token: SecretString::from(token),
            lives: lives.min(LONGEST_LIFE),
            api_domain: None,
            scope: answer.scope,
        }),
    }
}
