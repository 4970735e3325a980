//! Secrets as the remotes want them. A secret can be sent; it cannot be printed.

use std::fmt;

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
        let fault = if verbatim.is_empty() {
            Some("the token is empty")
        } else if verbatim.to_ascii_lowercase().starts_with("basic ") {
            Some("give the token alone, without the word Basic before it")
        } else if !verbatim.chars().all(|c| c.is_ascii_graphic()) {
            Some("the token holds a blank, a line end or a character outside ASCII")
        } else {
            None
        };
        match fault {
            Some(reason) => Err(Error::misconfigured("read a Basic token", reason)),
            None => Ok(Self(SecretString::from(format!("Basic {verbatim}")))),
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
