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

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::auth::{LONGEST_LIFE, Minting};
use crate::budget::{Budget, Wait};
use crate::http::{Effect, Http, RawReply, Request, retry_after};
use crate::{Error, Mint, Minted, Token};

const ACTION: &str = "ask for a Creatio access token";
/// The vendor documents no limit, so the wait is ours.
const BLIND_WAIT: Duration = Duration::from_secs(10);
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
    http: Http,
    url: Url,
    grant: Grant,
    budget: Arc<dyn Budget>,
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
        let url = format!("{}/connect/token", url.trim_end_matches('/'));
        let url = Url::parse(&url)
            .map_err(|_| Error::misconfigured(ACTION, "the identity service is no address"))?;
        Ok(Self {
            http,
            url,
            grant,
            budget: Arc::new(budget),
        })
    }

    async fn ask(&self) -> Result<Minted, Error> {
        let permit = self.budget.acquire(1, Duration::ZERO).await;
        let permit = permit.map_err(|wait| throttled(waited(wait)))?;
        let reply = match self.http.send(&self.request()).await {
            Ok(reply) => reply,
            Err(error @ Error::Unreachable { .. }) => {
                permit.unsent();
                return Err(error);
            }
            Err(error) => {
                permit.settle(None);
                return Err(error);
            }
        };
        let minted = read(&reply);
        match &minted {
            Err(Error::Throttled { after, .. }) => {
                permit.refused(1, None, *after);
            }
            _ => permit.settle(None),
        }
        minted
    }

    /// The secrets go in the body: addresses end up in logs of others. A lost answer does no harm.
    fn request(&self) -> Request {
        let mut form = self.url.clone();
        form.query_pairs_mut()
            .clear()
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", self.grant.client_id.expose_secret())
            .append_pair("client_secret", self.grant.client_secret.expose_secret());
        let mut headers = HeaderMap::new();
        let media = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, media);
        Request {
            method: Method::POST,
            url: self.url.clone(),
            token: None,
            headers,
            body: form.query().map(|query| query.as_bytes().to_vec()),
            effect: Effect::Read,
            action: ACTION.to_owned(),
        }
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
        return Err(throttled(retry_after(reply).unwrap_or(BLIND_WAIT)));
    }
    let answer = serde_json::from_slice::<Answer>(&reply.body).ok();
    let said = answer.as_ref().and_then(|answer| answer.error.as_deref());
    match (said, status) {
        (_, 408 | 500..=599) => Err(failed(reply.status.as_str())),
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
    let drift = |reason: &str| Error::SchemaDrift {
        action: ACTION.to_owned(),
        reason: reason.to_owned(),
    };
    let answer = answer.ok_or_else(|| failed("an answer that is not JSON"))?;
    let lives = answer.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
    match answer.access_token.filter(|token| !token.is_empty()) {
        None => Err(drift("the answer has neither a token nor an error")),
        // One that has run out already would be renewed at once, over and over.
        Some(_) if lives.is_zero() => Err(drift("the answer has a token that lives for no time")),
        Some(token) => Ok(Minted {
            access_token: SecretString::from(token),
            lives: lives.min(LONGEST_LIFE),
            api_domain: None,
            scope: answer.scope,
        }),
    }
}

fn waited(wait: Wait) -> Duration {
    match wait {
        Wait::For(span) => span,
        Wait::Go | Wait::ForReading | Wait::Never => BLIND_WAIT,
    }
}

fn throttled(after: Duration) -> Error {
    Error::Throttled {
        action: ACTION.to_owned(),
        after: Some(after),
        cost: None,
        available: None,
    }
}

fn failed(code: &str) -> Error {
    Error::RemoteFailed {
        action: ACTION.to_owned(),
        code: code.to_owned(),
    }
}
