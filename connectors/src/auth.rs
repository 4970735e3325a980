//! Secrets as the remotes want them. A secret can be sent; it cannot be printed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// The value of an `Authorization` header. `Debug` never shows it, and it has no `Display`.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// A `Basic` token, sent exactly as the vendor issued it: Soundtrack's tokens are already
    /// encoded and must not be encoded again (sheet section 1).
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the token is empty, already carries the word `Basic`, or holds
    /// a character that no header may carry. The message never shows the token.
    pub fn basic(verbatim: &str) -> Result<Self, Error> {
        Self::of("Basic", verbatim)
    }

    /// An access token of Zoho, whose word is its own (sheet section 2): `Bearer` is not accepted
    /// everywhere.
    ///
    /// # Errors
    /// As for [`basic`](Self::basic).
    pub fn zoho(access_token: &str) -> Result<Self, Error> {
        Self::of("Zoho-oauthtoken", access_token)
    }

    /// A `Bearer` token.
    ///
    /// # Errors
    /// As for [`basic`](Self::basic).
    pub fn bearer(token: &str) -> Result<Self, Error> {
        Self::of("Bearer", token)
    }

    fn of(word: &str, secret: &str) -> Result<Self, Error> {
        let said = format!("{} ", word.to_ascii_lowercase());
        let fault = if secret.is_empty() {
            Some("the token is empty".to_owned())
        } else if secret.to_ascii_lowercase().starts_with(&said) {
            Some(format!(
                "give the token alone, without the word {word} before it"
            ))
        } else if !secret.chars().all(|c| c.is_ascii_graphic()) {
            Some("the token holds a blank, a line end or a character outside ASCII".to_owned())
        } else {
            None
        };
        match fault {
            Some(reason) => Err(Error::misconfigured(
                &format!("read a {word} token"),
                &reason,
            )),
            None => Ok(Self(SecretString::from(format!("{word} {secret}")))),
        }
    }

    /// Marked sensitive, so that reqwest and hyper leave it out of their own `Debug` too.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.0.expose_secret())
            .expect("only printable ASCII passes the constructor");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// Where the access token of one connection comes from, whoever keeps and renews it: this process
/// alone, or one of all processes at a time.
pub trait Credential: fmt::Debug + Send + Sync {
    /// An access token that is believed to be good; a new one if the last has run out.
    fn access(&self) -> Accessing<'_>;

    /// The remote did not accept `stale`. Gives a newer one, and asks the remote for it only if
    /// `stale` is still the newest: others may have renewed it meanwhile.
    fn renewed(&self, stale: &Access) -> Accessing<'_>;

    /// Not even `newest`, which was fetched for this very call, was accepted: the grant is no longer good
    /// for what it is used for, and a person must look. Nothing needs to be done about it.
    fn refused(&self, newest: &Access) -> Refusing<'_> {
        let _ = newest;
        Box::pin(std::future::ready(()))
    }
}

/// Who hears that the remote does not take a token or key that cannot be renewed; nobody by default.
#[derive(Clone, Default)]
pub struct Refusal(Option<Arc<dyn Fn() -> Refusing<'static> + Send + Sync>>);

impl Refusal {
    /// Heard by `hear`, before the caller gets its error.
    pub fn heard_by(hear: impl Fn() -> Refusing<'static> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    /// A right that is missing is no refusal: the credential may be good for all else.
    pub(crate) async fn of(&self, error: &Error) {
        if let (Some(hear), Error::AuthRevoked { .. }) = (&self.0, error) {
            hear().await;
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heard = if self.0.is_some() {
            "heard"
        } else {
            "not heard"
        };
        f.debug_tuple("Refusal").field(&heard).finish()
    }
}

/// The answer of [`Credential::refused`].
pub type Refusing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The answer of a [`Credential`].
pub type Accessing<'a> = Pin<Box<dyn Future<Output = Result<Access, Error>> + Send + 'a>>;

/// An access token as it was lent.
#[derive(Clone, Debug)]
pub struct Access {
    pub token: Token,
    /// Counts the renewals of its connection, so that two tokens can be told apart without looking.
    pub version: i64,
    /// Where the remote wants it used, if it says so: Zoho's `https://www.zohoapis.eu`.
    pub api_domain: Option<String>,
}

/// A remote that gives access tokens for a grant of ours, each by one call that changes nothing else.
pub trait Mint: fmt::Debug + Send + Sync {
    /// Asks the remote for an access token, once.
    fn mint(&self) -> Minting<'_>;

    /// An access token, fresh or kept, as the header wants it.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if no header could carry it.
    fn token(&self, access_token: &str) -> Result<Token, Error>;
}

/// The answer of [`Mint::mint`].
pub type Minting<'a> = Pin<Box<dyn Future<Output = Result<Minted, Error>> + Send + 'a>>;

/// A fresh access token, for whoever keeps it. `Debug` never shows it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// As it came, for storing.
    pub access_token: SecretString,
    /// How long from the answer on it lives. An hour, by the documents of Zoho and of Creatio.
    pub lives: Duration,
    /// Where the API is, if the remote says: `https://www.zohoapis.eu`. Keep it beside the token.
    pub api_domain: Option<String>,
    /// The rights, if the reply names them, parted by commas or blanks.
    pub scope: Option<String>,
}

/// Whatever is said, a token is renewed once a day: no instant is beyond what a database can add.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_token_is_sent_verbatim() {
        let token = Token::basic("Y2xpZW50OnNlY3JldA==").unwrap();

        assert_eq!(
            token.header().to_str().unwrap(),
            "Basic Y2xpZW50OnNlY3JldA=="
        );
        assert!(token.header().is_sensitive());
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::basic("canary-secret").unwrap();

        assert_eq!(format!("{token:?}"), "Token([redacted])");
    }

    #[test]
    fn a_token_no_header_can_carry_is_refused_without_showing_it() {
        for bad in [
            "",
            "canary\n",
            "can ary",
            "canaryé",
            "Basic canary",
            "basic canary",
        ] {
            let error = Token::basic(bad).unwrap_err();

            assert!(matches!(error, Error::Misconfigured { .. }), "{bad:?}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{bad:?}");
        }
    }
}
