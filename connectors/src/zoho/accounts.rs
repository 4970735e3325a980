//! Zoho Accounts: a refresh token becomes an access token. One call, one typed answer; who keeps the
//! answer, and that only one asks at a time, is for a [`crate::Credential`] to see to.
//!
//! | reply, whatever its status | verdict |
//! | --- | --- |
//! | an access token | Ok |
//! | `Access Denied`, 429 | Throttled: ten minutes, if it names no other wait |
//! | `invalid_code`: the refresh token is revoked or of another client | AuthRevoked |
//! | `invalid_client`, also said by a wrong data centre; `invalid_client_secret` | Misconfigured |
//! | any other error of OAuth | Misconfigured |
//! | 3xx, other 4xx without JSON | Misconfigured |
//! | 408, 5xx; a good status without JSON | Retry |
//!
//! Nothing is lost when an answer gets lost: Zoho gives no new refresh token (sheet section 2). It
//! costs one of the ten tokens.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::auth::{LONGEST_LIFE, Minting};
use crate::budget::Budget;
use crate::http::{Http, RawReply, retry_after};
use crate::token_endpoint::{TokenEndpoint, Words};
use crate::{Error, Mint, Minted, Token};

const ACTION: &str = "refresh the Zoho access token";
/// The lockout is over ten minutes after the last try (sheet section 2).
const WORDS: Words = Words {
    action: ACTION,
    blind_wait: Duration::from_secs(600),
};

/// What a person gave us once, by consent. `Debug` shows none of it.
#[derive(Clone, Debug)]
pub struct Grant {
    pub client_id: SecretString,
    pub client_secret: SecretString,
    pub refresh_token: SecretString,
}

/// The accounts host of one data centre. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts {
    endpoint: TokenEndpoint,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<u64>,
    api_domain: Option<String>,
    scope: Option<String>,
    error: Option<String>,
}

impl Accounts {
    /// `url` is the host's root, [`super::DataCentre::accounts_url`]; `budget` counts the tokens of one
    /// refresh token, [`super::MINTS_IN_TEN_MINUTES`].
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an address that is none.
    pub fn new(url: &str, http: Http, budget: impl Budget + 'static) -> Result<Self, Error> {
        let endpoint = TokenEndpoint::new((url, "/oauth/v2/token"), http, budget, WORDS)?;
        Ok(Self { endpoint })
    }

    /// Asks for an access token. Every call uses up one of the ten in ten minutes, and the eleventh
    /// that lives kills the oldest: ask once for all workers, and never in a loop.
    ///
    /// # Errors
    /// `Throttled`, `AuthRevoked`, `Misconfigured`, `Unreachable`, `NoAnswer` or `RemoteFailed`, by the
    /// table of the module. Asking while locked out prolongs the lockout, so wait as long as is said.
    pub async fn refresh(&self, grant: &Grant) -> Result<Minted, Error> {
        let form = [
            ("refresh_token", grant.refresh_token.expose_secret()),
            ("client_id", grant.client_id.expose_secret()),
            ("client_secret", grant.client_secret.expose_secret()),
            ("grant_type", "refresh_token"),
        ];
        self.endpoint.ask(&form, read_refresh).await
    }
}

/// An accounts host with the grant it gives tokens for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Granted {
    pub accounts: Accounts,
    pub grant: Grant,
}

impl Mint for Granted {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.accounts.refresh(&self.grant))
    }

    fn token(&self, access_token: &str) -> Result<Token, Error> {
        Token::zoho(access_token)
    }
}

/// The table of the module. The status says little: errors come with 200 too (sheet section 2).
fn read_refresh(reply: &RawReply) -> Result<Minted, Error> {
    let status = reply.status.as_u16();
    let action = || ACTION.to_owned();
    let Ok(answer) = serde_json::from_slice::<Answer>(&reply.body) else {
        return Err(match status {
            429 => WORDS.throttled(retry_after(reply).unwrap_or(WORDS.blind_wait)),
            408 | 500..=599 => WORDS.failed(reply.status.as_str()),
            200..=299 => WORDS.failed("an answer that is not JSON"),
            300..=399 => Error::misconfigured(ACTION, "the address answers with a redirect"),
            other => Error::misconfigured(ACTION, &format!("the address answers with {other}")),
        });
    };
    let error = answer.error.unwrap_or_default().to_ascii_lowercase();
    match error.as_str() {
        "" => {}
        "access denied" => {
            return Err(WORDS.throttled(retry_after(reply).unwrap_or(WORDS.blind_wait)));
        }
        "invalid_code" => return Err(Error::AuthRevoked { action: action() }),
        "invalid_client" => {
            let reason = "this data centre knows no such client: check both";
            return Err(Error::misconfigured(ACTION, reason));
        }
        "invalid_client_secret" => {
            return Err(Error::misconfigured(ACTION, "the client secret is wrong"));
        }
        _ if status == 429 => {
            return Err(WORDS.throttled(retry_after(reply).unwrap_or(WORDS.blind_wait)));
        }
        _ if status >= 500 => return Err(WORDS.failed(reply.status.as_str())),
        _ => return Err(Error::misconfigured(ACTION, "the grant is not accepted")),
    }
    match (answer.access_token, answer.expires_in) {
        // One that has run out already would be renewed at once, ten times over.
        (Some(_), Some(0)) => Err(WORDS.drift("the answer has a token that lives for no time")),
        (Some(token), Some(lives)) if !token.is_empty() => Ok(Minted {
            access_token: SecretString::from(token),
            lives: Duration::from_secs(lives).min(LONGEST_LIFE),
            api_domain: answer.api_domain,
            scope: answer.scope,
        }),
        _ if status == 429 => Err(WORDS.throttled(retry_after(reply).unwrap_or(WORDS.blind_wait))),
        _ if status >= 500 => Err(WORDS.failed(reply.status.as_str())),
        _ => Err(WORDS.drift("the answer has neither a token nor an error")),
    }
}
