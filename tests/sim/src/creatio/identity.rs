//! The identity service, and the login with cookies (sheet section 1).

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use serde::Deserialize;
use serde_json::json;

use super::config::Config;
use super::reply::{Answer, Fault, oauth, plain, unauthorized};
use super::switches::Switches;

/// The tokens and sessions that are let in.
#[derive(Debug, Default)]
pub(super) struct Desk {
    revoked: bool,
    minted: u64,
    /// With when each runs out.
    tokens: Vec<(String, Duration)>,
    /// The values of `.ASPXAUTH` and `BPMCSRF`.
    sessions: Vec<(String, String)>,
}

/// The form of a call for a token.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    grant_type: String,
    client_id: String,
    client_secret: String,
}

/// The body of a login.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Login {
    user_name: String,
    user_password: String,
}

impl Desk {
    /// Answers a call for a token. There is no refresh token: a client asks again.
    pub(super) fn token(
        &mut self,
        form: &Form,
        config: &Config,
        switches: &Switches,
        now: Duration,
    ) -> Answer {
        if form.client_id != config.client_id
            || form.client_secret != config.client_secret
            || self.revoked
        {
            return oauth(switches.bad_client_status, "invalid_client");
        }
        if form.grant_type != "client_credentials" {
            return oauth(400, "unsupported_grant_type");
        }
        let mut body = json!({
            "access_token": self.mint(switches, now),
            "expires_in": switches.token_life_s,
            "token_type": "Bearer",
        });
        if switches.token_names_scope {
            body["scope"] = json!("ApplicationAccess_51a0c7d2f0b14e3c");
        }
        plain(&body)
    }

    pub(super) fn mint(&mut self, switches: &Switches, now: Duration) -> String {
        self.minted += 1;
        let token = format!("sim-access-{}", self.minted);
        let life = Duration::from_secs(switches.token_life_s);
        self.tokens.retain(|(_, until)| *until > now);
        self.tokens.push((token.clone(), now + life));
        token
    }

    /// Answers a login: 200 even for those who are not let in.
    pub(super) fn login(&mut self, login: &Login, config: &Config) -> Answer {
        if login.user_name != config.user_name || login.user_password != config.user_password {
            let message = "Invalid username or password specified.";
            let body = json!({"Code": 1, "Message": "", "Exception": {"Message": message}});
            return plain(&body).noted("login");
        }
        self.minted += 1;
        let session = (
            format!("sim-auth-{}", self.minted),
            format!("sim-csrf-{}", self.minted),
        );
        let body = json!({"Code": 0, "Message": "", "Exception": null});
        let answer = plain(&body)
            .with(
                "set-cookie",
                format!(".ASPXAUTH={}; path=/; HttpOnly", session.0),
            )
            .with("set-cookie", format!("BPMCSRF={}; path=/", session.1))
            .with(
                "set-cookie",
                format!("BPMLOADER=sim-loader-{}; path=/", self.minted),
            )
            .with(
                "set-cookie",
                format!("UserName={}; path=/", config.user_name),
            );
        self.sessions.push(session);
        answer
    }

    /// Lets a call in by its token, or by its cookies with the header that goes with them.
    pub(super) fn let_in(
        &self,
        headers: &HeaderMap,
        switches: &Switches,
        now: Duration,
    ) -> Result<(), Box<Answer>> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let forced = text("forceusesession").is_some_and(|said| said.eq_ignore_ascii_case("true"));
        if switches.needs_force_use_session && !forced {
            return Err(Box::new(Fault::forbidden().answer(switches)));
        }
        if let Some(token) = text(AUTHORIZATION.as_str()) {
            let token = token.strip_prefix("Bearer ").unwrap_or_default();
            let mut tokens = self.tokens.iter();
            let known = tokens.any(|(known, until)| known == token && *until > now);
            return if known {
                Ok(())
            } else {
                Err(Box::new(unauthorized(switches)))
            };
        }
        let cookies = text(COOKIE.as_str()).unwrap_or_default();
        let cookie = |name: &str| {
            let mut pairs = cookies
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='));
            pairs
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value)
        };
        let mut sessions = self.sessions.iter();
        let session = sessions.find(|(auth, _)| cookie(".ASPXAUTH") == Some(auth));
        match session {
            None => Err(Box::new(unauthorized(switches))),
            Some((_, csrf)) if text("bpmcsrf") == Some(csrf) => Ok(()),
            Some(_) => Err(Box::new(Fault::forbidden().answer(switches))),
        }
    }

    pub(super) fn expire(&mut self) {
        self.tokens.clear();
        self.sessions.clear();
    }

    pub(super) fn revoke(&mut self) {
        self.revoked = true;
        self.expire();
    }
}
