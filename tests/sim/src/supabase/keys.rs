//! Who a call is, by its key and its JWT.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::response::Response;

use super::reply::{Fault, gateway};
use super::state::State;

/// What row-level security makes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sees and writes all.
    Service,
    /// Every policy hides every row.
    Anon,
}

impl State {
    pub(super) fn role(
        &self,
        headers: &HeaderMap,
        query_key: Option<&str>,
    ) -> Result<Role, Box<Response>> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(key) = text("apikey").or(query_key) else {
            return Err(Box::new(gateway(
                "No API key found in request",
                "No `apikey` request header or url param was found.",
            )));
        };
        let Some(role) = self.role_of(key) else {
            return Err(Box::new(gateway(
                "Invalid API key",
                "Double check your Supabase `anon` or `service_role` API key.",
            )));
        };
        let is_browser = text(USER_AGENT.as_str()).is_some_and(|agent| agent.contains("Mozilla"));
        if key.starts_with("sb_secret_") && is_browser {
            return Err(Box::new(gateway(
                "Forbidden use of secret API key in browser",
                "Secret API keys can only be used in a protected environment.",
            )));
        }
        let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        match bearer {
            // A new key is no JWT, and passes as a Bearer only beside itself.
            Some(bearer) if bearer.starts_with("sb_") && bearer != key => Err(not_a_jwt()),
            Some(bearer) => {
                let role = self.role_of(bearer).ok_or_else(not_a_jwt)?;
                self.check_time(bearer)?;
                Ok(role)
            }
            None => {
                self.check_time(key)?;
                Ok(role)
            }
        }
    }

    fn role_of(&self, key: &str) -> Option<Role> {
        let config = &self.config;
        if key == config.secret_key || key == config.service_role_key {
            Some(Role::Service)
        } else if key == config.publishable_key || key == config.anon_key {
            Some(Role::Anon)
        } else {
            None
        }
    }

    /// Only JWTs run out.
    fn check_time(&self, key: &str) -> Result<(), Box<Response>> {
        if key.starts_with("sb_") || !self.is_expired() {
            return Ok(());
        }
        let code = if self.now_switches().expired_is_301 {
            "PGRST301"
        } else {
            "PGRST303"
        };
        Err(Box::new(Fault::new(code, "JWT expired").into_response()))
    }
}

fn not_a_jwt() -> Box<Response> {
    let fault = Fault::new(
        "PGRST301",
        "JWSError (CompactDecodeError Invalid number of parts)",
    );
    Box::new(fault.into_response())
}
