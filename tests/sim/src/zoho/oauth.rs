//! The token endpoint of Zoho Accounts: errors with a good status, ten tokens in ten minutes, and an
//! eleventh that kills the first.

use std::collections::VecDeque;
use std::time::Duration;

use axum::response::Response;
use serde_json::{Value, json};

use super::config::{Config, DataCentre};
use super::reply;
use super::switches::Switches;

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// The one grant that there is, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    revoked: bool,
    minted: u64,
    /// Oldest first, with when each runs out.
    active: VecDeque<(String, Duration)>,
    asked: VecDeque<Duration>,
}

/// The form of a call for a token.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Form {
    refresh_token: String,
    client_id: String,
    client_secret: String,
    grant_type: String,
}

impl Form {
    /// The query and the body may both carry the parameters.
    pub(super) fn or(self, other: Self) -> Self {
        let either = |left: String, right: String| if left.is_empty() { right } else { left };
        Self {
            refresh_token: either(self.refresh_token, other.refresh_token),
            client_id: either(self.client_id, other.client_id),
            client_secret: either(self.client_secret, other.client_secret),
            grant_type: either(self.grant_type, other.grant_type),
        }
    }
}

/// Where and when a token is asked for.
pub(super) struct Asking<'a> {
    pub(super) now: Duration,
    pub(super) at: DataCentre,
    pub(super) api_domain: String,
    pub(super) config: &'a Config,
    pub(super) switches: &'a Switches,
}

impl Desk {
    pub(super) fn answer(&mut self, form: &Form, asking: &Asking) -> Response {
        let (config, switches) = (asking.config, asking.switches);
        let fault = if form.grant_type != "refresh_token" {
            Some("unsupported_grant_type")
        } else if form.client_id != config.client_id || asking.at != config.data_centre {
            // Another data centre's accounts host knows no such client.
            Some("invalid_client")
        } else if form.client_secret != config.client_secret {
            Some("invalid_client_secret")
        } else if form.refresh_token != config.refresh_token || self.revoked {
            Some("invalid_code")
        } else {
            None
        };
        if let Some(error) = fault {
            return reply::refused(
                switches.oauth_error_status,
                "oauth",
                &json!({"error": error}),
            );
        }
        if !self.may_ask(asking.now, switches) {
            return denied(switches);
        }
        let token = self.mint(asking.now, switches);
        let mut body = json!({
            "access_token": token,
            "api_domain": asking.api_domain,
            "token_type": "Bearer",
            "expires_in": switches.access_token_life_s,
        });
        if switches.token_names_scope {
            body["scope"] = json!("ZohoInventory.items.READ");
        }
        reply::body(200, body.to_string())
    }

    fn may_ask(&mut self, now: Duration, switches: &Switches) -> bool {
        while self
            .asked
            .front()
            .is_some_and(|at| now - *at >= TEN_MINUTES)
        {
            self.asked.pop_front();
        }
        let may = self.asked.len() < switches.mints_in_ten_minutes;
        if may {
            self.asked.push_back(now);
        } else if switches.asking_prolongs {
            self.asked.iter_mut().for_each(|at| *at = now);
        }
        may
    }

    pub(super) fn mint(&mut self, now: Duration, switches: &Switches) -> String {
        self.minted += 1;
        let token = format!("1000.sim-access-{}", self.minted);
        let life = Duration::from_secs(switches.access_token_life_s);
        self.active.push_back((token.clone(), now + life));
        while self.active.len() > switches.active_access_tokens {
            self.active.pop_front();
        }
        token
    }

    pub(super) fn lets_in(&self, token: &str, now: Duration) -> bool {
        let mut active = self.active.iter();
        active.any(|(known, until)| known == token && *until > now)
    }

    pub(super) fn expire(&mut self) {
        self.active.clear();
    }

    pub(super) fn revoke(&mut self) {
        self.revoked = true;
        self.active.clear();
    }
}

fn denied(switches: &Switches) -> Response {
    let mut body: Value = json!({
        "error_description": "You have made too many requests continuously. Please try again after \
                              some time.",
        "error": "Access Denied",
    });
    if switches.denied_says_failure {
        body["status"] = json!("failure");
    }
    reply::refused(switches.denied_status, "too_many_tokens", &body)
}
