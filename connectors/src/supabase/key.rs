//! The key of a project, in the two headers it goes by.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Token};

const APIKEY: HeaderName = HeaderName::from_static("apikey");

/// A project's key. `Debug` never shows it, and it has no `Display`.
#[derive(Clone)]
pub struct Key {
    secret: SecretString,
    bearer: Option<Token>,
}

impl Key {
    /// A `service_role` key, which is a JWT and goes as a Bearer too, or a `sb_secret_…` one, which is
    /// none and must not (sheet section 1).
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if it is empty or holds a character that no header may carry.
    pub fn new(key: &str) -> Result<Self, Error> {
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::misconfigured(
                "read the Supabase key",
                "it is empty, or holds a blank, a line end or a character outside ASCII",
            ));
        }
        let bearer = if key.starts_with("sb_") {
            None
        } else {
            Some(Token::bearer(key)?)
        };
        Ok(Self {
            secret: SecretString::from(key),
            bearer,
        })
    }

    pub(super) fn bearer(&self) -> Option<Token> {
        self.bearer.clone()
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut value = HeaderValue::from_str(self.secret.expose_secret())
            .expect("only printable ASCII passes the constructor");
        value.set_sensitive(true);
        HeaderMap::from_iter([(APIKEY, value)])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jwt_goes_as_a_bearer_too() {
        let (old, new) = (Key::new("a.b.c").unwrap(), Key::new("sb_secret_x").unwrap());

        assert!(old.bearer().is_some() && new.bearer().is_none());
        assert!(new.headers()[APIKEY].is_sensitive());
        assert_eq!(format!("{old:?}"), "Key([redacted])");
    }

    #[test]
    fn a_key_no_header_can_carry_is_refused_without_showing_it() {
        for bad in ["", "cana ry", "canary\n", "canaryé"] {
            let error = Key::new(bad).unwrap_err();

            assert!(!format!("{error:?}").contains("canary"), "{bad:?}");
        }
    }
}
